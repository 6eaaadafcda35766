"""The task that procrastinate's worker and its client share; `python -m tests.bench.rivals.procrastinate_app URI JOBS`
runs a worker that has so many jobs under way at once."""

from __future__ import annotations

import asyncio
import sys

import procrastinate

blueprint = procrastinate.Blueprint()


@blueprint.task
async def noop() -> None:
    """Do nothing."""


def app_of(uri: str) -> procrastinate.App:
    """Return an app on a database."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=uri))
    app.add_tasks_from(blueprint, namespace="bench")
    return app


async def work(uri: str, at_once: int) -> None:
    """Run jobs until SIGTERM."""
    app = app_of(uri)
    async with app.open_async():
        await app.run_worker_async(concurrency=at_once)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2])))
