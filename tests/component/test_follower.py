"""The follower on both kinds of chain: the ledger says what the chain says, also after the chain changed its mind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from oracle.follower import Follower
from oracle.ledger.tasks import answer, change
from oracle.settlement.life import Event, State
from oracle.settlement.scan_ranges import ChainEvent
from tests.support.chains import each_kind_measured_once
from tests.support.settling import ANSWERED, Desk, desk
from xwhep.chain.hub import Hub
from xwhep.chain.node import Node
from xwhep.chain.values import SubmittedTask, TaskStatus
from xwhep.devchain.start import Kind
from xwhep.errors.chain import NodeUnavailableError, WrongChainError

pytestmark = each_kind_measured_once

SURVIVORS = range(1, 4)  #: tasks whose submission is older than the blocks that get lost
LOST = range(4, 10)
ROADS = {
    4: [],
    5: [Event.ADMITTED],
    6: [Event.ADMITTED, Event.DISPATCHED],
    7: [Event.ANSWERED],
    8: [Event.ANSWERED],  # and sent
    9: [Event.ANSWERED],  # and sent, in a block already if the reorganisation is deep enough
}


class Doubling(Hub):
    """A node that says everything twice, and some things in another way."""

    forge = False

    async def events(self, first: int, last: int) -> list[ChainEvent]:
        events = [event for event in await super().events(first, last) for _ in range(2)]
        return [self._forged(event) for event in events] if self.forge else events

    def _forged(self, event: ChainEvent) -> ChainEvent:
        return replace(event, params=b"other parameters") if isinstance(event, SubmittedTask) else event


class Lagging(Node):
    """A node whose head is sometimes behind."""

    behind = 0

    async def head(self) -> int:
        return await super().head() - self.behind


@pytest.fixture
async def it(kind: Kind, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(kind, tmp_path, confirmations=0) as opened:
        yield opened


def follower(it: Desk, *, node: Node | None = None, hub: Hub | None = None, confirmations: int | None = 0) -> Follower:
    return Follower(it.ledger, node or it.node, hub or it.hub, confirmations=confirmations)


async def tasks_in_every_state(it: Desk, depth: int) -> int:
    """Have tasks in every state, all with something that the last `depth` blocks say; return how many these became."""
    await it.submit(2)
    await it.submit(1, seconds=90)
    await it.chain.controls.advance(120)
    await it.follow()
    [finish] = await it.sign(it.oracle, [await it.finish(1)])
    survived = await it.node.head()
    await it.node.send_raw(finish)
    await it.perform(it.user, it.hub.refund(3), *(it.submission(nonce=number) for number in LOST))
    await it.follow()
    for number, road in ROADS.items():
        bring(it, number, road)
    for number in (8, 9):
        [task] = [task for task in it.tasks() if task.id == number]
        assert await it.outbox.send(task, now=it.now)
    await it.mine(depth - 1)
    return await it.node.head() - survived


def bring(it: Desk, number: int, road: Sequence[Event]) -> None:
    """Bring a task on its way, as the bridge does."""
    for event in road:
        [task] = [task for task in it.tasks() if task.id == number]
        if event is Event.ANSWERED:
            it.ledger.run(answer, task, ANSWERED, batch_is_over=False, now=it.now)
        else:
            it.ledger.run(change, task.key, task.state, event, now=it.now)


@pytest.mark.parametrize("fate", ["lost", "again"])
@pytest.mark.parametrize("depth", range(1, 6))
async def test_after_a_reorganisation_every_task_goes_on_as_the_chain_says(it: Desk, depth: int, fate: str) -> None:
    again = fate == "again"  # the same transactions come into the new blocks
    depth = await tasks_in_every_state(it, depth)
    assert list(it.states().values()) == [
        State.SETTLED,
        State.SEEN,
        State.REFUNDED,
        State.SEEN,
        State.CONFIRMED,
        State.DISPATCHED,
        State.ANSWERED,
        State.SENT,
        State.SENT,
    ]

    await it.chain.controls.reorganise(depth, again=again)
    await it.mine()
    await it.follow()

    for number in LOST:
        assert (it.states()[number] is not State.ORPHANED) is again
    for _ in range(5):
        await it.turn()
    await it.follow()
    living = {number for number, state in it.states().items() if state is not State.ORPHANED}
    assert living == {*SURVIVORS, *(LOST if again else [])}
    for number in living - {3}:
        assert it.states()[number] is State.SETTLED
        assert await it.status(number) is TaskStatus.DONE
    assert it.states()[3] is (
        State.REFUNDED if again else State.ANSWERED
    )  # too late for an answer, by the chain's time


async def test_blocks_within_the_confirmations_are_not_believed(it: Desk) -> None:
    patient = follower(it, confirmations=3)
    await it.submit(1)
    await it.mine(2)
    await patient.follow()
    assert it.states() == {}
    await it.chain.controls.reorganise(3)
    await it.mine(5)
    await patient.follow()
    assert it.states() == {}

    await it.submit(1)
    await it.mine(3)
    await patient.follow()

    assert it.states() == {1: State.SEEN}
    assert len(it.tasks()) == 1


async def test_a_number_that_goes_to_another_task_makes_another_row(it: Desk) -> None:
    await it.submit(1)
    await it.follow()
    await it.chain.controls.reorganise(1)
    await it.perform(it.user, it.submission(nonce=77))

    await it.follow()

    assert [(task.id, task.state) for task in it.tasks()].count((1, State.SEEN)) == 1
    assert [(task.id, task.state) for task in it.tasks()].count((1, State.ORPHANED)) == 1


async def test_events_that_come_twice_count_once(it: Desk) -> None:
    twice = follower(it, hub=Doubling(it.node, it.hub.deployment))
    await it.submit(2)
    await it.perform(it.oracle, await it.finish(1))

    await twice.follow()
    await twice.follow()

    assert it.states() == {1: State.SETTLED, 2: State.SEEN}


async def test_a_task_that_a_node_made_up_is_refused(it: Desk, caplog: pytest.LogCaptureFixture) -> None:
    lying = Doubling(it.node, it.hub.deployment)
    lying.forge = True
    await it.submit(1)

    await follower(it, hub=lying).follow()

    assert it.tasks() == []
    assert "task 1 in block" in caplog.text
    assert "its commitment does not fit what it says" in caplog.text


async def test_a_node_that_lags_strikes_nothing_out(it: Desk) -> None:
    lagging = Lagging(it.node._wire)
    hub = Hub(lagging, it.hub.deployment)
    flapping = follower(it, node=lagging, hub=hub)
    await it.submit(1)
    await it.mine()
    await flapping.follow()
    assert it.states() == {1: State.SEEN}

    for behind in (2, 0, 3, 1):
        lagging.behind = behind
        await flapping.follow()
        assert it.states() == {1: State.SEEN}


async def test_a_reorganisation_of_everything_is_read_from_the_beginning(it: Desk) -> None:
    await it.submit(1)
    await it.follow()

    await it.chain.controls.reorganise(await it.node.head(), again=True)
    await it.follow()

    assert it.states() == {1: State.SEEN}


async def test_another_chain_behind_the_same_door_is_refused(it: Desk) -> None:
    await it.submit(1)
    await it.follow()
    elsewhere = it.hub.deployment.model_copy(update={"genesis_hash": "0x" + "12" * 32})
    await it.chain.controls.reorganise(await it.node.head())

    with pytest.raises(WrongChainError, match="its first block is 0x"):
        await follower(it, hub=Hub(it.node, elsewhere)).follow()

    assert it.states() == {1: State.SEEN}


async def test_a_node_that_cannot_serve_so_much_is_asked_for_less(it: Desk) -> None:
    class Weak(Hub):
        async def events(self, first: int, last: int) -> list[ChainEvent]:
            if last - first >= 4:
                raise NodeUnavailableError("http://node", "too much")
            return await super().events(first, last)

    await it.submit(1)
    await it.mine(40)
    weak = follower(it, hub=Weak(it.node, it.hub.deployment))

    for _ in range(60):
        try:
            await weak.follow()
        except NodeUnavailableError:
            continue
        break

    assert it.states() == {1: State.SEEN}
