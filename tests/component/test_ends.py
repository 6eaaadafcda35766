"""Where attempts and jobs end, through the use cases on the real database: several live attempts, and late reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session, col, select, update

from dispatcher.scheduling.leases import LEASE, SAME_HOST_PAUSE
from dispatcher.storage.orders import READY, Ready
from dispatcher.storage.tables import Attempt, AttemptOutput, Job
from dispatcher.usecases import batches, ends, jobs, leasing, ready, results, slices
from dispatcher.usecases.ends import AttemptEnd
from dispatcher.usecases.submissions import BatchSubmission
from tests.support.desk import Desk
from tests.support.kinds import KINDS, NATIVE, AnyLease
from xwhep.errors.jobs import LeaseLostError
from xwhep.lifecycle import AttemptStatus, BatchStatus, Blame, Status
from xwhep.protocol.attempts import AttemptProgress, FinishAttempt, Outcome
from xwhep.protocol.batches import SubmitBag
from xwhep.protocol.jobs import JobView, Output, SubmitJob
from xwhep.rights import Caller, Role


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "grid.sqlite")
    yield desk
    desk.database.close()


def run(desk: Desk, use_case: Any, *args: Any) -> Any:
    return desk.database.run_now(use_case, KINDS, *args, now=desk.now)


def show(desk: Desk, uid: UUID) -> JobView:
    return desk.database.run_now(jobs.show, KINDS, desk.owner, uid, now=desk.now)


def want(desk: Desk, uid: UUID, attempts: int) -> None:
    """Set how many more attempts of a job may be leased, which no policy of today does."""

    def set_wanted(session: Session) -> None:
        session.execute(update(Job).where(col(Job.uid) == uid).values(attempts_wanted=attempts))
        ready.note_again(session, {uid: attempts})

    desk.database.run_now(set_wanted)


def wanted(desk: Desk, uid: UUID) -> int:
    found: int = desk.database.run_now(lambda session: session.get_one(Job, uid).attempts_wanted)
    return found


def leased(desk: Desk, host: Caller) -> AnyLease:
    lease = desk.lease(host, NATIVE)
    assert lease is not None
    return lease


def finish(
    desk: Desk, host: Caller, lease: AnyLease, outcome: Outcome = Outcome.FINISHED, outputs: list[Output] | None = None
) -> None:
    end = FinishAttempt(outcome=outcome, outputs=outputs or [])
    run(desk, results.finish, host, (lease.job_uid, lease.attempt), end)


def upload(desk: Desk, host: Caller, lease: AnyLease, letter: str) -> Output:
    """Note that an attempt has uploaded its standard output."""
    output = Output(name="stdout", digest=letter * 64, size_bytes=3)
    ref, content = (lease.job_uid, lease.attempt), (output.digest, output.size_bytes)
    run(desk, results.uploaded, host, ref, content)
    return output


def stopped(desk: Desk, host: Caller, lease: AnyLease) -> bool:
    """Tell whether the host is told to stop an attempt."""
    report = AttemptProgress(job_uid=lease.job_uid, attempt=lease.attempt)
    _, stop = desk.database.run_now(leasing.sorted_out, host, [report])
    return bool(stop)


def statuses(desk: Desk, uid: UUID) -> list[AttemptStatus]:
    return [attempt.status for attempt in show(desk, uid).attempts]


def blames(desk: Desk, uid: UUID) -> list[Blame | None]:
    def load(session: Session) -> list[Blame | None]:
        rows = session.exec(select(Attempt).where(Attempt.job_uid == uid).order_by(col(Attempt.number)))
        return [row.blame for row in rows]

    return desk.database.run_now(load)


@pytest.fixture
def bob(desk: Desk) -> Caller:
    return desk.member("bob", Role.HOST)


@pytest.fixture
def carol(desk: Desk) -> Caller:
    return desk.member("carol", Role.HOST)


# --- several live attempts


def test_two_hosts_lease_a_job_of_which_two_attempts_are_wanted(desk: Desk, bob: Caller, carol: Caller) -> None:
    job = desk.submit()
    want(desk, job.uid, 2)

    given = [leased(desk, bob), leased(desk, carol)]

    assert [(lease.job_uid, lease.attempt) for lease in given] == [(job.uid, 1), (job.uid, 2)]
    assert desk.lease(desk.member("dan", Role.HOST), NATIVE) is None
    assert show(desk, job.uid).status is Status.RUNNING


@pytest.mark.parametrize("winner", [0, 1])
def test_the_first_result_decides_and_the_other_attempt_is_revoked(
    desk: Desk, bob: Caller, carol: Caller, winner: int
) -> None:
    job = desk.submit()
    want(desk, job.uid, 2)
    hosts = [bob, carol]
    given = [leased(desk, host) for host in hosts]
    outputs = [upload(desk, host, lease, letter) for host, lease, letter in zip(hosts, given, "ab", strict=True)]
    loser = 1 - winner

    finish(desk, hosts[winner], given[winner], outputs=[outputs[winner]])

    seen = show(desk, job.uid)
    assert (seen.status, seen.outputs) == (Status.COMPLETED, [outputs[winner]])
    assert seen.attempts[winner].status is AttemptStatus.FINISHED
    assert seen.attempts[loser].status is AttemptStatus.REVOKED
    assert seen.attempts[loser].reason == "another attempt has decided the job"
    assert blames(desk, job.uid)[loser] is Blame.GRID
    assert stopped(desk, hosts[loser], given[loser])
    with pytest.raises(LeaseLostError):
        finish(desk, hosts[loser], given[loser], outputs=[outputs[loser]])
    assert desk.database.run_now(jobs.output_of, desk.owner, job.uid, "stdout") == outputs[winner]


def test_a_failure_of_the_jobs_own_decides_too(desk: Desk, bob: Caller, carol: Caller) -> None:
    job = desk.submit()
    want(desk, job.uid, 2)
    first, second = leased(desk, bob), leased(desk, carol)

    finish(desk, carol, second, Outcome.FAILED)

    assert show(desk, job.uid).status is Status.FAILED
    assert statuses(desk, job.uid) == [AttemptStatus.REVOKED, AttemptStatus.FAILED]
    assert blames(desk, job.uid) == [Blame.GRID, Blame.JOB]
    assert stopped(desk, bob, first)


def test_a_lost_attempt_decides_nothing_while_another_is_live(desk: Desk, bob: Caller, carol: Caller) -> None:
    job = desk.submit()
    want(desk, job.uid, 2)
    first, second = leased(desk, bob), leased(desk, carol)

    finish(desk, bob, first, Outcome.LOST)
    running, more = show(desk, job.uid).status, wanted(desk, job.uid)
    finish(desk, carol, second, Outcome.LOST)

    assert (running, more) == (Status.RUNNING, 0)
    assert (show(desk, job.uid).status, wanted(desk, job.uid)) == (Status.PENDING, 1)
    assert blames(desk, job.uid) == [Blame.HOST, Blame.HOST]


def test_two_attempts_that_are_lost_at_once_count_as_two(desk: Desk, bob: Caller, carol: Caller) -> None:
    job = desk.submit()
    want(desk, job.uid, 2)
    leased(desk, bob)
    leased(desk, carol)

    desk.pass_time(LEASE.total_seconds() + 1)
    expired = run(desk, leasing.expire)
    dan = desk.member("dan", Role.HOST)
    third = leased(desk, dan)
    finish(desk, dan, third, Outcome.LOST)

    assert (expired, third.attempt) == (2, 3)
    assert show(desk, job.uid).status is Status.ERROR
    assert desk.lease(desk.member("erin", Role.HOST), NATIVE) is None


def test_a_cancelled_job_takes_all_its_attempts_with_it(desk: Desk, bob: Caller, carol: Caller) -> None:
    job = desk.submit()
    want(desk, job.uid, 3)
    given = [(host, leased(desk, host)) for host in (bob, carol)]

    run(desk, jobs.cancel, desk.owner, job.uid)

    seen = show(desk, job.uid)
    assert seen.status is Status.CANCELLED
    assert [(one.status, one.reason) for one in seen.attempts] == [(AttemptStatus.REVOKED, "the job was cancelled")] * 2
    assert all(stopped(desk, host, lease) for host, lease in given)
    assert wanted(desk, job.uid) == 0
    assert desk.lease(desk.member("dan", Role.HOST), NATIVE) is None


# --- after the end


@pytest.mark.parametrize("outcome", Outcome)
def test_a_job_that_has_ended_can_be_leased_while_attempts_are_wanted(
    desk: Desk, bob: Caller, carol: Caller, outcome: Outcome
) -> None:
    job = desk.submit()
    lease = leased(desk, bob)
    output = upload(desk, bob, lease, "a")
    finish(desk, bob, lease, outputs=[output])
    before = show(desk, job.uid)
    want(desk, job.uid, 1)

    check = leased(desk, carol)
    meanwhile = show(desk, job.uid)
    finish(desk, carol, check, outcome, [upload(desk, carol, check, "b")] if outcome is not Outcome.LOST else None)
    after = show(desk, job.uid)

    assert (check.job_uid, check.attempt) == (job.uid, 2)
    assert meanwhile.status is after.status is Status.COMPLETED
    assert (after.ended_at, after.outputs) == (before.ended_at, [output])
    assert after.attempts[1].status == AttemptStatus(outcome)
    assert wanted(desk, job.uid) == 0


def test_what_further_attempts_leave_is_kept_by_attempt(desk: Desk, bob: Caller, carol: Caller) -> None:
    job = desk.submit()
    finish(desk, bob, first := leased(desk, bob), outputs=[upload(desk, bob, first, "a")])
    want(desk, job.uid, 1)
    finish(desk, carol, second := leased(desk, carol), outputs=[upload(desk, carol, second, "b")])

    rows = desk.database.run_now(lambda session: list(session.exec(select(AttemptOutput))))

    assert {(row.attempt, row.digest[0]) for row in rows} == {(1, "a"), (2, "b")}


def test_a_lost_attempt_of_a_job_that_has_ended_is_lost_alone(desk: Desk, bob: Caller, carol: Caller) -> None:
    job = desk.submit()
    finish(desk, bob, leased(desk, bob))
    want(desk, job.uid, 1)
    leased(desk, carol)

    desk.pass_time(LEASE.total_seconds() + 1)
    run(desk, leasing.expire)

    assert show(desk, job.uid).status is Status.COMPLETED
    assert statuses(desk, job.uid) == [AttemptStatus.FINISHED, AttemptStatus.LOST]
    assert wanted(desk, job.uid) == 0


# --- once


@pytest.mark.parametrize("end", sorted(set(AttemptStatus) - {AttemptStatus.LEASED}))
def test_an_attempt_ends_from_its_lease_and_only_once(desk: Desk, bob: Caller, end: AttemptStatus) -> None:
    job = desk.submit()
    leased(desk, bob)
    assert len(run(desk, ends.end_attempts, [AttemptEnd(job.uid, 1, end)])) == 1

    for other in AttemptStatus:
        if other is not AttemptStatus.LEASED:
            assert run(desk, ends.end_attempts, [AttemptEnd(job.uid, 1, other)]) == []
    assert statuses(desk, job.uid) == [end]


def test_a_lease_that_was_prolonged_meanwhile_does_not_expire(desk: Desk, bob: Caller) -> None:
    job = desk.submit()
    leased(desk, bob)
    silent = AttemptEnd(job.uid, 1, AttemptStatus.LOST, silent_since=desk.now)

    assert run(desk, ends.settle, [silent]) == []
    assert statuses(desk, job.uid) == [AttemptStatus.LEASED]


def test_a_bag_ends_with_its_last_job_and_does_not_end_again(desk: Desk, bob: Caller) -> None:
    requests = [SubmitJob(uid=desk.next_uid(), app_uid=desk.app_uid) for _ in range(2)]
    bag = SubmitBag(uid=desk.next_uid(), name="bag", jobs=requests)
    run(desk, batches.submit, desk.owner, BatchSubmission.of(KINDS.sources[bag.kind], bag, lambda _: 0))
    seen = []
    for _ in requests:
        desk.pass_time(SAME_HOST_PAUSE.total_seconds())
        finish(desk, bob, leased(desk, bob))
        seen.append(desk.database.run_now(batches.show, KINDS, desk.owner, bag.uid))

    assert [batch.status for batch in seen] == [BatchStatus.RUNNING, BatchStatus.COMPLETED]
    assert (seen[0].ended_at, seen[1].ended_at) == (None, desk.now)
    assert not run_ending(desk, bag.uid)


def run_ending(desk: Desk, uid: UUID) -> bool:
    """Tell whether a batch ends by this."""

    def end(session: Session) -> bool:
        return slices.end_batch(session, KINDS, uid, cancelled=True, now=desk.now)

    return desk.database.run_now(end)


def test_hosts_that_wait_hear_of_a_job_that_is_given_back(desk: Desk, bob: Caller) -> None:
    lease = leased_of_one(desk, bob)

    def give_back(session: Session) -> Ready:
        end = AttemptEnd(lease.job_uid, lease.attempt, AttemptStatus.LOST)
        ends.settle(session, KINDS, [end], now=desk.now)
        found: Ready = session.info[READY]
        return found

    assert sum(desk.database.run_now(give_back).values()) == 1


def leased_of_one(desk: Desk, host: Caller) -> AnyLease:
    desk.submit()
    return leased(desk, host)
