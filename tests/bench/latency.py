"""`python -m tests.bench.latency`: how long a job that does nothing takes on an idle grid, with a real worker.

From its submission until its owner sees its end; it runs in the real sandbox. Times are of the clock, so other programs
matter: read the lowest beside the median. The last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.alone import run_alone
from tests.bench.dispatcher_grid import LoadedGrid, a_loaded_grid
from tests.support.namespaces import HAS_NAMESPACES, REFUSED
from tests.support.workers import PATIENCE_S, a_worker_process, register_script
from worker.config import Folders
from xwhep.client.connection import Connection
from xwhep.client.owner import OwnerClient
from xwhep.lifecycle import Status
from xwhep.pki.contexts import client_context
from xwhep.protocol.jobs import JobView, SubmitJob, SubmitJobs
from xwhep.world import REAL

#: jobs, one after the other; the first of all fetches its program, and is not counted
JOBS, QUICK_JOBS = 20, 8
#: the owner looks at a job so often, seconds: a time is too long by this at most, and what a look takes
LOOK_S: Final = 0.005
#: between two jobs: by then the worker has asked for the next
REST_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Life:
    """How long a job has taken, milliseconds."""

    lease: float  #: from its submission until it was given to the worker, by the dispatcher's clock
    run: float  #: from there to its end, by the dispatcher's clock
    seen: float  #: from before its submission until its owner has seen the end


async def a_life(owner: OwnerClient, job: SubmitJob) -> Life:
    """Submit a job, and look at it until it has ended."""
    begun = time.perf_counter()
    await owner.submit_jobs(SubmitJobs(jobs=[job]))
    async with asyncio.timeout(PATIENCE_S):
        while (view := await owner.job(job.uid)).ended_at is None:  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(LOOK_S)
    seen_ms = (time.perf_counter() - begun) * 1e3
    return Life(*_by_dispatcher_ms(view), seen_ms)


def _by_dispatcher_ms(view: JobView) -> tuple[float, float]:
    (attempt,) = view.attempts
    assert view.status is Status.COMPLETED, f"the job does nothing, and {attempt.reason}"
    assert view.ended_at is not None, "it has ended"
    lease, run = attempt.leased_at - view.submitted_at, view.ended_at - attempt.leased_at
    return lease.total_seconds() * 1e3, run.total_seconds() * 1e3


def a_home(grid: LoadedGrid, folder: Path) -> Path:
    """Return the home of a worker that has joined, and takes native jobs alone."""
    home = folder / "home"
    shutil.copytree(grid.hosts[0].folder, Folders(home).identity)
    (home / "config.toml").write_text('[worker]\nkinds = ["native"]\n')
    return home


async def measure(folder: Path, *, quick: bool) -> dict[str, float | None]:
    """Return the median of the times that jobs have taken; None where no sandbox can be built."""
    if not HAS_NAMESPACES:
        print(f"a job on an idle grid: not measured; {REFUSED}, from which the sandbox is built")
        return {"idle_latency_ms": None}
    lives = []
    async with (
        a_loaded_grid(folder, hosts=1) as grid,
        Connection(f"https://127.0.0.1:{grid.port}", client_context(grid.user)) as connection,
        a_worker_process(a_home(grid, folder), "--slots", "1"),
    ):
        owner = OwnerClient(connection)
        app_uid = await register_script(owner, folder, "#!/bin/sh\n", "nothing")
        for _ in range(1 + (QUICK_JOBS if quick else JOBS)):
            lives.append(await a_life(owner, SubmitJob(uid=REAL.new_uid(), app_uid=app_uid)))
            await asyncio.sleep(REST_S)
    _, *lives = lives
    seen, lease = sorted(life.seen for life in lives), median(life.lease for life in lives)
    print(
        f"a job on an idle grid: {median(seen):.0f} ms ({seen[0]:.0f} to {seen[-1]:.0f}), of which {lease:.0f} ms until"
        f" it is leased, {median(life.run for life in lives):.0f} ms from there to its end; no bound is asked for"
    )
    return {"idle_latency_ms": round(median(seen), 1)}


if __name__ == "__main__":
    run_alone(measure, __doc__)
