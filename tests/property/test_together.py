"""Calls of one use case that are taken together: what each brings is as if it had come alone, one after the other."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest

from dispatcher.scheduling.leases import LIVE_ATTEMPTS_ALLOWED
from dispatcher.storage import orders
from dispatcher.storage.orders import QueuedUseCase, UseCaseResult, attempt_all, by_statements
from dispatcher.usecases import exchanges, insertion, jobs
from dispatcher.usecases.exchanges import NOTHING, Exchanging, Said
from dispatcher.usecases.giving import Asker
from dispatcher.usecases.jobs import Submitting
from dispatcher.usecases.results import AttemptName, ReportedEnd
from dispatcher.usecases.submissions import Submission
from tests.support.desk import Desk, poll_request
from tests.support.kinds import KINDS, NATIVE
from tests.support.measuring import unmeasured
from xwhep.protocol.apps import Limits
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.protocol.jobs import Output, SubmitJob
from xwhep.rights import Caller, Role

pytestmark = unmeasured

HOSTS = 4
TABLES = ("jobs", "attempts", "attempt_outputs", "blobs", "match_classes")
Take = Callable[[Desk, list[QueuedUseCase]], list[UseCaseResult]]


def together(desk: Desk, group: list[QueuedUseCase]) -> list[UseCaseResult]:
    """Take all of them in one transaction, as those that wait for a turn."""
    return desk.database.run_now(by_statements(lambda session: attempt_all(session, group)))


def alone(desk: Desk, group: list[QueuedUseCase]) -> list[UseCaseResult]:
    """Take each in a transaction of its own."""
    return [result for order in group for result in together(desk, [order])]


def clock_of(desk: Desk) -> Callable[[], datetime]:
    return lambda: desk.now


class Scene:
    """A desk where the same seed makes the same calls."""

    def __init__(self, file: Path, seed: int, take: Take) -> None:
        self.desk = Desk(file)
        self.chance = random.Random(seed)  # noqa: S311 - a test's own
        self.take = take
        self.clock = clock_of(self.desk)
        self.hosts = [self.desk.member(f"host-{number}", Role.HOST) for number in range(HOSTS)]
        self.stranger = self.desk.member("stranger", Role.USER)
        self.sent: list[SubmitJob] = []
        self.held: list[tuple[Caller, AttemptName]] = []
        self.ended: list[tuple[Caller, AttemptName]] = []

    def submit(self) -> list[UseCaseResult]:
        """Submit: new jobs, jobs sent again by their owner or by somebody else, jobs that are refused."""
        return self.take(self.desk, [self._submission() for _ in range(self.chance.randint(1, 6))])

    def _submission(self) -> QueuedUseCase:
        again = self.chance.sample(self.sent, min(len(self.sent), self.chance.choice([0, 0, 1])))
        new = [self._job() for _ in range(self.chance.randint(1 - len(again), 3))]
        self.sent += new
        caller = self.desk.owner if self.chance.random() < 0.8 else self.stranger
        submitting = Submitting(caller, Submission.of([*again, *new]))
        return QueuedUseCase.one_of(jobs.submit_all, KINDS, submitting, self.clock)

    def _job(self) -> SubmitJob:
        app_uid = self.desk.app_uid if self.chance.random() < 0.9 else self.desk.next_uid()
        limits = Limits(wall_s=604_800) if self.chance.random() < 0.1 else None
        return SubmitJob(uid=self.desk.next_uid(), app_uid=app_uid, limits=limits)

    def ask(self) -> list[UseCaseResult]:
        """Let hosts ask, some of them twice."""
        asking = [self.chance.choice(self.hosts) for _ in range(self.chance.randint(1, 6))]
        results = self.take(self.desk, [self._asking(host, self.chance.randint(1, 3)) for host in asking])
        for host, result in zip(asking, results, strict=True):
            self.held += [(host, (lease.job_uid, lease.attempt)) for lease in result.value.leases]
        return results

    def _asking(self, host: Caller, at_most: int) -> QueuedUseCase:
        asker = Asker.of(KINDS, host, poll_request(NATIVE), at_most=at_most)
        return QueuedUseCase.one_of(exchanges.exchange_all, KINDS, Exchanging(host, NOTHING, asker), self.clock)

    def end(self) -> list[UseCaseResult]:
        """Report ends: of attempts that the host has, that it had, that another has; some of them twice."""
        return self.take(self.desk, [self._end() for _ in range(self.chance.randint(1, 6))])

    def _end(self) -> QueuedUseCase:
        self.chance.shuffle(self.held)
        held, self.held = self.held[:2], self.held[2:]
        self.ended += held
        named = held + self.chance.sample(self.ended, min(len(self.ended), self.chance.choice([0, 0, 1])))
        host = named[0][0] if named else self.hosts[0]
        refs = dict.fromkeys(ref for _, ref in named)
        said = Said(ends=[self._reported(host, ref) for ref in refs])
        return QueuedUseCase.one_of(exchanges.exchange_all, KINDS, Exchanging(host, said, None), self.clock)

    def _reported(self, host: Caller, ref: AttemptName) -> ReportedEnd:
        content = bytes([self.chance.randrange(3)])
        digest = hashlib.sha256(content).hexdigest()
        size = 1 if self.chance.random() < 0.9 else 2  # of another size it is refused
        output = Output(name="stdout", digest=digest, size_bytes=size)
        failed = self.chance.random() < 0.2
        end = FinishAttempt(outcome=Outcome.FINISHED, exit_status=int(failed), outputs=[output])
        if self.chance.random() < 0.2:
            end = FinishAttempt(outcome=Outcome.LOST, reason="given back")
        return ReportedEnd(host.uid, ref, end, {digest: content} if end.outputs else {})


def told(results: Iterable[UseCaseResult]) -> list[str]:
    """Return what callers are told."""
    return [repr((result.value, result.failure)) for result in results]


def rows(desk: Desk) -> dict[str, Counter[Any]]:
    """Return all rows, but not the order in which they were written."""
    with closing(sqlite3.connect(desk.file)) as connection:
        return {table: Counter(connection.execute(f"SELECT * FROM {table}")) for table in TABLES}  # noqa: S608


@pytest.mark.parametrize("seed", range(12))
def test_taken_together_is_as_one_after_the_other(tmp_path: Path, seed: int) -> None:
    (tmp_path / "together").mkdir()
    (tmp_path / "alone").mkdir()
    scenes = [Scene(tmp_path / take.__name__ / "grid", seed, take) for take in (together, alone)]
    for _ in range(10):
        for step in ("submit", "ask", "end"):
            here, there = (getattr(scene, step)() for scene in scenes)
            assert told(here) == told(there), step
            assert rows(scenes[0].desk) == rows(scenes[1].desk), step
    assert sum(rows(scenes[0].desk)["attempt_outputs"].values()), "some jobs were done"


def sizes(calls: mock.Mock) -> list[int]:
    """Return of how many calls a use case for many was run each time."""
    return [len(call.args[2]) for call in calls.call_args_list]


def submissions(desk: Desk, *uids: UUID, app_uid: UUID | None = None) -> list[QueuedUseCase]:
    apps = [desk.app_uid] * len(uids)
    if app_uid is not None:
        apps[-1] = app_uid
    requests = [SubmitJob(uid=uid, app_uid=app) for uid, app in zip(uids, apps, strict=True)]
    calls = [Submitting(desk.owner, Submission.of([request])) for request in requests]
    return [QueuedUseCase.one_of(jobs.submit_all, KINDS, call, clock_of(desk)) for call in calls]


def test_those_that_wait_are_one_run_and_one_that_is_refused_stops_no_other(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "grid")
    with mock.patch.object(jobs, "submit_all", wraps=jobs.submit_all) as run:
        group = submissions(desk, *(desk.next_uid() for _ in range(5)), app_uid=desk.next_uid())
        results = together(desk, group)

    assert sizes(run) == [5]
    assert [getattr(result.failure, "code", None) for result in results] == [None] * 4 + ["not-found"]
    assert sum(rows(desk)["jobs"].values()) == 4


def test_calls_that_depend_on_each_other_are_done_one_after_the_other(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "grid")
    uid = desk.next_uid()
    with mock.patch.object(jobs, "submit_all", wraps=jobs.submit_all) as run:
        results = together(desk, submissions(desk, uid, desk.next_uid(), uid))

    assert sizes(run) == [3, 1, 1, 1]
    assert [result.failure for result in results] == [None] * 3
    assert results[0].value == results[2].value, "a job sent again is the same job"


def test_a_fault_that_nobody_foresaw_reaches_only_who_caused_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And what the run together had noted in memory is forgotten with its rows."""
    desk = Desk(tmp_path / "grid")
    group = submissions(desk, *(desk.next_uid() for _ in range(3)))
    real, bad = insertion.insert_jobs, group[1].call.submission.requests[0].uid

    def insert(session: Any, written: Any, common: Any) -> None:
        real(session, written, common)
        if any(row["uid"] == bad for row in written):
            raise ZeroDivisionError

    with mock.patch.object(jobs, "insert_jobs", insert):
        results = together(desk, group)
    host = desk.member("bob", Role.HOST)
    leased = [desk.lease(host, NATIVE) for _ in range(3)]

    assert [type(result.failure) for result in results] == [type(None), ZeroDivisionError, type(None)]
    assert [lease is None for lease in leased] == [False, False, True]
    assert "3 calls failed together, each is done by itself" in caplog.text


def test_a_host_that_asks_twice_at_once_gets_no_more_than_it_may_have(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "grid")
    host = desk.member("bob", Role.HOST)
    for _ in range(LIVE_ATTEMPTS_ALLOWED + 10):
        desk.submit()
    asker = Asker.of(KINDS, host, poll_request(NATIVE), at_most=LIVE_ATTEMPTS_ALLOWED)
    calls = [Exchanging(host, NOTHING, asker) for _ in range(3)]
    results = together(
        desk, [QueuedUseCase.one_of(exchanges.exchange_all, KINDS, call, clock_of(desk)) for call in calls]
    )

    assert [len(result.value.leases) for result in results] == [LIVE_ATTEMPTS_ALLOWED, 0, 0]


def test_the_time_is_when_calls_are_taken_and_not_when_they_came(tmp_path: Path) -> None:
    """Those that wait are not taken in the order in which they came, and what is written later has the later time."""
    desk = Desk(tmp_path / "grid")
    group = submissions(desk, *(desk.next_uid() for _ in range(2)))
    came = desk.now
    desk.pass_time(5)
    results = [*together(desk, group[1:]), *together(desk, group)]

    assert {result.value.jobs[0].submitted_at - came for result in results} == {timedelta(seconds=5)}


def test_only_calls_of_the_same_use_case_and_kinds_are_taken_together(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "grid")
    host = desk.member("bob", Role.HOST)
    asker = Asker.of(KINDS, host, poll_request(NATIVE))
    asking = QueuedUseCase.one_of(exchanges.exchange_all, KINDS, Exchanging(host, NOTHING, asker), clock_of(desk))
    first, second = submissions(desk, desk.next_uid(), desk.next_uid())
    plain = QueuedUseCase.of(by_statements(lambda _session: "plain"))

    assert [list(places) for places in orders._together([first, asking, plain, second])] == [[0, 3], [1], [2]]
