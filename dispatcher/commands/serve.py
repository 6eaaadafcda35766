"""`xwhep-dispatcher serve`: run the dispatcher until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

import click

from dispatcher.config import DispatcherSettings
from dispatcher.installation import Installation
from dispatcher.loops import new_event_loop
from dispatcher.server import running
from xwhep import config
from xwhep.folders import home
from xwhep.terminal.shell import Command, remark


@click.command(cls=Command, example="xwhep-dispatcher serve --port 4380")
@click.option("--host", default=None, help="Address to listen on; all by default.")
@click.option("--port", type=int, default=None, help="Port to listen on; 0: any free one.")
@click.option("--verbose", is_flag=True, help="Say more in the log.")
def serve(host: str | None, port: int | None, verbose: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Serve the grid until you press Ctrl-C."""
    settings = config.load(DispatcherSettings, {"host": host, "port": port})
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s"
    )
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(Installation(home() / "dispatcher"), settings))


async def _serve(installation: Installation, settings: DispatcherSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(name, stop.set)
    async with running(
        installation, settings.host, settings.port, bounds=settings.bounds(), kinds=settings.kinds
    ) as dispatcher:
        click.echo(f"Serving on port {dispatcher.port}; press Ctrl-C to stop.")
        await dispatcher.until(stop)
        remark("Stopping.")
