"""Long polls, leases and searches over real TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from dispatcher.housekeeping import tend_leases
from dispatcher.kinds.vanity_tables import VanityHost, VanityUnit
from dispatcher.scheduling.leases import FALSE_RESULTS_ALLOWED, LEASE, SAME_HOST_PAUSE
from dispatcher.storage.member_tables import Fault
from dispatcher.storage.tables import Attempt, AttemptClaim
from tests.support.content import put, register, submit
from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.kinds import NATIVE, VANITY, WORK, AnyLease, searched
from tests.support.leases import first_hit
from tests.support.older_host import OlderHost
from tests.support.raw import raw_client
from xwhep.client.owner import OwnerClient
from xwhep.errors.jobs import FalseResultError, LeaseLostError, ProtocolTooOldError
from xwhep.lifecycle import AttemptStatus, BatchStatus, Status
from xwhep.protocol.apps import AppView
from xwhep.protocol.attempts import AttemptProgress, AttemptReply, FinishAttempt, Heartbeat, Outcome
from xwhep.protocol.batches import BatchView, SubmitBag
from xwhep.protocol.jobs import SubmitJob
from xwhep.protocol.members import HostView
from xwhep.rights import Role
from xwhep.vanity.errors import ShareClaimedError
from xwhep.vanity.messages import ReportShare, SearchingHost, SubmitSearch, VanityWork
from xwhep.vanity.shares import SHARES_A_UNIT, keys_proven
from xwhep.vanity.sizing import FIRST_UNIT_KEYS, TRUST, UNIT_S
from xwhep.vanity.split_key import keygen
from xwhep.vanity.units import keys_of
from xwhep.world import REAL, World


class Scene:
    """A grid with a user, an app and some hosts."""

    def __init__(self, grid: GridUnderTest, stack: AsyncExitStack, folder: Path) -> None:
        self.grid, self.stack, self.folder = grid, stack, folder
        self.alice: OwnerClient
        self.app: AppView

    async def host(self, name: str) -> OlderHost:
        return await self.stack.enter_async_context(self.grid.host(name))

    async def owner(self, name: str) -> OwnerClient:
        return await self.stack.enter_async_context(self.grid.owner(name))

    async def search(self, pattern: str = "1L") -> BatchView:
        request = SubmitSearch(uid=REAL.new_uid(), name="mine", patterns=[pattern], public_key=keygen()[1].hex())
        return await self.alice.submit_batch(request)

    def pass_time(self, elapsed: timedelta) -> None:
        moment = self.grid.services.now() + elapsed
        self.grid.services.world = World(now=lambda: moment)

    async def lose(self, elapsed: timedelta = LEASE) -> None:
        """Let the leases end, as the dispatcher's housekeeping would see it."""
        self.pass_time(elapsed + timedelta(seconds=1))
        await tend_leases(self.grid.services, self.grid.services.now())


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with a_grid(tmp_path) as grid, AsyncExitStack() as stack:
        scene = Scene(grid, stack, tmp_path)
        scene.alice = await scene.owner("alice")
        scene.app = await register(scene.alice, tmp_path)
        yield scene


async def leased(host: OlderHost, *kinds: str, keys_per_s: float = 0) -> AnyLease:
    lease = await host.lease(poll_request(*kinds, keys_per_s=keys_per_s))
    assert lease is not None
    return lease


def polling(host: OlderHost, *kinds: str) -> asyncio.Task[AnyLease | None]:
    return asyncio.create_task(host.lease(poll_request(*kinds, wait_s=30)))


# --- long polls


async def test_a_poll_that_waits_is_answered_when_a_job_comes(scene: Scene) -> None:
    poll = polling(await scene.host("bob"))
    await scene.grid.until_polls_wait(1)
    job = (await submit(scene.alice, scene.app))[0]

    async with asyncio.timeout(20):
        lease = await poll

    assert lease is not None
    assert lease.job_uid == job.uid


async def test_a_job_wakes_one_host_and_the_others_wait_on(scene: Scene) -> None:
    polls = [polling(await scene.host(f"host-{i}")) for i in range(3)]
    await scene.grid.until_polls_wait(3)
    await submit(scene.alice, scene.app)

    async with asyncio.timeout(20):
        done, waiting = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
    await scene.grid.until_polls_wait(2)
    await submit(scene.alice, scene.app, 2)
    async with asyncio.timeout(20):
        leases = await asyncio.gather(*waiting)

    assert len(done) == 1
    assert None not in leases


async def test_a_host_that_cannot_use_a_job_hands_the_news_on(scene: Scene) -> None:
    unfitting = polling(await scene.host("vanity-only"), VANITY)
    await scene.grid.until_polls_wait(1)
    fitting = polling(await scene.host("native"), NATIVE)
    await scene.grid.until_polls_wait(2)
    await submit(scene.alice, scene.app)

    async with asyncio.timeout(20):
        assert await fitting is not None
    assert not unfitting.done()
    unfitting.cancel()
    await asyncio.gather(unfitting, return_exceptions=True)


async def test_a_search_wakes_all(scene: Scene) -> None:
    polls = [polling(await scene.host(f"host-{i}")) for i in range(3)]
    await scene.grid.until_polls_wait(3)
    await scene.search()

    async with asyncio.timeout(20):
        numbers = [lease.work.number for lease in await asyncio.gather(*polls) if lease]

    assert sorted(numbers) == [0, 1, 2]


async def test_a_host_that_hung_up_gets_no_job(scene: Scene) -> None:
    bob = await scene.grid.member(Role.HOST, "bob")
    async with scene.grid.connect(bob) as connection:
        poll = polling(OlderHost(connection, WORK))
        await scene.grid.until_polls_wait(1)
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)
    await scene.alice.whoami()  # the dispatcher has heard of the hang-up before this
    job = (await submit(scene.alice, scene.app))[0]

    lease = await leased(await scene.host("carol"))

    assert (lease.job_uid, lease.attempt) == (job.uid, 1)


async def test_a_poll_with_nothing_to_do_ends_without_a_lease(scene: Scene) -> None:
    assert await (await scene.host("bob")).lease(poll_request(wait_s=0)) is None


async def test_a_worker_of_an_older_protocol_is_told_to_update(scene: Scene) -> None:
    bob = await scene.host("bob")

    with pytest.raises(ProtocolTooOldError, match="update the worker") as refused:
        await bob.lease(poll_request().model_copy(update={"protocol": 0}))

    assert refused.value.http_status == 426


async def test_a_stop_sends_the_polls_home(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with a_grid(tmp_path) as grid:
            bob = await stack.enter_async_context(grid.host("bob"))
            poll = polling(bob)
            await grid.until_polls_wait(1)
        async with asyncio.timeout(20):
            assert await poll is None


# --- leases


async def test_a_lost_lease_gives_the_job_to_another_host_and_to_the_same_only_later(scene: Scene) -> None:
    bob, carol = await scene.host("bob"), await scene.host("carol")
    job = (await submit(scene.alice, scene.app))[0]
    lost = await leased(bob)
    await scene.lose()
    nothing = await bob.lease(poll_request())
    other = await leased(carol)
    await scene.lose()
    scene.pass_time(SAME_HOST_PAUSE)
    again = await leased(bob)

    assert nothing is None
    assert [(lease.job_uid, lease.attempt) for lease in (lost, other, again)] == [(job.uid, n) for n in (1, 2, 3)]


async def test_a_clock_set_back_does_not_keep_a_silent_host_in_its_lease(scene: Scene) -> None:
    job = (await submit(scene.alice, scene.app))[0]
    bob, carol = await scene.host("bob"), await scene.host("carol")
    await leased(bob)
    before = scene.grid.services.now()

    scene.pass_time(timedelta(hours=-1))
    await tend_leases(scene.grid.services, before)
    await scene.lose()

    assert (await leased(carol)).job_uid == job.uid


async def test_a_clock_set_forward_takes_no_lease_away(scene: Scene) -> None:
    job = (await submit(scene.alice, scene.app))[0]
    await leased(await scene.host("bob"))
    before = scene.grid.services.now()

    scene.pass_time(timedelta(hours=1))
    tended_at = await tend_leases(scene.grid.services, before)

    assert tended_at == scene.grid.services.now()
    assert [attempt.status for attempt in (await scene.alice.job(job.uid)).attempts] == [AttemptStatus.LEASED]


async def test_a_clock_set_back_does_not_keep_a_job_from_its_host_for_longer(scene: Scene) -> None:
    job = (await submit(scene.alice, scene.app))[0]
    bob = await scene.host("bob")
    await leased(bob)
    await scene.lose()

    scene.pass_time(timedelta(hours=-1))

    assert (await leased(bob)).job_uid == job.uid


async def test_the_third_lost_attempt_is_the_last_and_each_reason_is_told(scene: Scene) -> None:
    job = (await submit(scene.alice, scene.app))[0]
    lease = await leased(await scene.host("bob"))
    await scene.lose()
    carol = await scene.host("carol")
    lease = await leased(carol)
    await carol.finish(lease.job_uid, lease.attempt, FinishAttempt(outcome=Outcome.LOST, reason="no room here"))
    dan = await scene.host("dan")
    lease = await leased(dan)
    await dan.finish(lease.job_uid, lease.attempt, FinishAttempt(outcome=Outcome.LOST))
    seen = await scene.alice.job(job.uid)
    nothing = await (await scene.host("erin")).lease(poll_request())

    assert (seen.status, nothing) == (Status.ERROR, None)
    assert seen.ended_at is not None
    assert [attempt.status for attempt in seen.attempts] == [AttemptStatus.LOST] * 3
    assert [attempt.reason for attempt in seen.attempts] == [
        "the host fell silent and the lease ended",
        "no room here",
        "the host gave the job back",
    ]


async def test_a_heartbeat_keeps_a_lease_and_its_progress(scene: Scene) -> None:
    bob = await scene.host("bob")
    job = (await submit(scene.alice, scene.app))[0]
    lease = await leased(bob)
    report = AttemptProgress(job_uid=lease.job_uid, attempt=lease.attempt, fraction=0.25)
    scene.pass_time(LEASE / 2)
    reply = await bob.heartbeat(Heartbeat(attempts=[report]))
    await scene.lose(LEASE / 2)
    seen = await scene.alice.job(job.uid)

    assert reply.stop == []
    assert seen.status is Status.RUNNING
    assert seen.attempts[0].fraction == 0.25


async def test_a_host_cannot_keep_nor_spoil_the_lease_of_another(scene: Scene) -> None:
    bob, eve = await scene.host("bob"), await scene.host("eve")
    await submit(scene.alice, scene.app)
    lease = await leased(bob)
    report = AttemptProgress(job_uid=lease.job_uid, attempt=lease.attempt)
    scene.pass_time(LEASE / 2)
    await bob.heartbeat(Heartbeat(attempts=[report]))
    reply = await eve.heartbeat(Heartbeat(attempts=[report]))
    await scene.lose(LEASE / 2)
    still = await bob.heartbeat(Heartbeat(attempts=[report]))

    assert [ref.job_uid for ref in reply.stop] == [lease.job_uid]
    assert still.stop == []


async def test_a_stale_finish_changes_nothing(scene: Scene) -> None:
    bob, carol = await scene.host("bob"), await scene.host("carol")
    job = (await submit(scene.alice, scene.app))[0]
    stale = await leased(bob)
    await scene.lose()
    await leased(carol)

    with pytest.raises(LeaseLostError, match="drop it and ask for another") as refused:
        await bob.finish(stale.job_uid, stale.attempt, FinishAttempt(outcome=Outcome.FINISHED))
    seen = await scene.alice.job(job.uid)

    assert refused.value.http_status == 409
    assert (seen.status, len(seen.attempts)) == (Status.RUNNING, 2)


async def test_a_cancel_revokes_the_attempt_and_the_next_heartbeat_says_stop(scene: Scene) -> None:
    bob = await scene.host("bob")
    job = (await submit(scene.alice, scene.app))[0]
    lease = await leased(bob)
    report = AttemptProgress(job_uid=lease.job_uid, attempt=lease.attempt)
    first = await scene.alice.cancel_job(job.uid)
    second = await scene.alice.cancel_job(job.uid)
    reply = await bob.heartbeat(Heartbeat(attempts=[report]))
    seen = await scene.alice.job(job.uid)

    assert first == second
    assert [(ref.job_uid, ref.attempt) for ref in reply.stop] == [(job.uid, 1)]
    assert seen.attempts[0].status is AttemptStatus.REVOKED


async def test_a_job_that_failed_by_its_own_fault_is_not_tried_again(scene: Scene) -> None:
    bob = await scene.host("bob")
    job = (await submit(scene.alice, scene.app))[0]
    lease = await leased(bob)
    await bob.finish(lease.job_uid, 1, FinishAttempt(outcome=Outcome.FAILED, exit_status=3, reason="exit status 3"))
    seen = await scene.alice.job(job.uid)

    assert (seen.status, seen.attempts[0].exit_status) == (Status.FAILED, 3)
    assert await bob.lease(poll_request()) is None


# --- batches


async def test_a_bag_ends_with_its_last_job_however_that_ends(scene: Scene) -> None:
    bob = await scene.host("bob")
    jobs = [SubmitJob(uid=REAL.new_uid(), app_uid=scene.app.uid) for _ in range(3)]
    bag = await scene.alice.submit_batch(SubmitBag(uid=REAL.new_uid(), name="bag", jobs=jobs))
    for outcome in (Outcome.FINISHED, Outcome.FINISHED):
        lease = await leased(bob)
        await bob.finish(lease.job_uid, lease.attempt, FinishAttempt(outcome=outcome))
    running = await scene.alice.batch(bag.uid)
    rest = [job async for job in scene.alice.jobs(status="pending", batch_uid=bag.uid)]
    await scene.alice.cancel_job(rest[0].uid)
    ended = await scene.alice.batch(bag.uid)

    assert (running.status, running.ended_at) == (BatchStatus.RUNNING, None)
    assert running.jobs == {Status.COMPLETED: 2, Status.PENDING: 1}
    assert ended.status is BatchStatus.FAILED
    assert ended.ended_at is not None


async def test_a_cancelled_bag_stops_all_its_jobs(scene: Scene) -> None:
    bob = await scene.host("bob")
    jobs = [SubmitJob(uid=REAL.new_uid(), app_uid=scene.app.uid) for _ in range(3)]
    bag = await scene.alice.submit_batch(SubmitBag(uid=REAL.new_uid(), name="bag", jobs=jobs))
    lease = await leased(bob)
    first = await scene.alice.cancel_batch(bag.uid)
    second = await scene.alice.cancel_batch(bag.uid)
    reply = await bob.heartbeat(Heartbeat(attempts=[AttemptProgress(job_uid=lease.job_uid, attempt=1)]))

    assert first == second
    assert (first.status, first.jobs) == (BatchStatus.CANCELLED, {Status.CANCELLED: 3})
    assert len(reply.stop) == 1


# --- searches


async def test_a_liar_is_refused_and_recorded_and_the_search_goes_on(scene: Scene) -> None:
    eve, bob = await scene.host("eve"), await scene.host("bob")
    search = await scene.search()
    lie = ReportShare(s="0" * 63 + "1", e=0, sign=1)
    for number in range(FALSE_RESULTS_ALLOWED):
        lease = await leased(eve)
        assert isinstance(lease.work, VanityWork)
        assert lease.work.number == number
        with pytest.raises(FalseResultError, match="the result was refused"):
            await eve.report(lease.job_uid, lease.attempt, lie)
    nothing = await eve.lease(poll_request())
    async with scene.grid.connect(scene.grid.administrator()) as connection:
        records = {host.name: host.false_results async for host in OwnerClient(connection).hosts()}
    faults = await scene.grid.services.database.read(lambda session: session.exec(select(Fault)).all())
    lease = await leased(bob)
    assert isinstance(lease.work, VanityWork)
    await bob.report(lease.job_uid, lease.attempt, first_hit(lease.work))
    ended = await scene.alice.batch(search.uid)

    assert nothing is None
    assert records == {"eve": FALSE_RESULTS_ALLOWED, "bob": 0}
    assert [fault.code for fault in faults] == ["false-result"] * FALSE_RESULTS_ALLOWED
    assert ended.status is BatchStatus.COMPLETED


async def test_a_host_is_credited_for_its_shares_and_for_each_of_them_once(scene: Scene) -> None:
    bob = await scene.host("bob")
    search = await scene.search("1LoVELoVE")
    lease, share = await leased_share(bob)
    value = share_value(lease)

    reply = await bob.report(lease.job_uid, lease.attempt, share)
    with pytest.raises(ShareClaimedError, match="claimed before and counts once"):
        await bob.report(lease.job_uid, lease.attempt, share)
    await bob.finish(lease.job_uid, lease.attempt, FinishAttempt(outcome=Outcome.FINISHED, amount=2**62))
    next_lease = await leased(bob, VANITY)
    (host,) = await records(scene)
    faults = await scene.grid.services.database.read(lambda session: session.exec(select(Fault)).all())
    units = await scene.grid.services.database.read(lambda session: session.exec(select(VanityUnit)).all())
    claims = await scene.grid.services.database.read(lambda session: session.exec(select(AttemptClaim)).all())

    assert reply == AttemptReply(status=AttemptStatus.LEASED, details={"keys_proven": value})
    assert (proof(host), host.false_results) == ((1, value), 0)
    assert next_lease.work.keys_proven == value
    assert faults == []
    assert {unit.keys_proven for unit in units} == {0, value}
    assert claims == [], "what has ended claims no more"
    assert (await scene.alice.batch(search.uid)).status is BatchStatus.RUNNING


async def test_a_host_that_says_too_much_gets_units_of_the_rate_that_it_has_proven(scene: Scene) -> None:
    bob = await scene.host("bob")
    await scene.search("1LoVELoVE")

    async def unit_keys(keys_per_s: float) -> int:
        lease = await leased(bob, VANITY, keys_per_s=keys_per_s)
        assert isinstance(lease.work, VanityWork)
        return keys_of(lease.work.steps, plain=False)

    lease, share = await leased_share(bob)
    before = await unit_keys(1e12)
    await bob.report(lease.job_uid, lease.attempt, share)
    scene.pass_time(timedelta(seconds=20))
    await bob.finish(lease.job_uid, lease.attempt, FinishAttempt(outcome=Outcome.FINISHED))
    (host,) = await scene.grid.services.database.read(lambda session: session.exec(select(VanityHost)).all())
    slow = await unit_keys(0)
    await scene.grid.services.database.run(prove, 1e7)
    honest, boastful = await unit_keys(2e7), await unit_keys(1e12)

    assert before == pytest.approx(FIRST_UNIT_KEYS, rel=0.125)
    assert share_value(lease) / 60 < host.proven_keys_per_s <= share_value(lease) / 20
    assert slow == pytest.approx(host.proven_keys_per_s * UNIT_S, abs=keys_of(1, plain=False))
    assert honest == pytest.approx(2e7 * UNIT_S, rel=0.125)
    assert boastful == pytest.approx(TRUST * 1e7 * UNIT_S, rel=0.125)


def prove(session: Session, keys_per_s: float) -> None:
    session.exec(select(VanityHost)).one().proven_keys_per_s = keys_per_s


async def test_a_share_of_anothers_unit_is_refused_recorded_and_not_credited(scene: Scene) -> None:
    bob, eve = await scene.host("bob"), await scene.host("eve")
    await scene.search("1LoVELoVE")
    lease, share = await leased_share(bob)
    other = await leased(eve, VANITY)

    with pytest.raises(LeaseLostError):
        await eve.report(lease.job_uid, lease.attempt, share)
    with pytest.raises(FalseResultError, match="its offset is not in unit"):
        await eve.report(other.job_uid, other.attempt, share)
    await bob.report(lease.job_uid, lease.attempt, share)
    hosts = {host.name: (proof(host), host.false_results) for host in await records(scene)}

    assert hosts == {"bob": ((1, share_value(lease)), 0), "eve": ((0, 0), 1)}


async def test_a_host_is_told_a_target_in_which_what_is_wanted_cannot_be_seen(scene: Scene) -> None:
    bob = await scene.host("bob")
    await scene.search("1LoVELoVE")

    units = [await leased(bob, VANITY, keys_per_s=keys_per_s) for keys_per_s in (1, 0, 1e4, 1)]

    for lease in units:
        assert isinstance(lease.work, VanityWork)
        assert SHARES_A_UNIT <= keys_of(lease.work.steps, plain=False) / share_value(lease) < 2 * SHARES_A_UNIT


async def leased_share(host: OlderHost) -> tuple[AnyLease, ReportShare]:
    """Return a unit and a share of it: of three units, since one in three thousand has none."""
    for _ in range(3):
        lease = await leased(host, VANITY, keys_per_s=1)
        with contextlib.suppress(AssertionError):
            assert isinstance(lease.work, VanityWork)
            return lease, first_hit(lease.work)
    raise AssertionError("three units have no share")


def share_value(lease: AnyLease) -> int:
    assert isinstance(lease.work, VanityWork)
    return keys_proven(lease.work.target())


def proof(host: HostView) -> tuple[int, int]:
    """Return how many shares of a host stood up to checking, and how many keys they prove."""
    known = SearchingHost.model_validate(host.kinds[VANITY])
    return known.shares, known.keys_proven


async def records(scene: Scene) -> list[HostView]:
    async with scene.grid.connect(scene.grid.administrator()) as connection:
        return [host async for host in OwnerClient(connection).hosts()]


async def test_a_host_is_credited_no_more_keys_than_its_unit_has(scene: Scene) -> None:
    bob = await scene.host("bob")
    search = await scene.search("1Lo")
    lease = await leased(bob)
    assert isinstance(lease.work, VanityWork)
    await bob.finish(lease.job_uid, 1, FinishAttempt(outcome=Outcome.FINISHED, amount=2**62))
    seen = await scene.alice.batch(search.uid)

    assert searched(seen).keys_tried == lease.work.steps * 16 * 513 * 6


async def test_a_lost_unit_is_followed_by_the_next(scene: Scene) -> None:
    bob = await scene.host("bob")
    search = await scene.search()
    first = await leased(bob)
    await scene.lose()
    second = await leased(bob)
    seen = await scene.alice.batch(search.uid)

    assert isinstance(first.work, VanityWork)
    assert isinstance(second.work, VanityWork)
    assert (first.work.number, second.work.number) == (0, 1)
    assert seen.jobs == {Status.ERROR: 1, Status.RUNNING: 1}
    assert searched(seen).hosts == 1


async def test_a_unit_is_taken_to_go_as_fast_as_its_host_did_before(scene: Scene) -> None:
    batch = await scene.search()
    bob = await scene.host("bob")

    await bob.lease(poll_request(VANITY, keys_per_s=5e6))

    assert searched(await scene.alice.batch(batch.uid)).keys_per_s == 5e6


async def test_searches_take_turns(scene: Scene) -> None:
    bob = await scene.host("bob")
    wanted = {(await scene.search()).uid, (await scene.search()).uid}
    got = [(await leased(bob)).work for _ in range(4)]

    assert {work.batch_uid for work in got[:2] if isinstance(work, VanityWork)} == wanted
    assert [work.number for work in got if isinstance(work, VanityWork)] == [0, 0, 1, 1]


async def test_hosts_see_a_blinded_key_and_the_requester_an_unblinded_result(scene: Scene) -> None:
    bob = await scene.host("bob")
    search = await scene.search()
    lease = await leased(bob)

    assert isinstance(lease.work, VanityWork)
    assert lease.work.public_key != searched(search).public_key


# --- who sees what


async def test_a_host_reads_only_what_its_live_attempt_names(scene: Scene) -> None:
    bob = await scene.grid.member(Role.HOST, "bob")
    secret = await put(scene.alice, scene.folder, b"not for hosts")
    await submit(scene.alice, scene.app)
    async with scene.grid.connect(bob) as connection, raw_client(scene.grid, bob) as raw:
        lease = await leased(OlderHost(connection, WORK))
        path = f"/v1/attempts/{lease.job_uid}/1/blobs"
        named = await raw.ask("GET", f"{path}/{scene.app.targets[0].blob}")
        unnamed = await raw.ask("GET", f"{path}/{secret}")
        await OlderHost(connection, WORK).finish(lease.job_uid, 1, FinishAttempt(outcome=Outcome.FINISHED))
        after = await raw.ask("GET", f"{path}/{scene.app.targets[0].blob}")
        attempts = await scene.grid.services.database.read(lambda session: len(session.exec(select(Attempt)).all()))

    assert (named.status, named.body) == (200, b"#!/bin/sh\necho hello\n")
    assert unnamed.outcome == (404, "not-found")
    assert after.outcome == (409, "lease-lost")
    assert attempts == 1


async def test_a_user_sees_nothing_of_another(scene: Scene) -> None:
    eve = await scene.grid.member(Role.USER, "eve")
    job = (await submit(scene.alice, scene.app))[0]
    search = await scene.search()
    data = await anext(scene.alice.datas())
    async with scene.grid.connect(eve) as connection, raw_client(scene.grid, eve) as raw:
        client = OwnerClient(connection)
        lists = [
            [item async for item in items]
            for items in (client.jobs(), client.batches(), client.datas(), client.jobs(batch_uid=search.uid))
        ]
        apps = [app.name async for app in client.apps()]
        answers = [
            (await raw.ask(method, path)).outcome
            for method, path in [
                ("GET", f"/v1/jobs/{job.uid}"),
                ("DELETE", f"/v1/jobs/{job.uid}"),
                ("GET", f"/v1/jobs/{job.uid}/outputs/stdout"),
                ("GET", f"/v1/batches/{search.uid}"),
                ("DELETE", f"/v1/batches/{search.uid}"),
                ("GET", f"/v1/data/{data.uid}"),
                ("GET", f"/v1/data/{data.uid}/content"),
                ("PUT", f"/v1/data/{data.uid}/content"),
                ("GET", f"/v1/apps/{scene.app.uid}"),
            ]
        ]

    assert lists == [[], [], [], []]
    assert apps == ["vanity"]
    assert answers == [(404, "not-found")] * len(answers)
    assert (await scene.alice.job(job.uid)).status is Status.PENDING


async def test_a_list_goes_on_over_its_pages(scene: Scene) -> None:
    jobs = await submit(scene.alice, scene.app, 205)
    seen = [job.uid async for job in scene.alice.jobs()]

    assert len(seen) == 205
    assert set(seen) == {job.uid for job in jobs}
