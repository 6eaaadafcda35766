"""Why a job waits, as its owner is told, against the real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.leases import SAME_HOST_PAUSE
from dispatcher.usecases import jobs, leasing, members, results
from dispatcher.usecases.waiting import HEARD_OF
from tests.support.desk import Desk
from tests.support.kinds import KINDS, NATIVE, VANITY
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.protocol.jobs import WaitingView
from xwhep.rights import Caller, Role


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "grid.sqlite")
    yield desk
    desk.database.close()


def waiting(desk: Desk, uid: UUID) -> WaitingView | None:
    return desk.database.run_now(jobs.show, KINDS, desk.owner, uid, now=desk.now).waiting


def reason(desk: Desk, uid: UUID) -> str:
    found = waiting(desk, uid)
    assert found is not None
    return found.reason


def a_busy_host(desk: Desk, name: str) -> Caller:
    """Return a host that works on something."""
    host = desk.member(name, Role.HOST)
    desk.search()
    assert desk.lease(host, VANITY) is not None
    return host


def lose(desk: Desk, host: Caller) -> None:
    """Let a host take the oldest job and give it back."""
    lease = desk.lease(host, NATIVE)
    assert lease is not None
    end = FinishAttempt(outcome=Outcome.LOST, reason="the worker was stopped")
    desk.database.run_now(results.finish, KINDS, host, (lease.job_uid, lease.attempt), end, now=desk.now)


def test_a_job_whose_kind_was_unloaded_says_so(desk: Desk) -> None:
    job = desk.submit()
    less = Kinds.load([VANITY])

    shown = desk.database.run_now(jobs.show, less, desk.owner, job.uid, now=desk.now)

    assert shown.waiting == WaitingView(since=desk.now, reason="this grid runs no more jobs of kind native")


def test_a_job_that_no_host_fits_waits_for_one(desk: Desk) -> None:
    desk.member("never-seen", Role.HOST)
    job = desk.submit()

    assert waiting(desk, job.uid) == WaitingView(since=desk.now, reason="no host that fits was heard of lately")


def test_a_host_that_is_revoked_or_away_is_none(desk: Desk) -> None:
    revoked, _ = a_busy_host(desk, "revoked"), a_busy_host(desk, "away")
    job = desk.submit()
    both = reason(desk, job.uid)
    desk.database.run_now(members.revoke_host, KINDS, revoked.uid, now=desk.now)
    one = reason(desk, job.uid)
    desk.pass_time(HEARD_OF.total_seconds())

    assert both == "each of the 2 hosts that fit is busy, or takes no jobs of this kind"
    assert one == "the only host that fits is busy, or takes no jobs of this kind"
    assert reason(desk, job.uid) == "no host that fits was heard of lately"


def test_a_job_whose_only_host_has_just_lost_it_says_when_it_gets_it_again(desk: Desk) -> None:
    host = desk.member("bob", Role.HOST)
    job = desk.submit()
    lose(desk, host)
    lost_at = desk.now
    desk.pass_time(12)
    assert desk.lease(host, NATIVE) is None
    soon = waiting(desk, job.uid)
    desk.pass_time(SAME_HOST_PAUSE.total_seconds() - 12 + 1)
    desk.database.run_now(leasing.prolong, [], {host.uid: desk.now})
    later = reason(desk, job.uid)

    assert soon is not None
    assert (soon.since, soon.reason) == (lost_at, "the only host that fits has just lost it; the next try is in 78 s")
    assert later == "the only host that fits is busy, or takes no jobs of this kind"
    assert desk.lease(host, NATIVE) is not None


def test_a_job_that_one_host_has_just_lost_waits_for_the_other(desk: Desk) -> None:
    a_busy_host(desk, "alice")
    host = desk.member("bob", Role.HOST)
    job = desk.submit()
    lose(desk, host)

    assert reason(desk, job.uid) == "each of the 2 hosts that fit is busy, or takes no jobs of this kind"


def test_a_job_that_runs_or_has_ended_does_not_wait(desk: Desk) -> None:
    job = desk.submit()
    desk.lease(desk.member("bob", Role.HOST), NATIVE)
    running = waiting(desk, job.uid)
    desk.database.run_now(jobs.cancel, KINDS, desk.owner, job.uid, now=desk.now)

    assert running is waiting(desk, job.uid) is None
