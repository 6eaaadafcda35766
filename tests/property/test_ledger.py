"""The ledger and a chain that changes its mind: once it was read, the ledger says what the chain says."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlmodel import Session, select

from oracle.follower import Follower
from oracle.ledger import Key, Ledger, Subject, change
from oracle.reading import next_block
from oracle.settlement import OPEN, Event, State
from oracle.tables import Task
from tests.support.small_chain import CHAIN_ID, GENESIS, HUB, ChainEvent, SmallChain, SmallHub, SmallNode
from tests.support.small_chain import settled as settled_event
from tests.support.small_chain import submitted as submitted_event
from xwhep.chain.values import SettledTask, SubmittedTask, TaskStatus

CONFIRMATIONS = 2
ROAD = {
    State.SEEN: Event.ADMITTED,
    State.CONFIRMED: Event.DISPATCHED,
    State.DISPATCHED: Event.ANSWERED,
    State.ANSWERED: Event.SIGNED,
    State.SENT: Event.VOIDED,
}


def all_tasks(session: Session) -> dict[Key, Task]:
    return {(task.id, task.commitment): task for task in session.exec(select(Task))}


class LedgerLife(RuleBasedStateMachine):
    """A chain that grows and forks, a node that lags, an oracle that works on what it reads and is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="xwhep-ledger-"))
        self.chain = SmallChain()
        self.chain.mine()
        self.node = SmallNode(self.chain)
        self.hub = SmallHub(self.node)
        self.ledger = Ledger(self.folder / "ledger.db")
        self.start()

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @rule()
    def start(self) -> None:
        self.ledger.bind(Subject(CHAIN_ID, GENESIS, HUB, first_block=1))
        self.follower = Follower(self.ledger, self.node, self.hub, confirmations=CONFIRMATIONS)

    def pending(self) -> list[int]:
        happened = self.chain.happened(self.chain.height)
        ended = {event.id for event in happened if isinstance(event, SettledTask)}
        return [event.id for event in happened if isinstance(event, SubmittedTask) and event.id not in ended]

    def next_number(self) -> int:
        return 1 + sum(isinstance(event, SubmittedTask) for event in self.chain.happened(self.chain.height))

    @rule(count=st.integers(0, 2), params=st.binary(max_size=1))
    def submissions(self, count: int, params: bytes) -> None:
        first = self.next_number()
        self.chain.mine(*(submitted_event(first + index, params) for index in range(count)))

    @rule(data=st.data(), status=st.sampled_from([TaskStatus.DONE, TaskStatus.FAILED, TaskStatus.REFUNDED]))
    def settlement(self, data: st.DataObject, status: TaskStatus) -> None:
        if pending := self.pending():
            self.chain.mine(settled_event(data.draw(st.sampled_from(pending)), status))

    @rule(depth=st.integers(1, 8), length=st.integers(0, 9), again=st.booleans())
    def reorganisation(self, depth: int, length: int, again: bool) -> None:  # noqa: FBT001 - drawn
        lost = self.chain.lose(min(depth, self.chain.height))
        for index in range(length):
            self.chain.mine(*(lost if again and index == 0 else ()))

    @rule(behind=st.integers(0, 4))
    def lag(self, behind: int) -> None:
        self.node.behind = min(behind, self.chain.height)

    @rule(times=st.integers(1, 3))
    def repetition(self, times: int) -> None:
        self.hub.times = times

    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        waiting = [(key, task.state) for key, task in self.ledger.run(all_tasks).items() if task.state in ROAD]
        if waiting:
            key, state = data.draw(st.sampled_from(waiting))
            assert self.ledger.run(change, key, state, ROAD[state], now=0)

    @rule()
    def read(self) -> None:
        asyncio.run(self.follower.follow())

    @rule()
    def comparison(self) -> None:
        self.node.behind = 0
        asyncio.run(self.follower.follow())
        cursor = self.ledger.run(next_block)
        if cursor <= self.chain.height + 1:  # otherwise nothing is known until the chain has grown past what was read
            assert cursor > self.chain.height - CONFIRMATIONS
            self.check(self.chain.happened(cursor - 1))

    def check(self, happened: list[ChainEvent]) -> None:
        tasks = self.ledger.run(all_tasks)
        ends = {event.id: event.status for event in happened if isinstance(event, SettledTask)}
        living = {(event.id, event.commitment) for event in happened if isinstance(event, SubmittedTask)}
        assert {key for key, task in tasks.items() if task.state is not State.ORPHANED} == living
        for key in living:
            task = tasks[key]
            assert task.settled_status is ends.get(key[0])
            match ends.get(key[0]):
                case None:
                    assert task.state in OPEN
                case TaskStatus.REFUNDED:
                    assert task.state is State.REFUNDED
                case _:
                    assert task.state is State.SETTLED


LedgerLife.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLedgerLife = LedgerLife.TestCase
