"""A worker and a kind of app that it has never heard of, against a dispatcher made small."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.counting import Counted, CountRunner, CountWork, KnownError, ReportTen
from worker.agent import events
from worker.agent.bounds import Bounds
from worker.agent.decisions import Agent
from worker.agent.events import Cause, Event, Ref
from worker.cache import Cache
from worker.config import WorkerSettings
from worker.offers import find_offer
from worker.runs.registry import load
from worker.shell import GIVEN_BACK, Shell
from worker.spool import Spool
from worker.trouble import Mailbox
from xwhep.client.connection import Connection
from xwhep.client.host import HostClient
from xwhep.errors.jobs import UnavailableError
from xwhep.lifecycle import AttemptStatus
from xwhep.pki.contexts import unverified_context
from xwhep.protocol.attempts import (
    Ask,
    AttemptAnswer,
    AttemptReply,
    Exchange,
    ExchangedEnd,
    ExchangedReport,
    ExchangeReply,
    FinishAttempt,
    Lease,
    Outcome,
    Report,
)
from xwhep.protocol.base import Problem

CONTENT = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#: more than any test waits for; counting that far takes no second
PATIENCE_S = 60.0


REF = Ref(UUID(int=1), 1)
#: farther than anything counts here
ENDLESS = 10**9


def a_lease(to: int, content: str | None = None) -> Lease[CountWork]:
    work = CountWork(to=to, content=content)
    return Lease[CountWork](job_uid=UUID(int=1), attempt=1, lease_s=60, heartbeat_s=10, work=work)


class SmallDispatcher(HostClient):
    """A dispatcher that gives what it was made with and remembers what it is told; nothing is sent."""

    def __init__(self, *leases: Lease[CountWork]) -> None:
        super().__init__(Connection("https://127.0.0.1:1", unverified_context()), CountWork)
        self.leases = list(leases)
        self.asked: list[Ask] = []
        self.reports: list[Report] = []
        self.ends: dict[Ref, FinishAttempt] = {}
        self.absences = 0  #: fetches that find nobody
        self.known: set[int] = set()  #: numbers that are refused as known
        self.on_fetch = asyncio.Event()
        self.on_report = asyncio.Event()
        self.on_end = asyncio.Event()

    async def exchange(self, exchange: Exchange[Any]) -> ExchangeReply[Any]:
        answers = [self._report(said) for said in exchange.reports]
        ends = [self._end(said) for said in exchange.ends]
        leases = []
        if exchange.ask is not None:
            self.asked.append(exchange.ask)
            if not self.leases and not exchange.says():
                await asyncio.Event().wait()  # the poll stays open
            leases = [self.leases.pop()] if self.leases else []
        return ExchangeReply[Any](reports=answers, ends=ends, leases=leases)

    def _report(self, said: ExchangedReport[Any]) -> AttemptAnswer:
        name = {"job_uid": said.job_uid, "attempt": said.attempt}
        assert isinstance(said.report, ReportTen)
        self.on_report.set()
        if said.report.number in self.known:
            return AttemptAnswer(**name, problem=Problem(code=KnownError.code, detail="known", status=409))
        self.reports.append(said.report)
        return AttemptAnswer(
            **name, reply=AttemptReply(status=AttemptStatus.LEASED, details={"known": len(self.reports)})
        )

    def _end(self, said: ExchangedEnd) -> AttemptAnswer:
        fields = {name: getattr(said, name) for name in FinishAttempt.model_fields}
        self.ends[Ref(said.job_uid, said.attempt)] = FinishAttempt(**fields)
        self.on_end.set()
        reply = AttemptReply(status=AttemptStatus.FINISHED)
        return AttemptAnswer(job_uid=said.job_uid, attempt=said.attempt, reply=reply)

    async def fetch(self, job_uid: UUID, attempt: int, digest: str, destination: Path) -> None:  # noqa: ARG002
        if self.absences:
            self.absences -= 1
            raise UnavailableError("away")
        await asyncio.to_thread(destination.write_bytes, b"")
        self.on_fetch.set()


@dataclass
class Worker:
    """Agent, shell and disk as the daemon puts them together."""

    folder: Path
    dispatcher: SmallDispatcher
    is_able: bool = True  #: whether it takes the kind that it knows
    mailbox: Mailbox = field(default_factory=Mailbox)

    def __post_init__(self) -> None:
        self.kinds = load(WorkerSettings(kinds=frozenset({"tests.support.counting"})))
        self.spool = Spool(self.folder / "attempts", self.kinds)
        traits = {name: runner.traits() for name, runner in self.kinds.items() if self.is_able}
        self.agent = Agent(Bounds(1, traits, 2**30), lambda: 0.0)

    @property
    def runner(self) -> CountRunner:
        runner = self.kinds["count"]
        assert isinstance(runner, CountRunner)
        return runner

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Shell]:
        """Run until the block ends."""
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            cache = Cache(self.folder / "cache", 2**30)
            shell = Shell(self.dispatcher, self.spool, cache, self.kinds, self.mailbox, tasks)
            kept = self.spool.recover(datetime.now(UTC))
            self.mailbox.tell(events.Started, kept)
            loop = tasks.create_task(self._loop(shell))
            yield shell
            self.mailbox.tell(events.ShutdownRequested)
            await loop
            shell.close()

    async def _loop(self, shell: Shell) -> None:
        while not self.agent.is_done():
            self.handle(await self.mailbox.events.get(), shell)

    def handle(self, event: Event, shell: Shell) -> None:
        shell.perform(self.agent.handle(event))


class PowerCutError(Exception):
    """Ends a worker between two of its steps."""


async def test_a_kind_that_the_worker_has_never_heard_of_is_run_to_its_end(tmp_path: Path) -> None:
    dispatcher = SmallDispatcher(a_lease(25, CONTENT))
    dispatcher.absences = 1
    worker = Worker(tmp_path, dispatcher)

    offer = await find_offer(worker.kinds)
    async with worker.running():
        await dispatcher.on_end.wait()

    assert offer.usable == {"count"}
    assert dispatcher.asked[0].kinds == {"count": {"most": 1000}}
    assert dispatcher.reports == [ReportTen(number=number, amount=number) for number in (10, 20)]
    assert dispatcher.ends == {REF: FinishAttempt(outcome=Outcome.FINISHED, amount=25)}
    assert worker.runner.facts() == {"known": 2}
    assert list((tmp_path / "attempts").iterdir()) == []


async def test_what_can_rest_rests_until_the_owner_lets_it_go_on(tmp_path: Path) -> None:
    dispatcher = SmallDispatcher(a_lease(25, CONTENT))
    worker = Worker(tmp_path, dispatcher)

    async with worker.running() as shell:
        worker.mailbox.tell(partial(events.Paused, is_on=True))
        await dispatcher.on_fetch.wait()
        for _ in range(1000):
            await asyncio.sleep(0)
        rested_at = shell.runs[REF].latest.amount
        worker.mailbox.tell(partial(events.Paused, is_on=False))
        await dispatcher.on_end.wait()

    assert rested_at == 0
    assert dispatcher.ends[REF].amount == 25


async def test_what_was_cut_short_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    checkpoint = tmp_path / "attempts" / f"{REF.job_uid}-1" / "checkpoint.json"
    before, after = (Worker(tmp_path, SmallDispatcher(*leases)) for leases in ([a_lease(ENDLESS)], []))

    with pytest.raises(ExceptionGroup) as ended:
        await cut_short(before, checkpoint)
    saved = Counted.model_validate_json(checkpoint.read_bytes()).number
    async with after.running():
        await until(lambda: after.runner.began_at is not None)

    assert ended.group_contains(PowerCutError)
    assert after.runner.began_at == saved >= 10
    assert after.dispatcher.ends[REF].reason == Cause.SHUTDOWN
    assert after.dispatcher.ends[REF].amount >= saved


async def test_what_was_cut_short_is_further_than_nothing_before_it_goes_on(tmp_path: Path) -> None:
    """The first heartbeat may come before the first step, and a search that goes on must not seem to begin."""
    checkpoint = tmp_path / "attempts" / f"{REF.job_uid}-1" / "checkpoint.json"
    with pytest.raises(ExceptionGroup):
        await cut_short(Worker(tmp_path, SmallDispatcher(a_lease(ENDLESS))), checkpoint)
    saved = Counted.model_validate_json(checkpoint.read_bytes()).number
    after = Worker(tmp_path, SmallDispatcher())

    async with after.running() as shell:
        after.mailbox.tell(partial(events.Paused, is_on=True))
        await until(lambda: REF in shell.runs)
        amount = shell.runs[REF].latest.amount

    assert amount == saved


async def test_what_was_cut_short_is_given_back_by_a_machine_that_can_run_it_no_more(tmp_path: Path) -> None:
    checkpoint = tmp_path / "attempts" / f"{REF.job_uid}-1" / "checkpoint.json"
    with pytest.raises(ExceptionGroup):
        await cut_short(Worker(tmp_path, SmallDispatcher(a_lease(ENDLESS))), checkpoint)
    after = Worker(tmp_path, SmallDispatcher(), is_able=False)

    async with after.running():
        await after.dispatcher.on_end.wait()

    assert after.dispatcher.ends[REF].reason == GIVEN_BACK


async def cut_short(worker: Worker, checkpoint: Path) -> None:
    """Run a worker until it has reported something and written down how far it is, and not a step further."""
    async with worker.running() as shell:
        await worker.dispatcher.on_report.wait()
        shell.perform([events.SaveProgress((REF,))])
        await until(checkpoint.exists)
        raise PowerCutError


async def until(check: Callable[[], bool]) -> None:
    """Return when `check` is true; what it looks at tells nobody when it changes."""
    while not check():  # noqa: ASYNC110 - see above
        await asyncio.sleep(0)


async def test_a_report_that_the_dispatcher_has_already_is_no_refusal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher = SmallDispatcher(a_lease(25))
    dispatcher.known = {10}
    worker = Worker(tmp_path, dispatcher)

    async with worker.running():
        await dispatcher.on_end.wait()

    assert [report.amount for report in dispatcher.reports] == [20]
    assert dispatcher.ends[REF].outcome is Outcome.FINISHED
    assert "refused" not in caplog.text


async def test_an_error_that_withdraws_its_kind_is_told_by_its_code_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher = SmallDispatcher(a_lease(-1))
    worker = Worker(tmp_path, dispatcher)

    async with worker.running():
        await dispatcher.on_end.wait()

    assert dispatcher.ends[REF].outcome is Outcome.LOST
    assert dispatcher.ends[REF].reason == "the machine could not do it (cannot-count): its own log says why"
    assert "the abacus in /home/volunteer is broken" in caplog.text
    assert worker.agent.bounds.kinds == {}


async def test_what_is_said_of_a_run_that_has_just_ended_harms_nobody(tmp_path: Path) -> None:
    """The agent may speak of a run whose end is still in its mailbox."""
    dispatcher = SmallDispatcher(a_lease(1))
    worker = Worker(tmp_path, dispatcher)

    async with worker.running() as shell:
        await dispatcher.on_end.wait()
        assert REF not in shell.runs
        shell.perform(
            [
                events.StopRun(REF, Cause.TAKEN_BACK),
                events.PauseRuns((REF,)),
                events.ResumeRuns((REF,)),
                events.SaveProgress((REF,)),
            ]
        )

    assert dispatcher.ends[REF].outcome is Outcome.FINISHED
