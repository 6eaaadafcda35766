"""The largest result that a job's limits allow is delivered."""

from __future__ import annotations

from pathlib import Path

from tests.support.desk import poll_request
from tests.support.grid import a_grid
from tests.support.kinds import NATIVE
from tests.support.namespaces import needs_namespaces
from tests.support.workers import put
from worker.runs import native
from xwhep.lifecycle import Status
from xwhep.protocol.apps import Limits, RegisterApp, Target
from xwhep.protocol.attempts import Outcome
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.jobs import SubmitJob, SubmitJobs
from xwhep.protocol.native import NativeWork
from xwhep.world import REAL

_FILES = 10_000
_NAME = 100  #: characters; with `out/` before them 10,000 names are nearly 1 MiB
_SCRIPT = f"#!/usr/bin/env python3\nfor n in range({_FILES}): open(f'out/{{n:0{_NAME}}}', 'w').close()\n"


@needs_namespaces
async def test_as_many_files_as_allowed_with_long_names_are_delivered(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.host("bob") as bob:
        blob = await put(alice, tmp_path, _SCRIPT.encode())
        target = Target(os=Os.LINUX, cpu=Cpu.ANY, blob=blob, entry="many")
        limits = Limits(files=_FILES)
        app = RegisterApp(uid=REAL.new_uid(), name="many", version="1", kind=NATIVE, targets=[target], limits=limits)
        await alice.register_app(app)
        job = SubmitJob(uid=REAL.new_uid(), app_uid=app.uid)
        await alice.submit_jobs(SubmitJobs(jobs=[job]))
        lease = await bob.lease(poll_request(NATIVE))
        assert lease is not None
        assert isinstance(lease.work, NativeWork)
        ref = (lease.job_uid, lease.attempt)
        for folder in (inputs := tmp_path / "inputs", own := tmp_path / "run"):
            folder.mkdir(mode=0o700)

        async def provide(digest: str, destination: Path) -> None:
            await bob.fetch(*ref, digest, destination)

        end = await native.run(lease.work, inputs, own, provide)
        for output in {output.digest: output for output in end.outputs}.values():
            await bob.store(*ref, output, own / output.name)
        await bob.finish(*ref, end)

        ended = await alice.job(job.uid)
        assert (end.outcome, end.reason, ended.status) == (Outcome.FINISHED, None, Status.COMPLETED)
        assert len(ended.outputs) == _FILES + 2
