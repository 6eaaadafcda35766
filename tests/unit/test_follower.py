"""The follower with a node that is far away, of two minds, weak or asleep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session

from oracle.follower import STALL_S, Follower
from oracle.ledger.file import Ledger
from oracle.ledger.history import known_blocks, next_block
from oracle.ledger.tables import Task
from oracle.settlement.life import State
from oracle.settlement.requests import Subject
from oracle.settlement.scan_ranges import BLOCKS_KEPT, FAR, NEAR
from tests.support.measuring import unmeasured
from tests.support.small_chain import CHAIN_ID, GENESIS, HUB, SmallChain, SmallHub, SmallNode, submitted
from xwhep.errors.chain import NodeUnavailableError
from xwhep.world import World

#: as many blocks as are read in two far ranges, and then in near ones
LONG = FAR + BLOCKS_KEPT + NEAR


class Scene:
    """A small chain, and a follower of it."""

    def __init__(self, ledger: Ledger) -> None:
        self.chain = SmallChain()
        self.node = SmallNode(self.chain)
        self.hub = SmallHub(self.node)
        self.ledger = ledger
        self.clock_s = 0.0
        self.follower = self.follow_with(confirmations=1)

    def follow_with(self, confirmations: int | None) -> Follower:
        return Follower(
            self.ledger, self.node, self.hub, confirmations=confirmations, world=World(monotonic=lambda: self.clock_s)
        )

    def mine(self, count: int) -> None:
        for _ in range(count):
            self.chain.mine()

    def state(self, number: int) -> State:
        return self.ledger.run(Session.get_one, Task, (number, submitted(number).commitment)).state


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.bind(Subject(CHAIN_ID, GENESIS, HUB, first_block=1))
    yield Scene(ledger)
    ledger.close()


async def test_what_is_long_past_is_read_in_few_requests(scene: Scene) -> None:
    scene.mine(1500)
    scene.chain.mine(submitted(1))
    scene.mine(3000)

    head = await scene.follower.follow()

    assert head.number == 4501
    assert scene.state(1) is State.SEEN
    assert scene.ledger.run(next_block) == 4501
    assert len([line for line in scene.node.asked if line.startswith("events")]) == 5 + BLOCKS_KEPT // 64
    assert len(scene.node.asked) < 2 * BLOCKS_KEPT
    assert len(scene.ledger.run(known_blocks)) == BLOCKS_KEPT


async def test_only_finalized_blocks_are_read_when_that_is_wished(scene: Scene) -> None:
    scene.mine(10)

    await scene.follow_with(confirmations=None).follow()

    assert scene.ledger.run(next_block) == 9


async def test_nothing_is_read_of_a_chain_that_is_shorter_than_the_confirmations(scene: Scene) -> None:
    scene.mine(3)

    await scene.follow_with(confirmations=12).follow()

    assert scene.ledger.run(next_block) == 1


@pytest.mark.parametrize("fate", [State.SEEN, State.ORPHANED])
@pytest.mark.parametrize("old", [pytest.param(0, id="near"), pytest.param(LONG, id="far", marks=unmeasured)])
@pytest.mark.parametrize("moment", range(6))
async def test_a_reorganisation_in_the_middle_of_reading_is_noticed(
    scene: Scene, moment: int, old: int, fate: State
) -> None:
    scene.mine(1)
    scene.chain.mine(submitted(1))
    scene.mine(1)
    await scene.follower.follow()
    assert scene.state(1) is State.SEEN
    scene.mine(3 + old)
    asked = 0

    def lose_once() -> None:
        nonlocal asked
        if asked == moment:
            scene.chain.lose((5 if fate is State.ORPHANED else 4) + old)  # with what was read before, or without
            scene.chain.mine(submitted(2))
            scene.mine(5 + old)
        asked += 1

    scene.node.before_header = lose_once
    await scene.follower.follow()
    await scene.follower.follow()

    hashes = {block.number: block.hash for block in scene.chain.blocks}
    assert all(hashes[number] == known for number, known in scene.ledger.run(known_blocks))
    assert scene.ledger.run(next_block) == scene.chain.height
    assert (scene.state(1), scene.state(2)) == (fate, State.SEEN)


async def test_a_node_that_refuses_many_blocks_at_once_is_asked_for_less_and_then_for_more(scene: Scene) -> None:
    scene.mine(2000)
    scene.hub.most = 100

    for _ in range(400):
        try:
            await scene.follower.follow()
            break
        except NodeUnavailableError:
            continue

    assert scene.ledger.run(next_block) == 2000


async def test_a_node_without_the_block_it_spoke_of_is_of_no_use_now(scene: Scene) -> None:
    scene.mine(5)
    scene.node.before_header = lambda: setattr(scene.node, "behind", 2)

    with pytest.raises(NodeUnavailableError, match="it has no block 5, which it spoke of"):
        await scene.follower.follow()


async def test_a_chain_that_stands_still_is_told_once_and_again_when_it_goes_on(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.mine(5)
    for _ in range(4):
        await scene.follower.follow()
        scene.clock_s += STALL_S
    scene.mine(1)
    await scene.follower.follow()

    assert caplog.messages == [
        "the chain stands still at block 5; waiting for the next",
        "the chain goes on at block 6",
    ]
