"""Reports on their way from the worker's disk to a real dispatcher, when answers are lost and disks are full."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from dispatcher.kinds.vanity_tables import VanityHost, VanityUnit
from dispatcher.storage.member_tables import Fault, Host
from dispatcher.storage.tables import Attempt
from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.leases import first_hit, hits
from tests.support.older_host import OlderHost
from worker.agent.events import DeliveryFailed, Event, Ref, ReportMade, ReportsAnswered, SendReports, ref_of
from worker.config import WorkerSettings
from worker.delivery import Delivery
from worker.keeping import Keeper
from worker.runs.registry import Runners, load
from worker.runs.vanity import Checkpoint
from worker.spool import Spool
from worker.trouble import Mailbox
from xwhep.client.connection import Connection
from xwhep.errors.jobs import UnavailableError
from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import Exchange, ExchangeReply, Lease, ProgressFields, Report
from xwhep.rights import Role
from xwhep.vanity.messages import ReportShare, SubmitSearch, VanityWork
from xwhep.vanity.split_key import keygen
from xwhep.world import REAL


class Forgetful(OlderHost):
    """A way to the dispatcher on which the first answer to an exchange is lost."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, VanityWork)
        self.lost = 0
        self.sent = 0  #: exchanges

    async def exchange(self, exchange: Exchange[Any]) -> ExchangeReply[Any]:
        self.sent += 1
        reply = await super().exchange(exchange)
        if not self.lost:
            self.lost = 1
            raise UnavailableError("the answer was lost")
        return reply


class FullDisk(Spool):
    """A spool that takes no reports until there is room."""

    has_room = False

    def add_report(self, ref: Ref, number: int, report: Report) -> None:
        if not self.has_room:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().add_report(ref, number, report)


@dataclass
class Scene:
    """A host with a unit and a share of it."""

    grid: GridUnderTest
    client: Forgetful
    folder: Path
    lease: Lease[VanityWork]
    share: ReportShare
    kinds: Runners
    mailbox: Mailbox = field(default_factory=Mailbox)

    @property
    def ref(self) -> Ref:
        return ref_of(self.lease)

    def worker(self, spool: Spool) -> tuple[Keeper, Delivery]:
        spool.open(self.lease)
        keeper = Keeper(spool, self.mailbox)
        return keeper, Delivery(self.client, keeper, self.kinds, self.mailbox, lambda _: ProgressFields())

    async def next_event(self) -> Event:
        return await self.mailbox.events.get()

    async def attempt(self) -> Attempt:
        return await self.grid.services.database.read(lambda session: session.get_one(Attempt, self.ref))

    async def host(self) -> Host:
        uid = (await self.attempt()).host_uid
        return await self.grid.services.database.read(lambda session: session.get_one(Host, uid))

    def checkpoint(self) -> Path:
        return self.folder / f"{self.ref.job_uid}-{self.ref.attempt}" / "checkpoint.json"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        grid = await stack.enter_async_context(a_grid(tmp_path))
        alice = await stack.enter_async_context(grid.owner("alice"))
        connection = await stack.enter_async_context(grid.connect(await grid.member(Role.HOST, "bob")))
        key = keygen()[1].hex()
        await alice.submit_batch(SubmitSearch(uid=REAL.new_uid(), name="s", patterns=["1LoVELoVE"], public_key=key))
        client = Forgetful(connection)
        for _ in range(3):  # one unit in three thousand has no share
            lease = await client.lease(poll_request("vanity", keys_per_s=1))
            assert lease is not None
            try:
                share = first_hit(lease.work)
            except AssertionError:
                continue
            yield Scene(grid, client, tmp_path / "attempts", lease, share, load(WorkerSettings()))
            return
    raise AssertionError("three units have no share")


async def test_a_share_whose_answer_was_lost_is_sent_again_counts_once_and_harms_nobody(scene: Scene) -> None:
    keeper, delivery = scene.worker(Spool(scene.folder, scene.kinds))
    await keeper.keep_report(scene.ref, 0, scene.share)
    found = await scene.next_event()

    await delivery.exchange([SendReports(scene.ref, (0,))])
    first = await scene.next_event()
    await delivery.exchange([SendReports(scene.ref, (0,))])
    second = await scene.next_event()

    assert isinstance(found, ReportMade)
    assert isinstance(first, DeliveryFailed)
    assert isinstance(second, ReportsAnswered)
    assert second.over is None, "the attempt goes on"
    assert list(scene.folder.glob("*/report-*")) == []
    await expect_one_share(scene)


async def test_a_share_that_is_found_again_after_a_start_from_the_checkpoint_counts_once(scene: Scene) -> None:
    scene.client.lost = 1
    keeper, before = scene.worker(Spool(scene.folder, scene.kinds))
    await keeper.keep_report(scene.ref, 0, scene.share)
    await before.exchange([SendReports(scene.ref, (0,))])

    keeper, after = scene.worker(Spool(scene.folder, scene.kinds))
    await keeper.keep_report(scene.ref, 0, scene.share)
    await after.exchange([SendReports(scene.ref, (0,))])

    answers = [await scene.next_event() for _ in range(4)]
    assert [answer.over for answer in answers if isinstance(answer, ReportsAnswered)] == [None, None]
    await expect_one_share(scene)


async def test_shares_that_wait_travel_together(scene: Scene) -> None:
    keeper, delivery = scene.worker(Spool(scene.folder, scene.kinds))
    scene.client.lost, scene.client.sent = 1, 0
    for number, share in enumerate(islice(hits(scene.lease.work), 3)):
        await keeper.keep_report(scene.ref, number, share)
        await scene.next_event()

    await delivery.exchange([SendReports(scene.ref, (0, 1, 2))])

    answered = await scene.next_event()
    assert isinstance(answered, ReportsAnswered)
    assert (answered.numbers, answered.over, scene.client.sent) == ((0, 1, 2), None, 1)
    assert list(scene.folder.glob("*/report-*")) == []
    credit = await scene.grid.services.database.read(lambda session: session.exec(select(VanityHost)).one())
    assert credit.shares == 3


async def test_a_report_that_the_dispatcher_cannot_read_costs_no_other(scene: Scene) -> None:
    keeper, delivery = scene.worker(Spool(scene.folder, scene.kinds))
    scene.client.lost = 1
    damaged = scene.share.model_copy(update={"s": "no number"})
    for number, share in enumerate([damaged, scene.share]):
        await keeper.keep_report(scene.ref, number, share)
        await scene.next_event()

    await delivery.exchange([SendReports(scene.ref, (0, 1))])

    answered = await scene.next_event()
    assert isinstance(answered, ReportsAnswered)
    assert answered.numbers == (0, 1)
    await expect_one_share(scene)


async def test_what_cannot_be_taken_now_is_told_after_what_was(scene: Scene) -> None:
    keeper, delivery = scene.worker(Spool(scene.folder, scene.kinds))
    damaged = scene.share.model_copy(update={"s": "no number"})
    for number, share in enumerate([scene.share, damaged]):
        await keeper.keep_report(scene.ref, number, share)
        await scene.next_event()

    await delivery.exchange([SendReports(scene.ref, (0, 1))])  # by itself the first is taken, and its answer lost

    taken, failed = await scene.next_event(), await scene.next_event()
    assert isinstance(taken, ReportsAnswered)
    assert (taken.numbers, taken.rest_fails, type(failed)) == ((1,), True, DeliveryFailed)


async def test_no_checkpoint_covers_a_share_that_is_in_memory_alone(scene: Scene) -> None:
    scene.client.lost = 1
    spool = FullDisk(scene.folder, scene.kinds)
    keeper, delivery = scene.worker(spool)

    await keeper.keep_report(scene.ref, 0, scene.share)
    await keeper.keep_checkpoint(scene.ref, Checkpoint(next_step=5))
    early = scene.checkpoint().exists()
    await delivery.exchange([SendReports(scene.ref, (0,))])
    await keeper.keep_checkpoint(scene.ref, Checkpoint(next_step=7))

    assert not early
    assert Checkpoint.model_validate_json(scene.checkpoint().read_bytes()).next_step == 7
    await expect_one_share(scene)


async def test_a_checkpoint_that_the_disk_does_not_take_harms_nobody(scene: Scene) -> None:
    spool = Spool(scene.folder, scene.kinds)
    keeper, _ = scene.worker(spool)
    spool.forget(scene.ref)

    await keeper.keep_checkpoint(scene.ref, Checkpoint(next_step=5))

    assert list(scene.folder.iterdir()) == []


async def expect_one_share(scene: Scene) -> None:
    attempt, host = await scene.attempt(), await scene.host()
    database = scene.grid.services.database
    unit = await database.read(lambda session: session.get_one(VanityUnit, attempt.job_uid))
    credit = await database.read(lambda session: session.get_one(VanityHost, host.uid))
    faults = await database.read(lambda session: session.exec(select(Fault)).all())
    assert attempt.status is AttemptStatus.LEASED
    assert unit.keys_proven == credit.keys_proven > 0
    assert (credit.shares, host.false_results, faults) == (1, 0, [])
