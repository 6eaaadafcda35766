"""What a host that means ill can do to the dispatcher's disk and to those who fetch its results."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import select

from dispatcher.storage.member_tables import Fault
from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.kinds import NATIVE, VANITY, AnyLease
from tests.support.leases import first_hit
from tests.support.older_host import OlderHost
from xwhep.client.contents import Uploads
from xwhep.client.owner import OwnerClient
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import FalseResultError, LeaseLostError
from xwhep.errors.requests import InvalidFieldError, TooLargeError
from xwhep.protocol.apps import MIB, Limits, RegisterApp, Target
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.jobs import Output, SubmitJob, SubmitJobs
from xwhep.vanity.messages import SubmitSearch, VanityWork
from xwhep.vanity.split_key import keygen
from xwhep.world import REAL

LIMITS = Limits(disk_bytes=MIB, output_bytes=10, files=3)


@dataclass(frozen=True, slots=True)
class Scene:
    """A host at work for a user."""

    grid: GridUnderTest
    folder: Path
    alice: OwnerClient
    mallory: OlderHost

    async def lease(self, kind: str) -> AnyLease:
        """Return the lease of the one job that waits."""
        return await leased(self.mallory, kind)

    async def records(self) -> dict[str, tuple[object, int]]:
        """Return how many shares and how many false results each host has on its record."""
        async with self.grid.connect(self.grid.administrator()) as connection:
            hosts = [host async for host in OwnerClient(connection).hosts()]
        return {host.name: (host.kinds[VANITY]["shares"], host.false_results) for host in hosts}

    async def native_lease(self) -> AnyLease:
        program = self.folder / "run.sh"
        program.write_bytes(b"#!/bin/sh\n")
        stored = await Uploads(self.alice, lambda *_: contextlib.nullcontext(lambda _: None)).put(program)
        target = Target(os=Os.LINUX, cpu=Cpu.ANY, blob=stored.digest, entry="run.sh")
        app = RegisterApp(uid=REAL.new_uid(), name="app", version="1", kind=NATIVE, targets=[target], limits=LIMITS)
        await self.alice.register_app(app)
        await self.alice.submit_jobs(SubmitJobs(jobs=[SubmitJob(uid=REAL.new_uid(), app_uid=app.uid)]))
        return await self.lease(NATIVE)

    async def send(self, lease: AnyLease, content: bytes, name: str = "out/a") -> Output:
        """Upload content for an attempt."""
        output = Output(name=name, digest=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
        file = self.folder / output.digest
        await asyncio.to_thread(file.write_bytes, content)
        await self.mallory.store(lease.job_uid, lease.attempt, output, file)
        return output

    async def finish(self, lease: AnyLease, outputs: list[Output]) -> None:
        end = FinishAttempt(outcome=Outcome.FINISHED, exit_status=0, outputs=outputs)
        await self.mallory.finish(lease.job_uid, lease.attempt, end)

    def stored_bytes(self) -> int:
        """Return how much content the dispatcher has on its disk."""
        blobs = self.grid.installation.folder / "blobs"
        return sum(path.stat().st_size for path in blobs.rglob("*") if path.is_file())


async def leased(host: OlderHost, kind: str) -> AnyLease:
    lease = await host.lease(poll_request(kind))
    assert lease is not None
    return lease


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.host("mallory") as mallory:
        yield Scene(grid, tmp_path, alice, mallory)


async def test_what_passes_the_limits_of_a_job_never_reaches_the_disk(scene: Scene) -> None:
    lease = await scene.native_lease()
    before = scene.stored_bytes()

    sent = await asyncio.gather(
        *(scene.send(lease, bytes([number]) * (MIB // 2)) for number in range(8)), return_exceptions=True
    )

    assert sum(isinstance(outcome, Output) for outcome in sent) == 2
    assert all(isinstance(outcome, Output | TooLargeError) for outcome in sent)
    assert scene.stored_bytes() - before == MIB


async def test_only_so_many_files_are_taken_and_each_of_them_again(scene: Scene) -> None:
    lease = await scene.native_lease()
    for number in range(LIMITS.files + 2):
        await scene.send(lease, b"%d" % number)

    with pytest.raises(InvalidFieldError):
        await scene.send(lease, b"one more")
    assert (await scene.send(lease, b"0")).size_bytes == 1


async def test_a_unit_of_a_search_leaves_no_files(scene: Scene) -> None:
    search = SubmitSearch(uid=REAL.new_uid(), name="s", patterns=["1LoVE"], public_key=keygen()[1].hex())
    await scene.alice.submit_batch(search)
    lease = await scene.lease(VANITY)

    with pytest.raises(InvalidFieldError):
        await scene.send(lease, b"content")
    assert scene.stored_bytes() == 0


async def test_a_share_of_anothers_unit_is_false_and_goes_on_the_record_of_who_claims_it(scene: Scene) -> None:
    search = SubmitSearch(uid=REAL.new_uid(), name="s", patterns=["1Lo"], public_key=keygen()[1].hex())
    await scene.alice.submit_batch(search)
    async with scene.grid.host("bob") as bob:
        bobs = await leased(bob, VANITY)
        assert isinstance(bobs.work, VanityWork)
        share = first_hit(bobs.work)
        own = await scene.lease(VANITY)

        with pytest.raises(FalseResultError, match=f"its offset is not in unit 1 of batch {search.uid}"):
            await scene.mallory.report(own.job_uid, own.attempt, share)
        with pytest.raises(LeaseLostError, match="no longer leased to this host"):
            await scene.mallory.report(bobs.job_uid, bobs.attempt, share)
        refused = await scene.records()
        await bob.report(bobs.job_uid, bobs.attempt, share)
        faults = await scene.grid.services.database.read(lambda session: session.exec(select(Fault)).all())

    assert refused == {"mallory": (0, 1), "bob": (0, 0)}
    assert await scene.records() == {"mallory": (0, 1), "bob": (1, 0)}
    assert [(fault.code, fault.job_uid) for fault in faults] == [(FalseResultError.code, own.job_uid)]


@pytest.mark.parametrize("name", [".bashrc", ".git/hooks/post-checkout", "Makefile", "outer/a", "stdout/a"])
async def test_a_host_does_not_choose_where_an_output_ends(scene: Scene, name: str) -> None:
    lease = await scene.native_lease()
    output = await scene.send(lease, b"content", name)

    with pytest.raises(InvalidFieldError, match="stdout, stderr, or a file of the folder out"):
        await scene.finish(lease, [output])


async def test_one_upload_is_not_a_thousand_outputs(scene: Scene) -> None:
    lease = await scene.native_lease()
    output = await scene.send(lease, bytes(MIB // 2))
    many_large = [output.model_copy(update={"name": f"out/{number}"}) for number in range(3)]
    small = await scene.send(lease, b"1")
    many = [small.model_copy(update={"name": f"out/{number}"}) for number in range(LIMITS.files + 3)]

    for outputs in (many_large, many):
        with pytest.raises(XwhepError, match="more than the job's limits allow"):
            await scene.finish(lease, outputs)
    await scene.finish(lease, [output, small.model_copy(update={"name": "out/b"})])
