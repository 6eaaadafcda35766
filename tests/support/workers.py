"""Real workers for tests: in this process, or as processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

from tests.support.grid import GridUnderTest
from tests.support.kernels import share_kernels
from worker.agent.decisions import SAVE_S
from worker.config import Folders, WorkerSettings
from worker.daemon import Daemon
from worker.offers import Offer
from worker.runs.registry import load
from xwhep.client.enrolment import join
from xwhep.client.owner import OwnerClient
from xwhep.members import Kind as MemberKind
from xwhep.pki.identity import load_identity
from xwhep.protocol.apps import RegisterApp, Target
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.data import RegisterData
from xwhep.protocol.jobs import Input, JobView, SubmitJob, SubmitJobs
from xwhep.rights import Role
from xwhep.world import REAL

ROOT = Path(__file__).parents[2]
#: how long a test waits for what should take a second, on a noisy machine
PATIENCE_S = 60.0
#: between two looks; what is waited for is the dispatcher's or the disk's, which tell nobody in this process
LOOK_S = 0.1


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Return when `check` is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not await check():  # noqa: ASYNC110 - the event is in another process
            await asyncio.sleep(LOOK_S)


async def enrol(grid: GridUnderTest, home: Path) -> Folders:
    """Join the grid as a host; return the worker's folders."""
    folders = Folders(home)
    await join(grid.url, await grid.token(Role.HOST), MemberKind.HOST, home.name, folders.identity)
    return folders


def a_daemon(folders: Folders, *kinds: str, slots: int = 1) -> Daemon:
    """Return a worker that takes jobs of these kinds, whether or not this machine can run them."""
    settings = WorkerSettings(slots=slots, kinds=frozenset(kinds))
    loaded = load(settings)
    identity = load_identity(folders.identity, "xwhep-worker join")
    return Daemon(settings, folders, identity, Offer(loaded, frozenset(loaded)))


@contextlib.asynccontextmanager
async def a_worker(folders: Folders, *kinds: str, slots: int = 1) -> AsyncIterator[Daemon]:
    """Return a worker of these kinds, not probed, that runs in this process until the block ends."""
    daemon = a_daemon(folders, *kinds, slots=slots)
    task = asyncio.create_task(daemon.run())
    try:
        yield daemon
    finally:
        daemon.stop()
        await task


@contextlib.asynccontextmanager
async def a_worker_process(
    home: Path, *options: str, save_s: float = SAVE_S
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Return a worker that is a process of its own; at the end it is killed if it still runs.

    Every `save_s` seconds it writes down how far its searches are.
    """
    await asyncio.to_thread(share_kernels, home)
    program = f"from worker import cli; from worker.agent import decisions; decisions.SAVE_S = {save_s}; cli.main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", program, "run", *options),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XWHEP_HOME": str(home), "XWHEP_WORKER__NICE": "0"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def put(owner: OwnerClient, folder: Path, content: bytes) -> str:
    """Store content on the dispatcher; return its digest."""
    digest = hashlib.sha256(content).hexdigest()
    file = folder / digest
    await asyncio.to_thread(file.write_bytes, content)
    uid = REAL.new_uid()
    await owner.register_data(RegisterData(uid=uid, name="content", digest=digest, size_bytes=len(content)))
    await owner.store(uid, file, len(content))
    return digest


async def register_script(owner: OwnerClient, folder: Path, script: str, name: str = "script") -> UUID:
    """Register a native app that is a script; return its id."""
    blob = await put(owner, folder, script.encode())
    target = Target(os=Os.LINUX, cpu=Cpu.ANY, blob=blob, entry="bin/script.sh")
    app = RegisterApp(uid=REAL.new_uid(), name=name, version="1", kind="native", targets=[target])
    return (await owner.register_app(app)).uid


async def submit(owner: OwnerClient, app_uid: UUID, *arguments: str, inputs: list[Input] | None = None) -> UUID:
    """Submit a job; return its id."""
    job = SubmitJob(uid=REAL.new_uid(), app_uid=app_uid, arguments=list(arguments), inputs=inputs or [])
    await owner.submit_jobs(SubmitJobs(jobs=[job]))
    return job.uid


async def ended_job(owner: OwnerClient, uid: UUID) -> JobView:
    """Return a job once it has ended."""

    async def has_ended() -> bool:
        return (await owner.job(uid)).ended_at is not None

    await eventually(has_ended)
    return await owner.job(uid)


async def output(owner: OwnerClient, job: JobView, name: str, folder: Path) -> bytes:
    """Return the content of an output."""
    (found,) = [item for item in job.outputs if item.name == name]
    destination = folder / found.digest
    await owner.fetch_output(job.uid, found, destination)
    return await asyncio.to_thread(destination.read_bytes)
