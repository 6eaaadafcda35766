"""Use cases of two callers, interleaved statement by statement: the conditions of the statements keep every promise."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from dispatcher.kinds.vanity_tables import Search, VanityHost, VanityUnit
from dispatcher.storage.tables import Attempt, Batch, Job
from dispatcher.usecases import batches, jobs, leasing, reports, results, slices
from dispatcher.usecases.giving import Asker
from dispatcher.usecases.submissions import BatchSubmission
from tests.support.desk import Desk, lease_to, poll_request
from tests.support.interleaving import Caller, Which, look, play, sets
from tests.support.kinds import KINDS, NATIVE, AnyLease
from xwhep.errors.jobs import LeaseLostError
from xwhep.errors.requests import IllegalTransitionError
from xwhep.lifecycle import AttemptStatus, Status, is_final
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.protocol.batches import SubmitBag
from xwhep.protocol.jobs import SubmitJob
from xwhep.rights import Caller as Member
from xwhep.rights import Role
from xwhep.vanity.messages import ReportShare, VanityWork
from xwhep.vanity.units import offset

Step = Callable[["Scene", Caller], None]

SEEDS: Final = 60
STEPS: Final = 8
#: what a caller hears who comes second: nothing else may go wrong
SECOND: Final = (LeaseLostError, IllegalTransitionError)


@dataclass
class Scene:
    """A bag of two jobs and a search, and two hosts."""

    desk: Desk
    file: Path
    hosts: list[Member]
    bag_uid: UUID
    job_uids: list[UUID]
    search_uid: UUID
    leases: list[AnyLease] = field(default_factory=list)  #: all that were ever given
    accepted: list[tuple[UUID, int]] = field(default_factory=list)  #: attempts whose end was answered as finished
    ended: dict[str, str] = field(default_factory=dict)  #: final statuses as they were first seen, by job

    def see(self) -> None:
        """Take in which jobs have ended, and check that none has changed since."""
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            for uid, status in connection.execute("SELECT uid, status FROM jobs").fetchall():
                if is_final(Status(status)):
                    assert self.ended.setdefault(uid, status) == status, "a job was decided twice"

    def cancelled_batches(self) -> set[str]:
        """Return the batches that are cancelled, whether or not their jobs are."""
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            return {uid for (uid,) in connection.execute("SELECT uid FROM batches WHERE cancelled").fetchall()}


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what follows from the end of a batch take several slices."""
    monkeypatch.setattr("dispatcher.usecases.slices.PENDING_AT_A_TIME", 1)
    monkeypatch.setattr("dispatcher.usecases.slices.LIVE_AT_A_TIME", 1)


def make_scene(folder: Path) -> Scene:
    desk = Desk(folder / "grid.sqlite")
    hosts = [desk.member(name, Role.HOST) for name in ("bob", "carol")]
    wanted = [SubmitJob(uid=desk.next_uid(), app_uid=desk.app_uid) for _ in range(2)]
    bag = SubmitBag(uid=desk.next_uid(), name="bag", jobs=wanted)
    submission = BatchSubmission.of(KINDS.sources["bag"], bag, lambda _: 0)
    desk.database.run_now(batches.submit, KINDS, desk.owner, submission, now=desk.now)
    search_uid = desk.search("1").uid
    return Scene(desk, desk.file, hosts, bag.uid, [job.uid for job in wanted], search_uid)


def script(scene: Scene, number: int, seed: int) -> Callable[[Caller], None]:
    """Return what one caller does: steps that chance picks."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - a test's own

    def run(caller: Caller) -> None:
        held: list[tuple[Member, AnyLease]] = []
        now = scene.desk.now
        for _ in range(STEPS):
            now += timedelta(seconds=chance.choice([1, 1, 61]))
            step = chance.choice(
                [_lease, _lease, _finish, _finish, _report, _expire, _cancel_job, _cancel_batch, _follow]
            )
            with contextlib.suppress(*SECOND):
                step(scene, caller, held, chance, now)
            scene.see()

    return run


def _lease(scene: Scene, caller: Caller, held: Any, chance: random.Random, now: datetime) -> None:
    host = chance.choice(scene.hosts)
    request = poll_request(*([NATIVE] if chance.random() < 0.7 else []))
    cancelled = scene.cancelled_batches()
    for lease in caller.run(lease_to, KINDS, Asker.of(KINDS, host, request), now=now):
        batch_uid = lease.work.batch_uid if isinstance(lease.work, VanityWork) else scene.bag_uid
        assert batch_uid.hex not in cancelled, "a job of a cancelled batch was leased"
        scene.leases.append(lease)
        held.append((host, lease))


def _finish(scene: Scene, caller: Caller, held: Any, chance: random.Random, now: datetime) -> None:
    if not held:
        return
    host, lease = chance.choice(held)
    outcome = chance.choice([Outcome.FINISHED, Outcome.FINISHED, Outcome.FAILED, Outcome.LOST])
    end = FinishAttempt(outcome=outcome, amount=chance.randrange(1000))
    ref = lease.job_uid, lease.attempt
    reply = caller.run(results.finish, KINDS, host, ref, end, now=now)
    if reply.status is AttemptStatus.FINISHED:
        scene.accepted.append(ref)


def _report(scene: Scene, caller: Caller, held: Any, chance: random.Random, now: datetime) -> None:
    searching = [(host, lease) for host, lease in held if isinstance(lease.work, VanityWork)]
    if not searching:
        return
    host, lease = chance.choice(searching)
    s = offset(lease.work.batch_uid, lease.work.number, 0, 0, 0)
    share = ReportShare(s=f"{s:064x}", e=0, sign=1)
    caller.run(reports.report, KINDS, host, (lease.job_uid, lease.attempt), share, now=now)


def _expire(scene: Scene, caller: Caller, held: Any, chance: random.Random, now: datetime) -> None:
    caller.run(leasing.expire, KINDS, now=now)


def _cancel_job(scene: Scene, caller: Caller, held: Any, chance: random.Random, now: datetime) -> None:
    if chance.random() < 0.3:
        caller.run(jobs.cancel, KINDS, scene.desk.owner, chance.choice(scene.job_uids), now=now)


def _cancel_batch(scene: Scene, caller: Caller, held: Any, chance: random.Random, now: datetime) -> None:
    if chance.random() < 0.2:
        uid = chance.choice([scene.bag_uid, scene.search_uid])
        caller.run(batches.cancel, KINDS, scene.desk.owner, uid, now=now)


def _follow(scene: Scene, caller: Caller, held: Any, chance: random.Random, now: datetime) -> None:
    caller.run(slices.follow_up, KINDS, now=now)


def check(session: Session, scene: Scene) -> None:
    """Finish what was cut into slices, and check that no job was leased twice, decided twice, or counted wrong."""
    while slices.follow_up(session, KINDS, now=scene.desk.now):
        pass
    named = [(lease.job_uid, lease.attempt) for lease in scene.leases]
    assert len(set(named)) == len(named), "the same attempt was leased twice"
    attempts: dict[UUID, list[Attempt]] = {}
    for attempt in session.exec(select(Attempt)):
        attempts.setdefault(attempt.job_uid, []).append(attempt)
    for job in session.exec(select(Job)):
        _check_job(job, attempts.get(job.uid, []))
    for job_uid, number in set(scene.accepted):
        job = session.get_one(Job, job_uid)
        assert job.status is Status.CANCELLED or job.result_attempt == number, "an accepted result is not the result"
    _check_batches(session, attempts)


def _check_job(job: Job, attempts: list[Attempt]) -> None:
    """Check a job against its attempts; a cancel between two statements of another leaves these as they are."""
    was_cancelled = job.status is Status.CANCELLED
    numbers = sorted(attempt.number for attempt in attempts)
    all_numbers = list(range(1, job.attempts_made + 1))
    assert numbers == all_numbers or (was_cancelled and numbers == all_numbers[:-1]), "attempts were counted wrong"
    live = [attempt for attempt in attempts if attempt.ended_at is None]
    assert len(live) + job.attempts_wanted == (0 if is_final(job.status) else 1), "leased twice, or never again"
    decided = [a.number for a in attempts if a.status in {AttemptStatus.FINISHED, AttemptStatus.FAILED}]
    assert len(decided) <= 1, "decided twice"
    if not was_cancelled:
        has_result = job.status in {Status.COMPLETED, Status.FAILED}
        assert decided == ([job.result_attempt] if has_result else []), "decided by another attempt than its result's"
    assert (job.ended_at is not None) == is_final(job.status)


def _check_batches(session: Session, attempts: dict[UUID, list[Attempt]]) -> None:
    jobs_of: dict[UUID | None, list[Job]] = {}
    for job in session.exec(select(Job)):
        jobs_of.setdefault(job.batch_uid, []).append(job)
    for batch in session.exec(select(Batch)):
        members = jobs_of.get(batch.uid, [])
        open_jobs = [job for job in members if not is_final(job.status)]
        statuses = Counter(job.status for job in members)
        counted = {status: getattr(batch, f"jobs_{status}") for status in Status}
        assert counted == {status: statuses[status] for status in Status}, "the jobs of a batch were counted wrong"
        assert not (batch.ended_at and open_jobs), "a batch has ended and a job of it has not"
        assert batch.kind != "bag" or batch.ended_at or open_jobs, "all jobs of a bag have ended and it has not"
    for search in session.exec(select(Search)):
        units = jobs_of.get(search.batch_uid, [])
        ended = sum(a.amount for job in units for a in attempts.get(job.uid, []) if a.ended_at)
        assert search.keys_tried == ended, "keys tried were counted wrong"
        assert search.next_number == len(units), "units were counted wrong"
    proven = sum(unit.keys_proven for unit in session.exec(select(VanityUnit)))
    assert sum(host.keys_proven for host in session.exec(select(VanityHost))) == proven, "credit was counted wrong"


def play_once(template: Scene, file: Path, seed: int, taken_out: Which | None = None) -> None:
    """Play one seed on a copy of the scene, and check what came of it."""
    shutil.copy(template.desk.file, file)
    scene = replace(template, file=file, leases=[], accepted=[], ended={})
    play(file, seed, [script(scene, number, seed) for number in range(2)], taken_out)
    with look(file) as session:
        check(session, scene)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene = make_scene(tmp_path_factory.mktemp("scene"))
    scene.desk.database.close()  # which brings all into the one file
    return scene


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_interleaved_callers_break_no_promise(first: int, template: Scene, tmp_path: Path) -> None:
    for seed in range(first, first + 20):
        play_once(template, tmp_path / str(seed), seed)


# --- each condition is needed


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a scene in which one host has leased the first job of the bag."""
    scene = make_scene(tmp_path_factory.mktemp("at-work"))
    lease = scene.desk.lease(scene.hosts[0], NATIVE)
    assert lease is not None
    scene.leases.append(lease)
    scene.desk.database.close()
    return scene


def poll(scene: Scene, caller: Caller) -> None:
    _lease(scene, caller, [], random.Random(0), scene.desk.now)  # noqa: S311 - a test's own


def finish(scene: Scene, caller: Caller) -> None:
    lease = scene.leases[0]
    ref = lease.job_uid, lease.attempt
    end = FinishAttempt(outcome=Outcome.FINISHED)
    caller.run(results.finish, KINDS, scene.hosts[0], ref, end, now=scene.desk.now)
    scene.accepted.append(ref)


def expire(scene: Scene, caller: Caller) -> None:
    caller.run(leasing.expire, KINDS, now=scene.desk.now + timedelta(seconds=61))


def cancel(scene: Scene, caller: Caller) -> None:
    caller.run(jobs.cancel, KINDS, scene.desk.owner, scene.leases[0].job_uid, now=scene.desk.now)


CLAIM = sets("jobs", "attempts_made")
DECISION = sets("jobs", "attempts_wanted", but=("attempts_made",))
ATTEMPT_END = sets("attempts", "blame")


@pytest.mark.parametrize(
    ("taken_out", "scene", "steps"),
    [
        pytest.param(CLAIM, "template", (poll, poll), id="the claim of an attempt"),
        pytest.param(DECISION, "at_work", (finish, cancel), id="the decision on a job"),
        pytest.param(ATTEMPT_END, "at_work", (finish, expire), id="the end of an attempt"),
    ],
)
def test_without_its_condition_a_statement_breaks_a_promise(
    request: pytest.FixtureRequest, taken_out: Which, scene: str, steps: tuple[Step, Step], tmp_path: Path
) -> None:
    """Two steps that meet hold their promises in every order; without the condition, in some order they do not."""
    template: Scene = request.getfixturevalue(scene)
    broken = 0
    for seed in range(30):
        collide(template, steps, tmp_path / f"whole-{seed}", seed, None)
        try:
            collide(template, steps, tmp_path / f"bare-{seed}", seed, taken_out)
        except (AssertionError, IntegrityError):  # a broken promise, or a second row where there can be one
            broken += 1

    assert broken > 0


def collide(template: Scene, steps: tuple[Step, Step], file: Path, seed: int, taken_out: Which | None) -> None:
    """Let two callers take one step each, at once."""
    shutil.copy(template.desk.file, file)
    scene = replace(template, file=file, leases=list(template.leases), accepted=[], ended={})

    def live(step: Step) -> Callable[[Caller], None]:
        def run(caller: Caller) -> None:
            with contextlib.suppress(*SECOND):
                step(scene, caller)
            scene.see()

        return run

    play(file, seed, [live(step) for step in steps], taken_out)
    scene.see()
    with look(file) as session:
        check(session, scene)
