"""The running dispatcher: TLS listener, housekeeping, an orderly stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from dispatcher.housekeeping import keep_certificate, keep_leases
from dispatcher.installation import Installation
from dispatcher.routes.table import application
from dispatcher.services import Services
from dispatcher.usecases import leasing
from xwhep.errors import PortTakenError
from xwhep.pki.contexts import server_context

LOG = logging.getLogger("dispatcher")

KEEPALIVE_S = 75.0
#: how long requests under way may take when the dispatcher stops
SHUTDOWN_S = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """A dispatcher that serves."""

    services: Services
    port: int


@contextlib.asynccontextmanager
async def running(installation: Installation, host: str, port: int) -> AsyncIterator[Running]:
    """Serve while the context lasts.

    Raises:
        PortTakenError: another program listens there.
    """
    services = installation.open()
    names, folder = installation.names(), installation.server
    services.authority.ensure_server_certificate(folder, names, services.now())
    context = server_context(folder / "cert.pem", folder / "key.pem", services.authority.cas)
    swept = services.blobs.sweep()
    prolonged = await services.database.run(leasing.prolong_all, now=services.now())
    LOG.info("%d attempts go on, %d uploads cut short were removed", prolonged, swept)
    runner = web.AppRunner(
        application(services), access_log=None, keepalive_timeout=KEEPALIVE_S, shutdown_timeout=SHUTDOWN_S
    )
    await runner.setup()
    tasks = [
        asyncio.create_task(keep_leases(services)),
        asyncio.create_task(keep_certificate(services, context, folder, names)),
    ]
    try:
        listener = _listen(host, port)
        await web.SockSite(runner, listener, ssl_context=context).start()
        yield Running(services, listener.getsockname()[1])
    finally:
        services.waiters.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runner.cleanup()
        services.database.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=1024, family=_family(host))
    except OSError as error:
        raise PortTakenError(host, port, error.strerror or str(error)) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
