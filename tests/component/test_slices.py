"""Batches of many jobs that end: the fact is answered at once, the rows follow slice by slice, also after a restart."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlmodel import Session, col, select, update

from dispatcher import housekeeping, server
from dispatcher.scheduling.leases import LEASE
from dispatcher.storage.tables import Attempt, Batch, Job
from dispatcher.usecases import batches, claims, jobs, leasing, members, ready, slices
from dispatcher.usecases.giving import Asker
from dispatcher.usecases.offers import PAST_ENDED, Offer, next_jobs
from dispatcher.usecases.slices import PENDING_AT_A_TIME
from tests.component.test_query_plans import plans, statements
from tests.support.content import register, submit
from tests.support.desk import Desk, poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.kinds import KINDS, NATIVE
from xwhep.client.owner import OwnerClient
from xwhep.errors.jobs import StorageFullError
from xwhep.lifecycle import AttemptStatus, BatchStatus, Status
from xwhep.protocol.apps import Limits
from xwhep.protocol.batches import SubmitBag
from xwhep.protocol.jobs import JobWork, SubmitJob
from xwhep.rights import Caller, Role
from xwhep.world import REAL

#: more than one slice, and less than two
MANY = PENDING_AT_A_TIME + 100


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "grid.sqlite")
    yield desk
    desk.database.close()


def fill(session: Session, batch_uid: UUID, count: int) -> None:
    """Add jobs that wait to a bag, as if it had been submitted with them."""
    first = session.exec(select(Job).where(Job.batch_uid == batch_uid).limit(1)).one().model_dump()
    fields = first | {"work": JobWork(), "limits": Limits()}
    session.connection().execute(insert(Job), [fields | {"uid": REAL.new_uid()} for _ in range(count)])
    batch = update(Batch).where(col(Batch.uid) == batch_uid)
    session.execute(batch.values(jobs_pending=col(Batch.jobs_pending) + count))


def statuses(session: Session, batch_uid: UUID) -> Counter[Status]:
    return Counter(map(Status, session.exec(select(Job.status).where(Job.batch_uid == batch_uid))))


def counted(session: Session, batch_uid: UUID) -> dict[Status, int]:
    batch = session.get_one(Batch, batch_uid, populate_existing=True)
    return {status: count for status in Status if (count := getattr(batch, f"jobs_{status}"))}


def end_alone(session: Session, /, batch_uid: UUID, now: datetime, **columns: Any) -> None:
    """End a batch as its first statement does, and none of its jobs."""
    session.execute(update(Batch).where(col(Batch.uid) == batch_uid).values(ended_at=now, **columns))


def run(desk: Desk, use_case: Any, *args: Any, **named: Any) -> Any:
    return desk.database.run_now(use_case, KINDS, *args, **named, now=desk.now)


# --- through the door


async def a_large_bag(grid: GridUnderTest, alice: OwnerClient, folder: Path) -> UUID:
    app = await register(alice, folder)
    wanted = [SubmitJob(uid=REAL.new_uid(), app_uid=app.uid) for _ in range(2)]
    bag = SubmitBag(uid=REAL.new_uid(), name="large", jobs=wanted)
    await alice.submit_batch(bag)
    await grid.services.database.run(fill, bag.uid, MANY - 2)
    return bag.uid


async def never(_services: object) -> None:
    """Follow nothing up, as a dispatcher that is killed."""
    await asyncio.Event().wait()


async def until_none_waits(grid: GridUnderTest, uid: UUID) -> Counter[Status]:
    """Return the statuses of a batch's jobs once none is pending."""
    while (found := await grid.services.database.read(statuses, uid))[Status.PENDING]:  # noqa: ASYNC110 - rows tell nobody
        await asyncio.sleep(0.01)
    return found


async def test_a_cancelled_batch_is_answered_first_and_followed_up_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(server, "keep_following_up", never)
        async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.host("bob") as bob:
            uid = await a_large_bag(grid, alice, tmp_path)
            replies = [await alice.cancel_batch(uid) for _ in range(2)]
            shown = await alice.batch(uid)
            left = await grid.services.database.read(statuses, uid)
            assert await bob.lease(poll_request(NATIVE)) is None
            (app,) = [app async for app in alice.apps() if app.kind == NATIVE]
            (other,) = await submit(alice, app)
            lease = await bob.lease(poll_request(NATIVE))
    async with a_grid(tmp_path) as again:
        async with asyncio.timeout(60):
            found = await until_none_waits(again, uid)
        assert await again.services.database.read(counted, uid) == found

    assert replies == [shown, shown]
    assert (shown.status, shown.jobs) == (BatchStatus.CANCELLED, {Status.CANCELLED: MANY})
    assert left == {Status.CANCELLED: PENDING_AT_A_TIME, Status.PENDING: MANY - PENDING_AT_A_TIME}
    assert found == {Status.CANCELLED: MANY}
    assert lease is not None
    assert lease.job_uid == other.uid


async def test_what_is_left_is_done_at_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The period is a minute here: only the cancellation itself can be why it is done."""
    keep, follow = housekeeping.keep_following_up, housekeeping.follow_up
    failures = iter([StorageFullError()])

    async def fail_once(services: Any) -> int:
        if (failure := next(failures, None)) is not None:
            raise failure
        return await follow(services)

    monkeypatch.setattr(housekeeping, "follow_up", fail_once)
    monkeypatch.setattr(server, "keep_following_up", lambda services: keep(services, 60))
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        uid = await a_large_bag(grid, alice, tmp_path)
        await alice.cancel_batch(uid)
        async with asyncio.timeout(30):
            await until_none_waits(grid, uid)

    assert "trying again" in caplog.text


# --- slices


def test_a_slice_is_bounded_and_counts(desk: Desk) -> None:
    bag = desk.bag(2)
    desk.database.run_now(fill, bag.uid, 2 * PENDING_AT_A_TIME)
    run(desk, batches.cancel, desk.owner, bag.uid)
    sizes = []
    while ended := run(desk, slices.follow_up):
        sizes.append(ended)

    assert sizes == [PENDING_AT_A_TIME, 2]
    assert desk.database.run_now(statuses, bag.uid) == {Status.CANCELLED: 2 * PENDING_AT_A_TIME + 2}
    assert desk.database.run_now(counted, bag.uid) == {Status.CANCELLED: 2 * PENDING_AT_A_TIME + 2}


def test_live_attempts_of_a_cancelled_batch_are_revoked_slice_by_slice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "LIVE_AT_A_TIME", 2)
    host = desk.member("bob", Role.HOST)
    bag = desk.bag(5)
    assert all(desk.lease(host, NATIVE) for _ in bag.jobs)
    shown = run(desk, batches.cancel, desk.owner, bag.uid)
    first = desk.database.run_now(statuses, bag.uid)
    sizes = [run(desk, slices.follow_up) for _ in range(3)]
    attempts = desk.database.run_now(lambda session: [one.status for one in session.exec(select(Attempt))])

    assert shown.jobs == {Status.CANCELLED: 5}
    assert first == {Status.CANCELLED: 2, Status.RUNNING: 3}
    assert sizes == [2, 1, 0]
    assert attempts == [AttemptStatus.REVOKED] * 5


@pytest.mark.parametrize("ends", [{"cancelled": True}, {}])
def test_no_job_of_a_batch_that_has_ended_is_leased(desk: Desk, ends: dict[str, bool]) -> None:
    """Its row alone says so, before any row of its jobs does."""
    bag = desk.bag(3)
    desk.database.run_now(end_alone, bag.uid, desk.now, **ends)
    desk.pass_time(1)
    after = desk.submit()
    host = desk.member("bob", Role.HOST)
    given = [desk.lease(host, NATIVE) for _ in range(2)]

    assert given[0] is not None
    assert (given[0].job_uid, given[1]) == (after.uid, None)


@pytest.mark.parametrize("ends", [{"cancelled": True}, {}])
def test_a_job_that_was_offered_before_its_batch_ended_is_not_claimed(desk: Desk, ends: dict[str, bool]) -> None:
    bag, host = desk.bag(1), desk.member("bob", Role.HOST)
    offered = desk.database.run_now(look, host)
    desk.database.run_now(end_alone, bag.uid, desk.now, **ends)

    assert [job.uid for job in offered.jobs] == [bag.jobs[0].uid]
    assert desk.database.run_now(claims.claim_all, offered.jobs) == []
    assert desk.database.run_now(statuses, bag.uid) == {Status.PENDING: 1}


def look(session: Session, host: Caller) -> Offer:
    """Return what a host is offered, before it takes any of it."""
    waiting = ready.recall(session)
    profile = Asker.of(KINDS, host, poll_request(NATIVE)).profile
    offer = next_jobs(session, waiting, waiting.fitting.of(profile), None, at_most=1)
    assert offer is not None
    return offer


def test_jobs_of_an_ended_batch_hold_nobody_back_but_their_owner(desk: Desk) -> None:
    """However many there are, a look at their queue is bounded, and the last slice lets hosts look again."""
    bag = desk.bag(2)
    desk.database.run_now(fill, bag.uid, 2 * PAST_ENDED)
    desk.database.run_now(end_alone, bag.uid, desk.now, cancelled=True)
    desk.pass_time(1)
    behind, host = desk.submit(), desk.member("bob", Role.HOST)
    before = desk.lease(host, NATIVE)
    while run(desk, slices.follow_up):
        pass
    after = desk.lease(host, NATIVE)

    assert before is None
    assert after is not None
    assert after.job_uid == behind.uid


def test_a_job_of_a_batch_is_counted_wherever_it_goes(desk: Desk) -> None:
    bag = desk.bag(3)
    seen = [desk.database.run_now(counted, bag.uid)]
    lease = desk.lease(desk.member("bob", Role.HOST), NATIVE)
    seen.append(desk.database.run_now(counted, bag.uid))
    for job in bag.jobs:
        run(desk, jobs.cancel, desk.owner, job.uid)
        seen.append(desk.database.run_now(counted, bag.uid))
    batch = desk.database.run_now(batches.show, KINDS, desk.owner, bag.uid)

    assert lease is not None
    assert seen[:2] == [{Status.PENDING: 3}, {Status.PENDING: 2, Status.RUNNING: 1}]
    assert seen[-1] == {Status.CANCELLED: 3}
    assert (batch.status, batch.ended_at) == (BatchStatus.FAILED, desk.now)


# --- hosts and leases


def several_live(desk: Desk, count: int) -> Caller:
    """Return a host that has leased so many jobs."""
    host = desk.member("bob", Role.HOST)
    for _ in range(count):
        desk.submit()
        assert desk.lease(host, NATIVE) is not None
    return host


def attempts_of(session: Session) -> list[tuple[AttemptStatus, str | None]]:
    return [(one.status, one.reason) for one in session.exec(select(Attempt))]


def test_attempts_of_a_revoked_host_are_taken_back_slice_by_slice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "LIVE_AT_A_TIME", 2)
    host, other = several_live(desk, 5), desk.member("carol", Role.HOST)
    desk.submit()
    assert desk.lease(other, NATIVE) is not None
    run(desk, members.revoke_host, host.uid)
    first = desk.database.run_now(attempts_of)
    desk.reopen()
    sizes = [run(desk, slices.follow_up) for _ in range(3)]
    taken = (AttemptStatus.LOST, "the host was revoked")

    assert Counter(first) == {taken: 2, (AttemptStatus.LEASED, None): 4}
    assert sizes == [2, 1, 0]
    assert Counter(desk.database.run_now(attempts_of)) == {taken: 5, (AttemptStatus.LEASED, None): 1}


@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_leases_get_their_full_length_slice_by_slice(desk: Desk, monkeypatch: pytest.MonkeyPatch, jump_s: int) -> None:
    monkeypatch.setattr(leasing, "PROLONGED_AT_A_TIME", 2)
    several_live(desk, 5)
    desk.pass_time(jump_s)
    sizes = [desk.database.run_now(leasing.prolong_all, now=desk.now) for _ in range(4)]
    ends = desk.database.run_now(lambda session: {one.lease_ends_at for one in session.exec(select(Attempt))})

    assert sizes == [2, 2, 1, 0]
    assert ends == {desk.now + LEASE}


def test_a_lease_that_is_given_meanwhile_keeps_its_length(desk: Desk) -> None:
    began = desk.now
    desk.pass_time(10)
    several_live(desk, 1)

    assert desk.database.run_now(leasing.prolong_all, now=began) == 0


def test_a_slice_finds_its_rows_by_indexes(desk: Desk) -> None:
    """However many rows there are that have nothing to do with it."""
    host = several_live(desk, 2)
    bag = desk.bag(3)
    desk.lease(host, NATIVE)
    desk.database.run_now(end_alone, bag.uid, desk.now)
    with statements(desk) as seen:
        run(desk, slices.follow_up)
        run(desk, members.revoke_host, host.uid)
        run(desk, slices.follow_up)
        desk.database.run_now(leasing.prolong_all, now=desk.now)
    found = plans(desk, seen)

    assert not [plan for plan in found if plan.startswith("SCAN") and "CONSTANT" not in plan]
    for index in ("ix_batches_unfinished", "ix_jobs_of_batch_by_status", "ix_hosts_revoked", "ix_attempts_live "):
        assert any(index in plan for plan in found), index
