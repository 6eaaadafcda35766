"""`python -m tests.bench.lists`: what a page of a list costs at a million jobs, and who waits for those who read it.

Costs are microseconds of the dispatcher's processor, of the same lists at ten thousand jobs and at a million. The last
line is one JSON object.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

from tests.bench.alone import run_alone
from tests.bench.dispatcher_grid import LoadedGrid, a_loaded_grid
from tests.bench.filling import fill_jobs
from tests.bench.wire import Wire
from xwhep.world import REAL

Act: TypeAlias = Callable[[], Awaitable[Any]]

FEW: Final = 10_000
#: pages that one measurement reads of each list, one after the other
PAGES: Final = 40
#: who reads lists while a host's heartbeats are timed
READERS: Final = 4
#: a host's heartbeats come apart from each other, seconds: so the server is not busy with them
PAUSE_S: Final = 0.005


async def timed(act: Act, until: Callable[[], bool], *, pause_s: float = PAUSE_S) -> list[float]:
    """Act again and again until something is so; return how long each took, seconds."""
    found = []
    while not until():
        begun = time.perf_counter()
        await act()
        found.append(time.perf_counter() - begun)
        await asyncio.sleep(pause_s)
    return found


def after(seconds: float) -> Callable[[], bool]:
    """Return what tells whether so many seconds have gone by from now on."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def p99_ms(latencies_s: Sequence[float]) -> float:
    """Return the time that all but one in a hundred stay below, milliseconds."""
    return sorted(latencies_s)[int(len(latencies_s) * 0.99)] * 1e3


async def a_batch(user: Wire, app_uid: str) -> str:
    """Submit a bag of one job; return its id."""
    uid, job = str(REAL.new_uid()), {"uid": str(REAL.new_uid()), "app_uid": app_uid}
    await user.call("POST", "/v1/batches", {"kind": "bag", "uid": uid, "name": "b", "jobs": [job]}, expected=(201,))
    return uid


def lists_of(batch_uid: str) -> Mapping[str, str]:
    """Return the lists that a user can ask for of jobs, by what they are filtered by."""
    return {
        "all": "/v1/jobs?",
        "by status": "/v1/jobs?status=failed&",
        "by batch": f"/v1/jobs?batch_uid={batch_uid}&",
        "by both": f"/v1/jobs?batch_uid={batch_uid}&status=failed&",
        "batch": f"/v1/batches/{batch_uid}?",
    }


async def pages(user: Wire, path: str, count: int) -> None:
    """Read pages of a list from its beginning, and again when it ends."""
    cursor = None
    for _ in range(count):
        reply = (await user.ask("GET", path + (f"after={cursor}" if cursor else ""))).json()
        cursor = reply.get("next")


async def costs_us(grid: LoadedGrid, user: Wire, paths: Mapping[str, str], rounds: int) -> dict[str, float]:
    """Return what a page of each list costs the dispatcher, the median of several rounds in turn."""
    found: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(rounds):
        for name, path in paths.items():
            before = grid.cpu_s()
            await pages(user, path, PAGES)
            found[name].append((grid.cpu_s() - before) / PAGES * 1e6)
    return {name: median(costs) for name, costs in found.items()}


async def heartbeats_ms(grid: LoadedGrid, paths: Mapping[str, str], seconds: float) -> tuple[float, float]:
    """Return the 99th percentile of a host's heartbeats, milliseconds: alone, and beside those who read lists."""
    host, readers = await grid.as_host(0), [await grid.as_user() for _ in range(READERS)]

    async def heartbeat() -> None:
        await host.call("POST", "/v1/heartbeats", {"attempts": []})

    alone = await timed(heartbeat, after(seconds))
    until = after(seconds)
    reads = [
        timed(lambda wire=wire, path=path: pages(wire, path, 1), until, pause_s=0)  # type: ignore[misc] # bound now
        for wire, path in zip(readers, [*paths.values()][-READERS:], strict=True)
    ]
    beside, *_ = await asyncio.gather(timed(heartbeat, until), *reads)
    for wire in (host, *readers):
        wire.close()
    return p99_ms(alone), p99_ms(beside)


async def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """Return what a page costs at many jobs over at few, the worst of all lists; and heartbeats beside the readers."""
    many, rounds, seconds = (100_000, 3, 2.0) if quick else (1_000_000, 5, 5.0)
    async with a_loaded_grid(folder, hosts=1) as grid:
        user, file = await grid.as_user(), folder / "dispatcher" / "grid.sqlite"
        batch_uid = await a_batch(user, str(grid.app.uid))
        columns = {
            "batch_uid": f"'{batch_uid.replace('-', '')}'",
            "status": "CASE n % 2 WHEN 0 THEN 'failed' ELSE 'completed' END",
            "attempts_wanted": "0",
            "ended_at": "'2026-01-02 00:00:00.000000'",
        }
        paths = lists_of(batch_uid)
        await asyncio.to_thread(fill_jobs, file, FEW, columns)
        few = await costs_us(grid, user, paths, rounds)
        await asyncio.to_thread(fill_jobs, file, many - FEW, columns)
        at_many = await costs_us(grid, user, paths, rounds)
        alone_ms, beside_ms = await heartbeats_ms(grid, paths, seconds)
        user.close()
    print(f"{'us a page':12} {FEW:>10,} {many:>10,}")
    for name in paths:
        print(f"{name:12} {few[name]:10,.0f} {at_many[name]:10,.0f}")
    return {
        "list_flat": round(max(at_many[name] / few[name] for name in paths), 2),
        "list_page_us": round(max(at_many.values())),
        "heartbeat_p99_ms": round(alone_ms, 1),
        "heartbeat_p99_beside_lists_ms": round(beside_ms, 1),
    }


if __name__ == "__main__":
    run_alone(measure, __doc__)
