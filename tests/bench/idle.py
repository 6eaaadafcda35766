"""What connected workers cost the dispatcher while little happens: memory, and processor of idle and of busy ones.

`python -m tests.bench.idle [--quick]` shows it alone.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bench.alone import run_alone
from tests.bench.crowd import IDENTITIES, PATIENCE_S, a_crowd, share_of_core
from tests.bench.dispatcher_grid import LoadedGrid, a_loaded_grid
from xwhep.client.connection import Connection
from xwhep.client.owner import OwnerClient
from xwhep.pki.contexts import client_context
from xwhep.protocol.jobs import SubmitJob, SubmitJobs
from xwhep.world import REAL

IDLE, QUICK_IDLE = 5000, 500
BUSY, QUICK_BUSY = 1000, 100
#: seconds until idle workers have heard how long to wait: as long as their first poll
FIRST_POLL_S, QUICK_FIRST_POLL_S = 30.0, 0.0
#: seconds of measuring: longer than the polls of an idle crowd, and several heartbeats of a busy one
IDLE_S, QUICK_IDLE_S = 210.0, 30.0
BUSY_S, QUICK_BUSY_S = 40.0, 20.0


async def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """Return KiB of the dispatcher's memory for each waiting worker, and its share of a processor: idle, and busy."""
    idle, busy = (QUICK_IDLE, QUICK_BUSY) if quick else (IDLE, BUSY)
    idle_s, busy_s = (QUICK_IDLE_S, QUICK_BUSY_S) if quick else (IDLE_S, BUSY_S)
    found: dict[str, float] = {}
    (folder / "idle").mkdir()
    async with a_loaded_grid(folder / "idle", hosts=IDENTITIES) as grid:
        before = grid.resident_bytes()
        async with a_crowd(grid, idle) as crowd:
            found["idle_kib_per_connection"] = round((grid.resident_bytes() - before) / 1024 / idle, 1)
            await asyncio.sleep(QUICK_FIRST_POLL_S if quick else FIRST_POLL_S)
            found["idle_core_share"] = round(await share_of_core(grid, idle_s), 3)
    (folder / "busy").mkdir()
    # of an identity each: with each heartbeat the dispatcher looks up the attempts of its host
    async with a_loaded_grid(folder / "busy", hosts=busy) as grid, a_crowd(grid, busy) as crowd:
        await submit(grid, busy)
        await crowd.until_all_are_busy()
        await asyncio.sleep(busy_s / 4)  # the first heartbeats come together
        found["busy_core_share"] = round(await share_of_core(grid, busy_s), 3)
    return found


async def submit(grid: LoadedGrid, count: int) -> None:
    """Submit jobs, 1,000 a request at most."""
    url, context = f"https://127.0.0.1:{grid.port}", client_context(grid.user)
    async with Connection(url, context, patience_s=PATIENCE_S, timeout_s=PATIENCE_S) as connection:
        for first in range(0, count, 1000):
            jobs = [SubmitJob(uid=REAL.new_uid(), app_uid=grid.app.uid) for _ in range(first, min(first + 1000, count))]
            await OwnerClient(connection).submit_jobs(SubmitJobs(jobs=jobs))


if __name__ == "__main__":
    run_alone(measure, __doc__)
