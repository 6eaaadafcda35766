"""`vs_naive`: what a whole job costs the dispatcher, and what it costs a straightforward one (`tests.bench.naive`).

Both serve on the same processor, both are asked by the same lanes, the same members and the same certificates, in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from tests.bench.dispatcher import LANES, Act, Slice, measured
from tests.bench.dispatcher_grid import DISPATCHER_CPU, ROOT, LoadedGrid, a_loaded_grid
from tests.bench.lives import Lane
from tests.bench.naive_tables import prepare
from tests.bench.processors import load_apart

#: a whole life with a 6-byte output, as each of the two is asked for it at its best: the naive one has single requests
LIFE: Final[Act] = Lane.exchanged
NAIVE_LIFE: Final[Act] = Lane.job_with_output


async def measure(folder: Path, *, quick: bool) -> dict[str, float | None]:
    """Return how many times the dispatcher's processor time a straightforward one takes for a job, and its figures."""
    rounds, seconds = (3, 1.0) if quick else (5, 3.0)
    with load_apart():
        async with a_loaded_grid(_made(folder / "real"), hosts=LANES) as real, AsyncExitStack() as stack:
            installation = folder / "real" / "dispatcher"
            naive = await stack.enter_async_context(a_naive_grid(_made(folder / "naive"), installation, real))
            subjects = {"job": (real, LIFE), "naive-job": (naive, NAIVE_LIFE)}
            lanes = {name: await _lanes(stack, grid) for name, (grid, _) in subjects.items()}
            found: dict[str, list[Slice]] = {name: [] for name in subjects}
            for number in range(rounds + 1):  # the first one warms up
                for name, (grid, life) in subjects.items():
                    piece = await measured(grid, lanes[name], life, seconds if number else seconds / 4)
                    found[name] += [piece] if number else []
    for name, slices in found.items():
        print(_row(name, slices))
    ours, theirs = found["job"], found["naive-job"]
    return {
        "vs_naive": _ratio(theirs, ours, lambda piece: piece.cost_us),
        "vs_naive_jobs_per_second": _ratio(ours, theirs, lambda piece: piece.done / piece.wall_s),
        "naive_job_cpu_us": round(median(piece.cost_us for piece in theirs)),
        "naive_jobs_per_second": round(median(piece.done / piece.wall_s for piece in theirs)),
    }


@contextlib.asynccontextmanager
async def a_naive_grid(folder: Path, installation: Path, real: LoadedGrid) -> AsyncIterator[LoadedGrid]:
    """Start a straightforward dispatcher for the members and the app of a real one; it ends with the context."""
    prepare(folder, real.user, real.hosts, real.app)
    command = [sys.executable, "-m", "tests.bench.naive", str(folder), str(installation), str(DISPATCHER_CPU)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None, "it is a pipe"
    try:
        yield replace(real, port=int(await process.stdout.readline()), process=psutil.Process(process.pid))
    finally:
        process.kill()
        await process.communicate()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _lanes(stack: AsyncExitStack, grid: LoadedGrid) -> list[Lane]:
    lanes = [await Lane.open(grid, number) for number in range(LANES)]
    for lane in lanes:
        stack.callback(lane.close)
    return lanes


def _ratio(above: list[Slice], below: list[Slice], figure: Callable[[Slice], float]) -> float:
    """Return the median of the ratios within the rounds, in which both met the same noise."""
    return round(median(figure(one) / figure(other) for one, other in zip(above, below, strict=True)), 2)


def _row(name: str, slices: list[Slice]) -> str:
    costs = sorted(piece.cost_us for piece in slices)
    rate = median(piece.done / piece.wall_s for piece in slices)
    server = median(piece.server_s / piece.wall_s for piece in slices)
    client = median(piece.client_s / piece.wall_s for piece in slices)
    return (
        f"{name:22} {median(costs):7,.0f} us of the server a job ({costs[0]:,.0f} to {costs[-1]:,.0f}),"
        f" {rate:6,.0f} jobs/s; busy: server {server:.0%}, client {client:.0%}"
    )
