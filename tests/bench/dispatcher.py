"""`make bench-dispatcher`: what a job costs the dispatcher, in processor time, beside what bare requests cost it.

Costs are microseconds of the dispatcher's processor, not of the clock, so that other programs matter little; each is
the median of several rounds, in which all subjects take turns. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

import aiohttp

from tests.bench.dispatcher_grid import DISPATCHER_CPU, LoadedGrid, a_loaded_grid
from tests.bench.lives import Lane

Act: TypeAlias = Callable[[Lane], Awaitable[int]]  #: does something and returns how many things it did
Subject: TypeAlias = tuple[Act, int]  #: what is done, and by how many lanes at once

LANES: Final = 64
#: the table's columns: microseconds of the dispatcher's processor for each, lowest, median and highest round; how many
#: a second; milliseconds of half of them and of all but one in a hundred; how busy dispatcher and load are
HEAD: Final = "                 us low  median    high  a second  p50 ms  p99 ms server client"
#: requests of a whole life
REQUESTS: Final = 4


@dataclass(frozen=True, slots=True)
class Slice:
    """What one round of one subject took."""

    done: int
    wall_s: float
    server_s: float  #: of a processor
    client_s: float
    latencies_s: tuple[float, ...]

    @property
    def cost_us(self) -> float:
        """Return the dispatcher's microseconds of processor for one thing."""
        return self.server_s / self.done * 1e6


async def measured(grid: LoadedGrid, lanes: list[Lane], act: Act, seconds: float) -> Slice:
    """Let all lanes act for a while, and return what that took."""
    latencies: list[float] = []
    started, server_s, client_s = time.monotonic(), grid.cpu_s(), time.process_time()
    end = started + seconds

    async def go_on(lane: Lane) -> int:
        done = 0
        while (begun := time.monotonic()) < end:
            done += await act(lane)
            latencies.append(time.monotonic() - begun)
        return done

    done = sum(await asyncio.gather(*map(go_on, lanes)))
    took = time.monotonic() - started
    return Slice(done, took, grid.cpu_s() - server_s, time.process_time() - client_s, tuple(latencies))


async def compared(
    grid: LoadedGrid, lanes: list[Lane], subjects: Mapping[str, Subject], *, rounds: int, seconds: float
) -> dict[str, list[Slice]]:
    """Return the rounds of each subject; all take turns, so that all meet the same noise."""
    found: dict[str, list[Slice]] = {name: [] for name in subjects}
    for act, count in subjects.values():
        await measured(grid, lanes[:count], act, seconds / 4)  # prepares statements, and fills the caches
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}", file=sys.stderr)
        for name, (act, count) in subjects.items():
            found[name].append(await measured(grid, lanes[:count], act, seconds))
    return found


SUBJECTS: Final[Mapping[str, Subject]] = {
    "bare": (Lane.bare, LANES),
    "job": (Lane.exchanged, LANES),
    "ten-jobs": (Lane.exchanged_tens, LANES),
    "job-older": (Lane.job, LANES),
    "job-uploaded": (Lane.job_with_output, LANES),
    "job-alone": (Lane.exchanged, 1),
    "submit-1000": (Lane.submitted_in_bulk, 1),
}


async def run(*, quick: bool, only: list[str]) -> dict[str, Any]:
    """Measure everything, or only some subjects; print the table, and return what the last line says."""
    rounds, seconds = (3, 1.0) if quick else (5, 3.0)
    with tempfile.TemporaryDirectory() as folder:
        async with a_loaded_grid(Path(folder), hosts=LANES) as grid, AsyncExitStack() as stack:
            lanes = [await Lane.open(grid, number) for number in range(LANES)]
            for lane in lanes:
                stack.callback(lane.close)
            subjects = {name: subject for name, subject in SUBJECTS.items() if not only or name in only}
            found = await compared(grid, lanes, subjects, rounds=rounds, seconds=seconds)
    print(HEAD)
    for name, slices in found.items():
        print(_row(name, slices))
    costs = {name: median(piece.cost_us for piece in slices) for name, slices in found.items()}
    if only:
        return {f"{name}_cpu_us": round(cost) for name, cost in costs.items()}
    others = await _others(quick=quick)
    four_bare = REQUESTS * costs["bare"]
    return {
        "bare_cpu_us": round(costs["bare"]),
        "job_cpu_us": round(costs["job"]),
        "jobs_per_second": round(median(piece.done / piece.wall_s for piece in found["job"])),
        "cpu_per_job_vs_bare": round(costs["job"] / four_bare, 2),
        "cpu_per_job_batched": round(costs["ten-jobs"] / costs["job"], 2),
        "cpu_per_job_by_older_requests_vs_bare": round(costs["job-older"] / four_bare, 2),
        "cpu_per_job_uploaded_vs_bare": round(costs["job-uploaded"] / four_bare, 2),
        "bulk_cpu_us": round(costs["submit-1000"]),
        "p99_over_p50": round(_latency(found["job"], 0.99) / _latency(found["job"], 0.5), 2),
        **others,
    }


async def _others(*, quick: bool) -> dict[str, Any]:
    """Measure all else, each on a grid of its own; return the figures."""
    # some of them import this module
    from tests.bench import bulk, claims, compare, idle, latency, lists, misfits, shares, storm

    figures: dict[str, Any] = {}
    for part in (claims, lists, bulk, misfits, shares, latency, idle, storm, compare):
        print(f"{part.__name__.rpartition('.')[2]}:", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            figures |= await part.measure(Path(folder), quick=quick)
    return figures


def _latency(slices: list[Slice], part: float) -> float:
    """Return the latency, in seconds, that this part of all stays below."""
    latencies = sorted(latency for piece in slices for latency in piece.latencies_s)
    return latencies[int(len(latencies) * part)]


def _row(name: str, slices: list[Slice]) -> str:
    costs = sorted(piece.cost_us for piece in slices)
    rate = median(piece.done / piece.wall_s for piece in slices)
    p50, p99 = (_latency(slices, part) * 1e3 for part in (0.5, 0.99))
    client = median(piece.client_s / piece.wall_s for piece in slices)
    server = median(piece.server_s / piece.wall_s for piece in slices)
    return (
        f"{name:15} {costs[0]:7,.0f} {median(costs):7,.0f} {costs[-1]:7,.0f} {rate:9,.0f}"
        f" {p50:7.1f} {p99:7.1f} {server:6.0%} {client:6.0%}"
    )


def main() -> None:
    """Run the bench."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    arguments.add_argument(
        "--only", choices=SUBJECTS, action="append", default=[], help="one subject alone; may come again"
    )
    others = os.sched_getaffinity(0) - {DISPATCHER_CPU}
    os.sched_setaffinity(0, others or {DISPATCHER_CPU})
    try:
        told = asyncio.run(run(**vars(arguments.parse_args())))
    except KeyboardInterrupt:
        sys.exit(130)
    print(json.dumps({"aiohttp": aiohttp.__version__, **told}))


if __name__ == "__main__":
    main()
