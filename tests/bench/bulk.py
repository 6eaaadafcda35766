"""`python -m tests.bench.bulk`: large acts of one user, how fast they are, and how long others wait beside them.

A cancelled batch of a hundred thousand jobs, and submissions of a thousand jobs each. Another user submits single jobs
meanwhile; the ratios are of the 99th percentile of that user's requests. The last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.alone import run_alone
from tests.bench.dispatcher_grid import LoadedGrid, a_loaded_grid
from tests.bench.filling import fill_batch, has_open_jobs
from tests.bench.lists import Act, a_batch, after, p99_ms, timed
from tests.bench.wire import Wire
from tests.support.content import register
from xwhep.client.connection import Connection
from xwhep.client.enrolment import join
from xwhep.client.owner import OwnerClient
from xwhep.members import Kind
from xwhep.pki.contexts import client_context
from xwhep.pki.tokens import parse_token
from xwhep.protocol.members import CreateToken
from xwhep.rights import Role
from xwhep.world import REAL

CANCELLED: Final = 100_000
BULK: Final = 1_000
#: how many requests of a thousand jobs are on their way at once, so that the dispatcher waits for no client; beside the
#: other user it is one
BULK_LANES: Final = 2


@contextlib.asynccontextmanager
async def another_user(grid: LoadedGrid, folder: Path) -> AsyncIterator[Act]:
    """Yield the submission of a job by a user who has no part in the large acts."""
    url = f"https://127.0.0.1:{grid.port}"
    async with Connection(url, client_context(grid.user)) as connection:
        invited = await OwnerClient(connection).create_token(CreateToken(role=Role.USER))
    other = await join(url, parse_token(invited.token), Kind.USER, "other", folder / "other")
    async with Connection(url, client_context(other)) as connection:
        app = await register(OwnerClient(connection), folder)
    wire = await Wire.open(grid.port, client_context(other))
    yield lambda: submit(wire, str(app.uid), 1)
    wire.close()


async def submit(wire: Wire, app_uid: str, count: int) -> None:
    """Submit jobs in one request."""
    jobs = [{"uid": str(REAL.new_uid()), "app_uid": app_uid} for _ in range(count)]
    await wire.call("POST", "/v1/jobs", {"jobs": jobs}, expected=(201,))


# --- a batch that is cancelled


@dataclass(frozen=True, slots=True)
class Cancelled:
    """One cancellation of a large batch."""

    answer_s: float
    all_s: float  #: until no row of its jobs is open
    alone_ms: float  #: another user's 99th percentile before
    beside_ms: float  #: and meanwhile


async def cancelled(grid: LoadedGrid, file: Path, other: Act) -> Cancelled:
    """Cancel a batch of a hundred thousand jobs."""
    user = await grid.as_user()
    uid = await a_batch(user, str(grid.app.uid))
    await asyncio.to_thread(fill_batch, file, uid, CANCELLED - 1)
    alone = await timed(other, after(2.0), pause_s=0)
    begun, done = time.perf_counter(), asyncio.Event()

    async def cancel() -> tuple[float, float]:
        await user.ask("DELETE", f"/v1/batches/{uid}")
        answer_s = time.perf_counter() - begun
        while await asyncio.to_thread(has_open_jobs, file, uid):  # noqa: ASYNC110 - rows tell nobody
            await asyncio.sleep(0.02)
        done.set()
        return answer_s, time.perf_counter() - begun

    beside, took = await asyncio.gather(timed(other, done.is_set, pause_s=0), cancel())
    user.close()
    return Cancelled(*took, p99_ms(alone), p99_ms(beside))


# --- submissions of a thousand jobs


@dataclass(frozen=True, slots=True)
class Bulk:
    """A while of submissions of a thousand jobs each."""

    jobs_per_s: float  #: with nobody beside
    job_cpu_us: float  #: of the dispatcher
    raw_per_s: float  #: the same rows, by the driver
    raw_cpu_us: float
    alone_ms: float
    beside_ms: float


async def bulk(grid: LoadedGrid, file: Path, other: Act, seconds: float) -> Bulk:
    """Submit in bulk alone, write the same rows with the driver, and submit in bulk beside another user."""
    wires = [await grid.as_user() for _ in range(BULK_LANES)]
    acts = [partial(submit, wire, str(grid.app.uid), BULK) for wire in wires]

    begun, cpu_s, until = time.perf_counter(), grid.cpu_s(), after(seconds)
    done = sum(map(len, await asyncio.gather(*(timed(act, until, pause_s=0) for act in acts)))) * BULK
    by_server = done / (time.perf_counter() - begun), (grid.cpu_s() - cpu_s) / done * 1e6
    by_driver = await asyncio.to_thread(raw, file, seconds)
    alone = await timed(other, after(seconds), pause_s=0)
    until = after(seconds)
    beside, _ = await asyncio.gather(timed(other, until, pause_s=0), timed(acts[0], until, pause_s=0))
    for wire in wires:
        wire.close()
    return Bulk(*by_server, *by_driver, p99_ms(alone), p99_ms(beside))


def raw(file: Path, seconds: float) -> tuple[float, float]:
    """Write rows of a thousand jobs as the server wrote them, a transaction each.

    Return how many jobs a second, and the microseconds of a processor for each.

    Into a copy with the same tables, indexes and settings, on the same disk.
    """
    copy = file.with_name("raw.sqlite")
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as database:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            database.execute(f"PRAGMA {pragma}").close()
        columns = [row[1] for row in database.execute("PRAGMA table_info(jobs)")]
        rows = [list(row) for row in database.execute("SELECT * FROM jobs ORDER BY rowid DESC LIMIT ?", (BULK,))]
        adding = f"INSERT INTO jobs VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - places alone
        written, until, place = 0, after(seconds), columns.index("uid")
        begun, cpu_s = time.perf_counter(), time.thread_time()
        while not until():
            for row in rows:
                row[place] = REAL.new_uid().hex
            database.execute("BEGIN IMMEDIATE")
            database.executemany(adding, rows)
            database.execute("COMMIT")
            written += len(rows)
        took, cpu_s = time.perf_counter() - begun, time.thread_time() - cpu_s
    for path in file.parent.glob("raw.sqlite*"):
        path.unlink()
    return written / took, cpu_s / written * 1e6


async def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """Return medians of several rounds, of the cancellation and of the submissions in turn."""
    rounds, seconds = (2, 2.0) if quick else (5, 3.0)
    file = folder / "dispatcher" / "grid.sqlite"
    async with a_loaded_grid(folder, hosts=1) as grid, another_user(grid, folder) as other:
        await bulk(grid, file, other, 0.5)  # prepares statements, and fills the caches
        rounds_of_bulk = [await bulk(grid, file, other, seconds) for _ in range(rounds)]
        cancels = [await cancelled(grid, file, other) for _ in range(rounds)]
    for one in (*cancels, *rounds_of_bulk):
        print(one)
    return {
        "cancel_answer_ms": round(median(one.answer_s for one in cancels) * 1e3, 1),
        "cancel_100k_s": round(median(one.all_s for one in cancels), 2),
        "cancel_disturbs": round(median(one.beside_ms / one.alone_ms for one in cancels), 2),
        "bulk_jobs_per_second": round(median(one.jobs_per_s for one in rounds_of_bulk)),
        "bulk_vs_raw": round(median(one.jobs_per_s / one.raw_per_s for one in rounds_of_bulk), 2),
        "bulk_cpu_vs_raw": round(median(one.raw_cpu_us / one.job_cpu_us for one in rounds_of_bulk), 2),
        "bulk_disturbs": round(median(one.beside_ms / one.alone_ms for one in rounds_of_bulk), 2),
    }


if __name__ == "__main__":
    run_alone(measure, __doc__)
