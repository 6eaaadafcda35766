"""`vs_celery_durable`, `vs_procrastinate`: no-op jobs a second beside two durable queues, on the same two processors.

Each side has one client, its server, and one worker process, on two processors in any order. The clock runs from the
first submission until the client knows that all jobs have ended. One at a time: the client submits job by job, and each
lease and each end is a request of its own, or an exchange; the worker has four jobs under way, as many as Celery's
prefetches. By ten: ten jobs a submission, ten an exchange. Here client and worker are lean and speak mutual TLS, there
they are the rivals' own and speak in plain through Unix sockets.

The rivals run in an environment of their own, which `make bench-dispatcher COMPARE=1` makes; without it their figures
are None.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from tests.bench.dispatcher_grid import ROOT, LoadedGrid, a_loaded_grid
from tests.bench.processors import two_processors
from tests.bench.wire import Wire
from xwhep.world import REAL

RIVALS_PYTHON: Final = ROOT / ".venv-bench" / "bin" / "python"
RIVALS: Final = {
    "celery": "tests.bench.rivals.celery_redis",
    "procrastinate": "tests.bench.rivals.procrastinate_postgres",
}
#: of each mode of ours: groups of slots, slots in each; a submission has as many jobs as a group has slots
MODES: Final = {"one": (4, 1), "ten": (1, 10)}
SUBJECTS: Final = ("xwhep-one", "xwhep-ten", "celery-one", "procrastinate-one", "procrastinate-ten")
WARM_UP_JOBS: Final = 20
HOW_TO_COMPARE: Final = "not measured; `make bench-dispatcher COMPARE=1` installs it in .venv-bench and measures it"
RIVAL_TIMEOUT_S: Final = 300


@dataclass(frozen=True, slots=True)
class Run:
    """What jobs have taken from the first submission until all ends were known."""

    jobs: int
    wall_s: float
    client_s: float  #: of a processor
    all_s: float  #: of a processor, client, server and worker together

    @property
    def rate(self) -> float:
        """Return jobs a second."""
        return self.jobs / self.wall_s

    @property
    def cost_us(self) -> float:
        """Return the microseconds of processor that all processes take for a job."""
        return self.all_s / self.jobs * 1e6


@dataclass(slots=True)
class Found:
    """What all rounds have found: runs by subject, and what each rival is or why it is missing."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def keep(self, subject: str, run: Run) -> None:
        """Keep a run of a round."""
        self.runs.setdefault(subject, []).append(run)

    def ratio(self, ours: str, theirs: str) -> float | None:
        """Return the median of the ratios of rates within the rounds; None where a rival was not measured."""
        if theirs not in self.runs:
            return None
        pairs = zip(self.runs[ours], self.runs[theirs], strict=True)
        return round(median(one.rate / other.rate for one, other in pairs), 2)

    def rate(self, subject: str) -> float | None:
        """Return the median of the jobs a second; None if it was not measured."""
        return round(median(run.rate for run in self.runs[subject])) if subject in self.runs else None

    def cost_us(self, subject: str) -> float | None:
        """Return the median of the microseconds that all processes take for a job; None if it was not measured."""
        return round(median(run.cost_us for run in self.runs[subject])) if subject in self.runs else None


async def measure(folder: Path, *, quick: bool) -> dict[str, float | None]:
    """Return how many times the rivals' jobs a second the dispatcher reaches, and the jobs a second of all."""
    rounds, jobs = (3, {"one": 60, "ten": 200}) if quick else (5, {"one": 200, "ten": 500})
    found = Found(notes={} if _rivals_wanted() else dict.fromkeys(RIVALS, HOW_TO_COMPARE))
    home = folder / "queue"
    home.mkdir()
    with two_processors() as processors:
        async with a_loaded_grid(home, hosts=1) as grid:
            for thread in grid.process.threads():  # the dispatcher began on one of the two
                os.sched_setaffinity(thread.id, processors)
            for _ in range(rounds):
                for mode, count in jobs.items():
                    found.keep(f"xwhep-{mode}", await run_ours(grid, mode, count))
                for rival in RIVALS if _rivals_wanted() else ():
                    await _run_rival(found, rival, list(jobs.values()))
    print("\n".join(_rows(found)))
    return {
        "vs_celery_durable": found.ratio("xwhep-one", "celery-one"),
        "vs_celery_durable_by_ten": found.ratio("xwhep-ten", "celery-one"),
        "vs_procrastinate": found.ratio("xwhep-one", "procrastinate-one"),
        "vs_procrastinate_by_ten": found.ratio("xwhep-ten", "procrastinate-ten"),
        **{f"{subject.replace('-', '_')}_jobs_per_second": found.rate(subject) for subject in SUBJECTS},
        **{f"{subject.replace('-', '_')}_cpu_us": found.cost_us(subject) for subject in SUBJECTS},
    }


def _rivals_wanted() -> bool:
    return bool(os.environ.get("COMPARE")) and RIVALS_PYTHON.exists()


# --- our side --------------------------------------------------------------------------------------------------------


async def run_ours(grid: LoadedGrid, mode: str, jobs: int) -> Run:
    """Run jobs through the dispatcher, by a client that is this process and by a worker process."""
    user = await grid.as_user()
    with contextlib.closing(user):
        async with _a_worker(grid, mode, jobs) as (worker, said):
            await _submit(grid, user, WARM_UP_JOBS, MODES[mode][1])
            await _until(said, "warm")
            started, client_s, others_s = time.monotonic(), time.process_time(), grid.cpu_s() + _cpu_s(worker)
            submitted = await _submit(grid, user, jobs, MODES[mode][1])
            await _until(said, "done")
            await _check_completed(user, submitted)
            wall_s, client_s = time.monotonic() - started, time.process_time() - client_s
            return Run(jobs, wall_s, client_s, client_s + grid.cpu_s() + _cpu_s(worker) - others_s)


@contextlib.asynccontextmanager
async def _a_worker(
    grid: LoadedGrid, mode: str, jobs: int
) -> AsyncIterator[tuple[psutil.Process, asyncio.StreamReader]]:
    shape = [str(number) for number in (*MODES[mode], WARM_UP_JOBS, jobs)]
    command = [sys.executable, "-m", "tests.bench.noop_worker", str(grid.port), str(grid.hosts[0].folder), *shape]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None, "it is a pipe"
    try:
        await _until(process.stdout, "ready")
        yield psutil.Process(process.pid), process.stdout
    finally:
        process.kill()
        await process.communicate()


async def _until(said: asyncio.StreamReader, word: str) -> None:
    line = (await said.readline()).decode().strip()
    assert line == word, f"the worker says {line!r} in place of {word!r}"


async def _submit(grid: LoadedGrid, user: Wire, count: int, a_submission: int) -> set[str]:
    """Submit jobs, one request after the other, and return their ids."""
    uids = [str(REAL.new_uid()) for _ in range(count)]
    for start in range(0, count, a_submission):
        jobs = [{"uid": uid, "app_uid": str(grid.app.uid)} for uid in uids[start : start + a_submission]]
        await user.call("POST", "/v1/jobs", {"jobs": jobs}, expected=(201,))
    return set(uids)


async def _check_completed(user: Wire, uids: set[str]) -> None:
    """Read the list of the user's jobs, newest first, until all of these are found completed."""
    missing, after = set(uids), ""
    while missing:
        page = (await user.ask("GET", f"/v1/jobs?status=completed{after}")).json()
        missing -= {job["uid"] for job in page["items"]}
        assert not missing or page["next"], f"{len(missing)} jobs have not completed"
        after = f"&after={page['next']}"


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


# --- rivals ----------------------------------------------------------------------------------------------------------


async def _run_rival(found: Found, rival: str, jobs: list[int]) -> None:
    """Let a rival run jobs in each of its modes, in processes of its own, and keep what it tells."""
    told = await _told([str(RIVALS_PYTHON), "-m", RIVALS[rival], *map(str, jobs)])
    found.notes[rival] = told.get("missing") or told["versions"]
    for mode, figures in told.get("modes", {}).items():
        found.keep(f"{rival}-{mode}", Run(**figures))


async def _told(command: list[str]) -> dict[str, Any]:
    """Return the JSON line of a rival; nothing of it stays behind."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        async with asyncio.timeout(RIVAL_TIMEOUT_S):
            output, _ = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):  # all have ended, as they should
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{' '.join(command)} ended with {process.returncode}"
    told: dict[str, Any] = json.loads(output)
    return told


def _rows(found: Found) -> list[str]:
    return [*(_row(subject, runs) for subject, runs in found.runs.items()), *map(": ".join, found.notes.items())]


def _row(subject: str, runs: list[Run]) -> str:
    rates = sorted(run.rate for run in runs)
    cost_us = median(run.cost_us for run in runs)
    client = median(run.client_s / run.wall_s for run in runs)
    busy = median(run.all_s / run.wall_s for run in runs)
    return (
        f"{subject:22} {median(rates):7,.0f} jobs/s ({rates[0]:,.0f} to {rates[-1]:,.0f}),"
        f" {cost_us:6,.0f} us of all processes a job; busy: client {client:.0%}, all {busy:.0%}"
    )
