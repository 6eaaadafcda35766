"""The oracle's loop: no task and nobody's absence holds up the others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from oracle.bridge import AT_A_TIME, Bridge, Parts
from oracle.ledger.file import Ledger
from oracle.ledger.tables import Key, Task
from oracle.ledger.tasks import change
from oracle.settlement.life import Event, Margins, State, Step
from oracle.settlement.quotas import Quotas
from tests.support.tasks import SUBJECT, a_task
from xwhep.chain.values import Block
from xwhep.errors.chain import NodeUnavailableError
from xwhep.errors.jobs import FalseResultError, UnavailableError
from xwhep.errors.ledgers import LedgerBusyError

START = 1_000_000
MARGINS = Margins(15, 30, 75)


class Clock:
    """A chain on which nothing happens but time."""

    def __init__(self) -> None:
        self.now = START
        self.fault: Exception | None = None
        self.asked = asyncio.Event()

    async def follow(self) -> Block:
        self.asked.set()
        if self.fault is not None:
            raise self.fault
        return Block(1, b"", b"", self.now)


class Silence:
    """An outbox with nothing to send."""

    async def step(self, *, now: int) -> None:
        pass


class Script:
    """Steps that do what the test says, and else go on to the next state."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.taken: list[tuple[int, Step]] = []
        self.faults: dict[tuple[int, Step], Exception] = {}
        self.hanging: set[Step] = set()
        self.changed = asyncio.Event()

    async def take(self, task: Task, step: Step, *, now: int) -> float:
        self.taken.append((task.id, step))
        self.changed.set()
        if step in self.hanging:
            await asyncio.Event().wait()
        if fault := self.faults.get((task.id, step)):
            raise fault
        happened = {Step.ADMIT: Event.ADMITTED, Step.DISPATCH: Event.DISPATCHED, Step.GIVE_UP: Event.ANSWERED}
        if step in happened:
            self.ledger.run(change, task.key, task.state, happened[step], now=now)
        return 0.0 if step in happened else 60.0

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


class Bench:
    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.ledger.bind(SUBJECT)
        self.clock, self.script = Clock(), Script(self.ledger)
        self.bridge = Bridge(self.ledger, Parts(self.clock, self.script, Silence()), MARGINS, Quotas(100, 100))

    def add(self, *tasks: Task) -> list[Key]:
        keys = [(task.id, task.commitment) for task in tasks]
        self.ledger.run(lambda session: session.add_all(tasks))
        return keys

    def state(self, number: int) -> State:
        task = a_task(number)
        return self.ledger.run(lambda session: session.get_one(Task, (number, task.commitment))).state

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        work = asyncio.create_task(self.bridge.run(stop, 0.01))
        try:
            yield
        finally:
            stop.set()
            await work


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.ledger.close()


async def test_a_task_goes_from_step_to_step(bench: Bench) -> None:
    bench.add(a_task(1))

    async with bench.running():
        await bench.script.until(lambda: (1, Step.LOOK) in bench.script.taken)

    assert bench.script.taken == [(1, Step.ADMIT), (1, Step.DISPATCH), (1, Step.LOOK)]


async def test_a_task_that_fails_again_and_again_stops_no_other(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.add(a_task(1), a_task(2))
    bench.script.faults[1, Step.DISPATCH] = FalseResultError("\x1b[2J")

    async with bench.running():
        await bench.script.until(lambda: (2, Step.LOOK) in bench.script.taken)

    assert bench.state(1) is State.CONFIRMED
    (line,) = [message for message in caplog.messages if "task 1" in message]
    assert "\\x1b[2J" in line


async def test_what_failed_is_tried_again(bench: Bench) -> None:
    bench.add(a_task(1))
    bench.script.faults[1, Step.ADMIT] = OSError("the disk is full")

    async with bench.running():
        await bench.script.until(lambda: bool(bench.script.taken))
        bench.script.faults.clear()
        await bench.script.until(lambda: (1, Step.LOOK) in bench.script.taken)

    assert bench.script.taken.count((1, Step.ADMIT)) == 2


async def test_a_grid_that_does_not_answer_keeps_no_task_from_being_given_up_in_time(bench: Bench) -> None:
    tasks = [a_task(number, deadline=START + 1000) for number in range(1, AT_A_TIME + 3)]
    bench.add(*tasks)
    bench.script.hanging.add(Step.LOOK)

    async with bench.running():
        await bench.script.until(lambda: [step for _, step in bench.script.taken].count(Step.LOOK) == AT_A_TIME)
        bench.clock.now = START + 975
        await bench.script.until(lambda: [step for _, step in bench.script.taken].count(Step.GIVE_UP) == len(tasks))

    assert {bench.state(task.id) for task in tasks} == {State.ANSWERED}


async def test_an_absence_that_all_tasks_share_is_told_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.add(*(a_task(number) for number in range(1, 6)))
    faults = {(number, Step.DISPATCH): UnavailableError("the dispatcher is away") for number in range(1, 6)}
    bench.script.faults.update(faults)

    async with bench.running():
        await bench.script.until(lambda: len(bench.script.taken) == 10)
        bench.script.faults.clear()
        await bench.script.until(lambda: [step for _, step in bench.script.taken].count(Step.LOOK) == 5)

    assert [message[:22] for message in caplog.messages] == ["task 1: dispatch: the ", "the grid is there agai"]


async def test_a_busy_ledger_is_no_absent_grid(bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.add(a_task(1))
    bench.ledger.run(lambda session: session.connection().execute(text("PRAGMA busy_timeout=0")).close())
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with bench.running():
            async with asyncio.timeout(30):
                for _ in range(3):  # at the third the second turn is over
                    bench.clock.asked.clear()
                    await bench.clock.asked.wait()
            other.execute("ROLLBACK")
            await bench.script.until(lambda: (1, Step.LOOK) in bench.script.taken)

    lost, again = caplog.messages
    assert lost.startswith("the ledger: the oracle's ledger cannot be used now (SQLITE_BUSY)")
    assert lost.endswith("it is tried again until that is over")
    assert again == "the ledger can be used again"


async def test_a_grid_that_is_back_is_told_though_the_ledger_was_busy(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench.add(a_task(1), a_task(2))
    bench.script.faults[1, Step.DISPATCH] = UnavailableError("the dispatcher is away")
    bench.script.faults[2, Step.DISPATCH] = LedgerBusyError("SQLITE_BUSY")

    async with bench.running():
        await bench.script.until(lambda: len(bench.script.taken) == 4)
        bench.script.faults.clear()
        await bench.script.until(lambda: [step for _, step in bench.script.taken].count(Step.LOOK) == 2)

    told = [message.split(":")[0] for message in caplog.messages]
    assert sorted(told) == ["task 1", "task 2", "the grid is there again", "the ledger can be used again"]


async def test_without_the_node_nothing_is_begun(bench: Bench) -> None:
    bench.add(a_task(1))
    bench.clock.fault = NodeUnavailableError("http://127.0.0.1:1", "no")

    async with bench.running():
        async with asyncio.timeout(30):
            await bench.clock.asked.wait()

    assert bench.script.taken == []


async def test_a_fault_of_the_program_ends_it(bench: Bench) -> None:
    bench.add(a_task(1))
    bench.script.faults[1, Step.ADMIT] = ZeroDivisionError()

    with pytest.raises(ExceptionGroup) as caught:
        await bench.bridge.run(asyncio.Event(), 0.01)

    assert caught.group_contains(ZeroDivisionError)


async def test_stopping_waits_for_nobody(bench: Bench) -> None:
    bench.add(a_task(1))
    bench.script.hanging.add(Step.ADMIT)

    async with asyncio.timeout(30), bench.running():
        await bench.script.until(lambda: bool(bench.script.taken))

    assert bench.state(1) is State.SEEN
