"""The way of one job and of one search, over real TLS against the real database."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.desk import poll_request
from tests.support.grid import a_grid
from tests.support.kinds import NATIVE, VANITY, searched
from tests.support.leases import first_hit
from tests.support.targets import of_pattern
from xwhep.client.owner import OwnerClient
from xwhep.errors.jobs import FalseResultError, LeaseLostError
from xwhep.lifecycle import AttemptStatus, BatchStatus, Status
from xwhep.protocol.apps import RegisterApp, Target
from xwhep.protocol.attempts import AttemptProgress, FinishAttempt, Heartbeat, Outcome
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.data import RegisterData
from xwhep.protocol.jobs import Output, SubmitJob, SubmitJobs
from xwhep.protocol.native import NativeWork
from xwhep.vanity.errors import KeyUsedError
from xwhep.vanity.messages import MAX_PATTERNS, SubmitSearch, VanityWork
from xwhep.vanity.split_key import combine, keygen
from xwhep.vanity.wanted import want_patterns
from xwhep.world import REAL


async def put(owner: OwnerClient, folder: Path, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    file = folder / digest
    file.write_bytes(content)
    uid = REAL.new_uid()
    await owner.register_data(RegisterData(uid=uid, name="content", digest=digest, size_bytes=len(content)))
    await owner.store(uid, file, len(content))
    return digest


async def test_a_native_job_goes_the_whole_way(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.host("bob") as bob:
        program = await put(alice, tmp_path, b"#!/bin/sh\necho hello\n")
        app = await alice.register_app(
            RegisterApp(
                uid=REAL.new_uid(),
                name="hello",
                version="1",
                kind=NATIVE,
                targets=[Target(os=Os.LINUX, cpu=Cpu.ANY, blob=program, entry="hello.sh")],
            )
        )
        job = SubmitJob(uid=REAL.new_uid(), app_uid=app.uid, arguments=["a b", "--ro-bind"])
        await alice.submit_jobs(SubmitJobs(jobs=[job]))
        await alice.submit_jobs(SubmitJobs(jobs=[job]))

        lease = await bob.lease(poll_request(NATIVE))
        assert lease is not None
        assert isinstance(lease.work, NativeWork)
        await bob.fetch(lease.job_uid, lease.attempt, lease.work.program, tmp_path / "program")
        out = tmp_path / "stdout"
        out.write_bytes(b"hello\n")
        output = Output(name="stdout", digest=hashlib.sha256(b"hello\n").hexdigest(), size_bytes=6)
        await bob.store(lease.job_uid, lease.attempt, output, out)
        end = FinishAttempt(outcome=Outcome.FINISHED, exit_status=0, outputs=[output])
        first = await bob.finish(lease.job_uid, lease.attempt, end)
        again = await bob.finish(lease.job_uid, lease.attempt, end)
        seen = await alice.job(job.uid)
        await alice.fetch_output(job.uid, seen.outputs[0], tmp_path / "fetched")

    assert first.status is again.status is AttemptStatus.FINISHED
    assert lease.work.arguments == ["a b", "--ro-bind"]
    assert seen.status is Status.COMPLETED
    assert (tmp_path / "fetched").read_bytes() == b"hello\n"


async def test_a_search_ends_with_the_first_true_hit(tmp_path: Path) -> None:
    secret, public_key = keygen()
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.host("bob") as bob, grid.host("eve") as eve:
        search = SubmitSearch(uid=REAL.new_uid(), name="mine", patterns=["1L"], public_key=public_key.hex())
        batch = await alice.submit_batch(search)
        with pytest.raises(KeyUsedError):
            await alice.submit_batch(search.model_copy(update={"uid": REAL.new_uid()}))
        lease = await bob.lease(poll_request(VANITY))
        other = await eve.lease(poll_request(VANITY))
        assert lease is not None
        assert other is not None
        assert isinstance(lease.work, VanityWork)
        hit = first_hit(lease.work)
        with pytest.raises(FalseResultError):
            await eve.report(other.job_uid, other.attempt, hit)
        await bob.report(lease.job_uid, lease.attempt, hit)
        with pytest.raises(LeaseLostError):
            await bob.report(lease.job_uid, lease.attempt, hit)
        ended = await alice.batch(batch.uid)
        stop = await eve.heartbeat(Heartbeat(attempts=[AttemptProgress(job_uid=other.job_uid, attempt=other.attempt)]))

    assert ended.status is BatchStatus.COMPLETED
    result = searched(ended).result
    assert result is not None
    assert result.address.startswith("1L")
    assert combine(secret, result.hit(), of_pattern("1L").match)
    assert [ref.job_uid for ref in stop.stop] == [other.job_uid]


async def test_a_search_for_thousands_of_patterns_fits_in_its_messages(tmp_path: Path) -> None:
    patterns = [f"1{'ABCDEFGHJKLMNP'[n % 14]}{n:04}aa".replace("0", "x") for n in range(MAX_PATTERNS)]
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.host("bob") as bob:
        search = SubmitSearch(uid=REAL.new_uid(), name="mine", patterns=patterns, public_key=keygen()[1].hex())
        batch = await alice.submit_batch(search)
        lease = await bob.lease(poll_request(VANITY))
        assert lease is not None
        assert isinstance(lease.work, VanityWork)

    assert searched(batch).patterns == patterns
    assert lease.work.target().chance >= want_patterns(patterns).target.chance
    assert len(lease.work.targets[0].ranges) > MAX_PATTERNS
