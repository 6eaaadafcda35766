"""What it costs the dispatcher when all connections break at once and every worker comes back by its own rule.

`python -m tests.bench.storm [--quick]` shows it alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from tests.bench.alone import run_alone
from tests.bench.crowd import IDENTITIES, a_crowd
from tests.bench.dispatcher_grid import a_loaded_grid
from tests.bench.idle import submit

WORKERS, QUICK_WORKERS = 5000, 500


async def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """Return what the storm took: seconds of the dispatcher's processor and of the clock, and how many were lost."""
    count = QUICK_WORKERS if quick else WORKERS
    async with a_loaded_grid(folder, hosts=IDENTITIES) as grid, a_crowd(grid, count) as crowd:
        before_s, began = grid.cpu_s(), time.monotonic()
        crowd.cut_all()
        await asyncio.sleep(0.1)
        await crowd.until_all_ask()
        found = {
            "reconnect_storm_cpu_s": round(grid.cpu_s() - before_s, 2),
            "reconnect_storm_s": round(time.monotonic() - began, 1),
            "reconnect_storm_longest_connect_s": round(crowd.longest_connect_s, 1),
        }
        await submit(grid, count)  # whoever is back gets one of these
        with contextlib.suppress(TimeoutError):  # who has none by then is lost
            await crowd.until_all_are_busy()
        found["reconnect_storm_lost"] = count - sum(host.is_busy for host in crowd.hosts)
    return found


if __name__ == "__main__":
    run_alone(measure, __doc__)
