"""Programs whose configuration leaves the first app out load nothing of it, while they really work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.desk import poll_request
from tests.support.grid import a_grid
from tests.support.kinds import KINDS, WORK
from tests.support.older_host import OlderHost
from tests.support.programs import ROOT, Ended, ended, fresh
from tests.support.workers import PATIENCE_S, ended_job, enrol
from xwhep.client.connection import Connection
from xwhep.client.owner import OwnerClient
from xwhep.lifecycle import BatchStatus, Status
from xwhep.pki.contexts import client_context
from xwhep.protocol.apps import RegisterApp
from xwhep.protocol.jobs import SubmitJob, SubmitJobs
from xwhep.rights import Role
from xwhep.vanity.messages import SubmitSearch
from xwhep.vanity.split_key import keygen
from xwhep.world import REAL

#: what the first app is made of: its wing, its modules, its arithmetic and its kernels
OF_THE_FIRST_APP: Final = re.compile(
    r"(xwhep|worker)\.vanity|xwhep\.(fast_)?secp256k1|(worker\.runs|dispatcher\.kinds)\.vanity"
    r"|numba|llvmlite|numpy|coincurve"
)
OF_OURS: Final = "tests.support.lab"


@dataclass
class Fresh:
    """A program in a process of its own."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)  #: on standard output

    async def reads(self, pattern: str) -> re.Match[str]:
        """Return the first match in a line of its standard output."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self.process.stdout.readline()).decode():
                self.said.append(line)
                if found := re.search(pattern, line):
                    return found
        raise AssertionError(self.said)

    async def stops(self) -> Ended:
        """Stop it in good order; return what it had loaded."""
        self.process.terminate()
        stdout, stderr = await asyncio.wait_for(self.process.communicate(), PATIENCE_S)
        assert self.process.returncode == 0, stderr.decode()
        return ended(0, stdout.decode(), stderr.decode())


@contextlib.asynccontextmanager
async def started(name: str, *words: str, home: Path, **variables: str) -> AsyncIterator[Fresh]:
    """Return a program that runs until it is stopped."""
    ours = {"XWHEP_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "XWHEP_WORKER__NICE": "0"}
    process = await asyncio.create_subprocess_exec(
        *fresh(name, *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,
        env={**os.environ, **ours, **variables},
    )
    try:
        yield Fresh(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def of_the_first_app(program: Ended) -> list[str]:
    return sorted(filter(OF_THE_FIRST_APP.match, program.modules))


async def test_a_dispatcher_without_the_first_app_serves_a_grid_that_had_it(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        alice, bob = await grid.member(Role.USER, "alice"), await grid.member(Role.HOST, "bob")
        async with grid.connect(alice) as owners, grid.connect(bob) as hosts:
            _, key = keygen()
            uid = REAL.new_uid()
            search = SubmitSearch(uid=uid, name="search", patterns=["1LoVE"], public_key=key.hex())
            await OwnerClient(owners).submit_batch(search)
            assert await OlderHost(hosts, WORK).lease(poll_request(keys_per_s=1e6)) is not None

    kinds = {"XWHEP_DISPATCHER__KINDS": json.dumps(["native"])}
    serve = started("xwhep-dispatcher", "serve", "--host", "127.0.0.1", "--port", "0", home=tmp_path, **kinds)
    async with serve as dispatcher:
        port = (await dispatcher.reads(r"port (\d+)"))[1]
        url = f"https://127.0.0.1:{port}"
        async with Connection(url, client_context(alice)) as owners, Connection(url, client_context(bob)) as hosts:
            owner = OwnerClient(owners)
            batches = [batch async for batch in owner.batches()]
            jobs = [job async for job in owner.jobs()]
            nothing = await OlderHost(hosts, WORK).lease(poll_request(keys_per_s=1e6))
        stopped = await dispatcher.stops()

    assert [(batch.kind, batch.status, batch.details) for batch in batches] == [("search", BatchStatus.RUNNING, None)]
    assert [(job.batch_uid, job.status) for job in jobs] == [(uid, Status.RUNNING)]
    assert nothing is None
    assert "dispatcher.kinds.native" in stopped.modules
    assert of_the_first_app(stopped) == []


async def test_a_worker_without_the_first_app_works(tmp_path: Path) -> None:
    async with (
        a_grid(tmp_path, kinds=["native", f"{OF_OURS}.on_dispatcher"]) as grid,
        grid.owner("alice") as owner,
    ):
        await enrol(grid, tmp_path / "bob")
        kinds = {"XWHEP_WORKER__KINDS": json.dumps(["native", f"{OF_OURS}.on_worker"])}
        async with started("xwhep-worker", "run", home=tmp_path / "bob", **kinds) as worker:
            app = await owner.register_app(RegisterApp(uid=REAL.new_uid(), name="primes", version="1", kind="primes"))
            job = SubmitJob(uid=REAL.new_uid(), app_uid=app.uid, arguments=["100"])
            await owner.submit_jobs(SubmitJobs(jobs=[job]))
            done = await ended_job(owner, job.uid)
            stopped = await worker.stops()

    assert done.status is Status.COMPLETED
    assert {"worker.runs.native", f"{OF_OURS}.on_worker"} <= stopped.modules
    assert of_the_first_app(stopped) == []


def test_the_modules_of_the_first_app_are_told_from_others() -> None:
    """Were the expression wrong, the tests above could not fail."""
    with_it = Ended(0, "", "", frozenset({type(KINDS.apps[name]).__module__ for name in KINDS.apps}))

    assert of_the_first_app(with_it) == ["dispatcher.kinds.vanity"]
