"""The ledger and a chain that changes its mind: once it was read, the ledger says what the chain says."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from oracle.follower import Follower
from oracle.ledger.file import Ledger
from oracle.ledger.history import next_block
from oracle.ledger.tables import Key, Task
from oracle.ledger.tasks import change
from oracle.settlement.life import OPEN, Event, State
from oracle.settlement.requests import Subject
from tests.support.measuring import unmeasured
from tests.support.small_chain import CHAIN_ID, GENESIS, HUB, ChainEvent, SmallChain, SmallHub, SmallNode
from tests.support.small_chain import settled as settled_event
from tests.support.small_chain import submitted as submitted_event
from xwhep.chain.values import SettledTask, SubmittedTask, TaskStatus

pytestmark = unmeasured

CONFIRMATIONS = 1
STEPS = 60
ENDS = [TaskStatus.DONE, TaskStatus.FAILED, TaskStatus.REFUNDED]
ROAD = {
    State.SEEN: Event.ADMITTED,
    State.CONFIRMED: Event.DISPATCHED,
    State.DISPATCHED: Event.ANSWERED,
    State.ANSWERED: Event.SIGNED,
    State.SENT: Event.VOIDED,
}


def all_tasks(session: Session) -> dict[Key, Task]:
    return {(task.id, task.commitment): task for task in session.exec(select(Task))}


class Life:
    """A chain that grows and forks, a node that lags and repeats itself, an oracle that works and is killed."""

    def __init__(self, ledger: Ledger, chance: random.Random) -> None:
        self.chance = chance
        self.chain = SmallChain()
        self.node = SmallNode(self.chain)
        self.hub = SmallHub(self.node)
        self.ledger = ledger
        self.start()

    def start(self) -> None:
        self.ledger.bind(Subject(CHAIN_ID, GENESIS, HUB, first_block=1))
        self.follower = Follower(self.ledger, self.node, self.hub, confirmations=CONFIRMATIONS)

    async def live(self) -> None:
        steps = [self.grow, self.grow, self.grow, self.work, self.work, self.read, self.read, self.fork, self.compare]
        for _ in range(STEPS):
            await self.chance.choice(steps)()
        await self.grow()
        await self.compare()

    async def grow(self) -> None:
        happened = self.chain.happened(self.chain.height)
        submissions = [event.id for event in happened if isinstance(event, SubmittedTask)]
        ended = {event.id for event in happened if isinstance(event, SettledTask)}
        new = [
            submitted_event(len(submissions) + index, params=self.chance.choice([b"some", b"other"]))
            for index in range(1, 1 + self.chance.randrange(3))
        ]
        ends = [
            settled_event(number, self.chance.choice(ENDS))
            for number in submissions
            if number not in ended and self.chance.random() < 0.3
        ]
        self.chain.mine(*new, *ends)

    async def fork(self) -> None:
        depth = min(self.chance.randint(1, 5), self.chain.height)
        lost = self.chain.lose(depth)
        fate = self.chance.choice(["lost", "again", "other"])
        self.chain.mine(*(lost if fate == "again" else ()))
        for _ in range(self.chance.randint(0, depth)):
            await self.grow() if fate == "other" else self.chain.mine()

    async def work(self) -> None:
        """Take a task one step further, as the bridge does."""
        waiting = [(key, task.state) for key, task in self.ledger.run(all_tasks).items() if task.state in ROAD]
        if waiting:
            key, state = self.chance.choice(waiting)
            assert self.ledger.run(change, key, state, ROAD[state], now=0)

    async def read(self) -> None:
        if self.chance.random() < 0.2:
            self.start()
        self.node.behind = self.chance.choice([0, 0, 0, 1, 2, 3])
        self.hub.times = self.chance.choice([1, 1, 2])
        await self.follower.follow()

    async def compare(self) -> None:
        self.node.behind = 0
        await self.follower.follow()
        cursor = self.ledger.run(next_block)
        if cursor <= self.chain.height + 1:  # otherwise nothing is known until the chain has grown past what was read
            assert cursor > self.chain.height - CONFIRMATIONS
            check(self.ledger.run(all_tasks), self.chain.happened(cursor - 1))


def check(tasks: dict[Key, Task], happened: list[ChainEvent]) -> None:
    """Check that a ledger's tasks are those of the chain."""
    ends = {event.id: event.status for event in happened if isinstance(event, SettledTask)}
    living = {(event.id, event.commitment) for event in happened if isinstance(event, SubmittedTask)}
    assert {key for key, task in tasks.items() if task.state is not State.ORPHANED} == living
    for key in living:
        end = ends.get(key[0])
        assert tasks[key].settled_status is end
        if end is None:
            assert tasks[key].state in OPEN
        else:
            assert tasks[key].state is (State.REFUNDED if end is TaskStatus.REFUNDED else State.SETTLED)


@settings(max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # a seed shrinks to none
@given(seed=st.integers(0, 2**32))
def test_the_ledger_says_what_the_chain_says(seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="xwhep-ledger-") as folder:
        ledger = Ledger(Path(folder) / "ledger.db")
        try:
            asyncio.run(Life(ledger, random.Random(seed)).live())  # noqa: S311 - chance, not secrets
        finally:
            ledger.close()
