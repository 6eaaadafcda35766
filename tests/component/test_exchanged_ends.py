"""Ends on their way from the worker's disk to a real dispatcher: together, with small outputs inside, or alone."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from dispatcher.storage.tables import AttemptOutput, Job
from tests.support.content import register, submit
from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.kinds import NATIVE
from worker.agent.events import (
    AnyLease,
    DeliveryFailed,
    DeliveryPostponed,
    EndAnswered,
    Event,
    HeartbeatAnswered,
    HeartbeatFailed,
    Poll,
    PollAnswered,
    PollFailed,
    Ref,
    SendEnd,
    SendHeartbeat,
    SendReports,
    ref_of,
)
from worker.config import WorkerSettings
from worker.delivery import Delivery
from worker.keeping import Keeper
from worker.runs.registry import load
from worker.spool import Spool
from worker.trouble import Mailbox
from worker.turns import ALONG_BYTES
from xwhep.client.connection import Connection
from xwhep.client.host import HostClient
from xwhep.client.owner import OwnerClient
from xwhep.errors.base import RemoteError, XwhepError
from xwhep.lifecycle import Status
from xwhep.protocol.attempts import (
    Ask,
    Exchange,
    ExchangeReply,
    FinishAttempt,
    Outcome,
    ProgressFields,
)
from xwhep.protocol.jobs import Output
from xwhep.protocol.native import NativeWork
from xwhep.rights import Role

#: what a worker of two slots asks for
POLL = Poll(frozenset({NATIVE}), at_most=2)


class Watched(HostClient):
    """A way to the dispatcher that notes what goes through it, and may refuse."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, NativeWork)
        self.said: list[Exchange[Any]] = []
        self.stored: list[str] = []
        self.refusal: XwhepError | None = None
        self.is_silent = False  #: its answers do not say what became of ends

    async def exchange(self, exchange: Exchange[Any]) -> ExchangeReply[Any]:
        self.said.append(exchange)
        if self.refusal is not None:
            raise self.refusal
        reply = await super().exchange(exchange)
        return reply.model_copy(update={"ends": []}) if self.is_silent else reply

    async def store(self, job_uid: Any, attempt: int, output: Output, file: Path) -> None:
        self.stored.append(output.name)
        await super().store(job_uid, attempt, output, file)


@dataclass
class Scene:
    """A worker's disk and its way to the dispatcher."""

    grid: GridUnderTest
    client: Watched
    spool: Spool
    alice: OwnerClient
    folder: Path
    mailbox: Mailbox = field(default_factory=Mailbox)

    def __post_init__(self) -> None:
        self.keeper = Keeper(self.spool, self.mailbox)
        kinds = load(WorkerSettings())
        self.delivery = Delivery(self.client, self.keeper, kinds, self.mailbox, lambda _: ProgressFields(fraction=0.5))

    async def leased(self, count: int) -> list[Ref]:
        """Lease so many jobs in one exchange."""
        await submit(self.alice, await register(self.alice, self.folder), count)
        ask = Ask(**dict(poll_request(NATIVE)), at_most=count)
        leases: list[AnyLease] = (await self.client.exchange(Exchange[Any](ask=ask))).leases
        self.client.said.clear()
        for lease in leases:
            self.spool.open(lease)
        return [ref_of(lease) for lease in leases]

    async def ended(self, ref: Ref, **contents: bytes) -> Path:
        """Record the end of a run that left this; return the folder."""
        folder = self.spool.output(ref, "stdout").parent
        outputs = []
        for name, content in contents.items():
            (folder / name).write_bytes(content)
            outputs.append(Output(name=name, digest=hashlib.sha256(content).hexdigest(), size_bytes=len(content)))
        await self.keeper.keep_end(ref, FinishAttempt(outcome=Outcome.FINISHED, exit_status=0, outputs=outputs))
        self.mailbox.events.get_nowait()
        return folder

    def told(self) -> list[Event]:
        """Return what the agent has been told since."""
        return [self.mailbox.events.get_nowait() for _ in range(self.mailbox.events.qsize())]

    async def jobs(self) -> list[Status]:
        """Return how the jobs stand, in the order of their submission."""
        statement = select(col(Job.status)).order_by(col(Job.submitted_at), col(Job.uid))
        return await self.grid.services.database.read(lambda session: list(session.exec(statement)))

    async def outputs(self) -> list[str]:
        """Return the names of the outputs that the dispatcher has."""
        statement = select(col(AttemptOutput.name)).order_by(col(AttemptOutput.name))
        return await self.grid.services.database.read(lambda session: list(session.exec(statement)))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with (
        a_grid(tmp_path) as grid,
        grid.owner("alice") as alice,
        grid.connect(await grid.member(Role.HOST, "bob")) as connection,
    ):
        spool = Spool(tmp_path / "attempts", load(WorkerSettings()))
        yield Scene(grid, Watched(connection), spool, alice, tmp_path)


async def test_all_that_is_due_together_is_one_request(scene: Scene) -> None:
    one, two, three = await scene.leased(3)
    await scene.ended(one, stdout=b"one")
    await scene.ended(two, stdout=b"two", stderr=b"two")

    await scene.delivery.exchange([SendEnd(one), SendEnd(two), SendHeartbeat((three,))], POLL)

    (said,) = scene.client.said
    assert [end.contents for end in said.ends] == [[b"one"], [b"two"]], "what is the same travels once"
    assert [(one.attempt, one.fraction) for one in said.progress] == [(1, 0.5)]
    assert scene.client.stored == []
    told = scene.told()
    assert [type(event) for event in told] == [EndAnswered, EndAnswered, HeartbeatAnswered, PollAnswered]
    assert isinstance(told[-1], PollAnswered)
    assert (told[-1].leases, told[-1].waited) == ((), False)
    assert sorted(await scene.jobs()) == [Status.COMPLETED, Status.COMPLETED, Status.RUNNING]
    assert await scene.outputs() == ["stderr", "stdout", "stdout"]


async def test_a_large_output_goes_ahead_of_an_end_that_goes_alone(scene: Scene) -> None:
    one, two = await scene.leased(2)
    await scene.ended(one, stdout=bytes(ALONG_BYTES + 1), stderr=b"small")
    await scene.ended(two, stdout=b"two")

    await scene.delivery.exchange([SendEnd(one), SendEnd(two)])

    assert scene.client.stored == ["stdout"]
    assert sorted(len(said.ends) for said in scene.client.said) == [1, 1]
    assert await scene.jobs() == [Status.COMPLETED] * 2


async def test_ends_with_much_in_them_do_not_hold_up_a_heartbeat(scene: Scene) -> None:
    one, two = await scene.leased(2)
    for ref in (one, two):
        await scene.ended(ref, stdout=str(ref).encode().ljust(ALONG_BYTES // 2 + 1))

    await scene.delivery.exchange([SendEnd(one), SendEnd(two), SendHeartbeat((one, two))])

    assert sorted((len(said.ends), len(said.progress)) for said in scene.client.said) == [(1, 0), (1, 2)]
    assert scene.client.stored == []
    assert await scene.jobs() == [Status.COMPLETED] * 2


@pytest.mark.parametrize("size", [3, ALONG_BYTES + 3])
async def test_an_attempt_whose_output_was_damaged_on_the_disk_is_given_back(scene: Scene, size: int) -> None:
    (one,) = await scene.leased(1)
    folder = await scene.ended(one, stdout=bytes(size))
    (folder / "stdout").write_bytes(b"x" * size)

    await scene.delivery.exchange([SendEnd(one)])
    first = scene.told()
    if [type(event) for event in first] == [DeliveryPostponed]:
        await scene.delivery.exchange([SendEnd(one)])
        first = scene.told()

    assert first[0] == EndAnswered(first[0].now, one)
    assert await scene.jobs() == [Status.PENDING]


@pytest.mark.parametrize("size", [3, ALONG_BYTES + 3])
async def test_an_attempt_whose_output_is_gone_is_given_back(scene: Scene, size: int) -> None:
    (one,) = await scene.leased(1)
    folder = await scene.ended(one, stdout=bytes(size))
    (folder / "stdout").unlink()

    for _ in range(2):
        await scene.delivery.exchange([SendEnd(one)])

    assert isinstance(scene.told()[-1], EndAnswered)
    assert await scene.jobs() == [Status.PENDING]


async def test_an_end_that_is_refused_is_given_back_and_the_others_count(scene: Scene) -> None:
    one, two = await scene.leased(2)
    await scene.ended(one, stdout=b"one")
    await scene.ended(two, elsewhere=b"no job leaves a file of this name here")

    await scene.delivery.exchange([SendEnd(one), SendEnd(two)])
    first = scene.told()
    await scene.delivery.exchange([SendEnd(two)])

    assert [type(event) for event in first] == [EndAnswered, DeliveryPostponed]
    assert [type(event) for event in scene.told()] == [EndAnswered]
    assert sorted(await scene.jobs()) == [Status.COMPLETED, Status.PENDING]


async def test_what_is_kept_no_more_is_dropped_and_the_rest_is_said(scene: Scene) -> None:
    one, two = await scene.leased(2)
    await scene.ended(two, stdout=b"two")

    await scene.delivery.exchange([SendReports(one, (0,)), SendEnd(one), SendEnd(two)])

    assert [len(said.ends) for said in scene.client.said] == [1]
    assert len(scene.told()) == 3
    assert Status.COMPLETED in await scene.jobs()


@pytest.mark.parametrize(
    "refusal",
    [
        RemoteError("no-such-route", "POST /v1/exchange is no route of this dispatcher", 404),
        RemoteError("something-new", "the dispatcher is of another age", 400),
        RemoteError("forbidden", "not for hosts", 403),
    ],
)
async def test_a_dispatcher_that_takes_no_exchange_costs_no_result(scene: Scene, refusal: XwhepError) -> None:
    one, two = await scene.leased(2)
    await scene.ended(one, stdout=b"one")
    scene.client.refusal = refusal

    await scene.delivery.exchange([SendEnd(one), SendHeartbeat((two,))], POLL)

    assert [type(event) for event in scene.told()] == [DeliveryFailed, HeartbeatFailed, PollFailed]
    assert len(scene.client.said) == 1


async def test_an_answer_that_says_nothing_of_an_end_is_none(scene: Scene) -> None:
    (one,) = await scene.leased(1)
    await scene.ended(one, stdout=b"one")
    scene.client.is_silent = True

    await scene.delivery.exchange([SendEnd(one)])

    assert [type(event) for event in scene.told()] == [DeliveryFailed]


async def test_an_exchange_whose_content_is_refused_as_a_whole_is_said_again_one_by_one(scene: Scene) -> None:
    one, two = await scene.leased(2)
    await scene.ended(one, stdout=b"one")
    scene.client.refusal = RemoteError("invalid-field", "ends.0: no", 400, "ends.0")

    await scene.delivery.exchange([SendEnd(one), SendHeartbeat((two,))], POLL)

    assert [type(event) for event in scene.told()] == [DeliveryPostponed, HeartbeatFailed, PollFailed]
    assert len(scene.client.said) == 4
