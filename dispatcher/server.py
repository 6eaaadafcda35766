"""The running dispatcher: TLS listener, housekeeping, an orderly stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from dispatcher.admission import DEFAULT_BOUNDS, PeerBounds
from dispatcher.housekeeping import keep_certificate, keep_following_up, keep_leases, keep_store, prolong_all
from dispatcher.installation import Installation
from dispatcher.kinds.registry import BUILT_IN, Kinds
from dispatcher.listener import Listener, listen, raise_descriptors
from dispatcher.routes.table import application
from dispatcher.services import Services
from dispatcher.storage.orders import Ready
from dispatcher.usecases import members
from xwhep.errors.installations import PortTakenError
from xwhep.lock import hold
from xwhep.pki.contexts import server_context

LOG = logging.getLogger("dispatcher")

#: an idle connection is closed after this long, and so is one whose request does not come
KEEPALIVE_S = 75.0
#: objects made and not yet freed after which the youngest are looked through for garbage; Python's own is 700
COLLECTED_AFTER = 20_000
#: how long requests under way may take when the dispatcher stops
SHUTDOWN_S = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """A dispatcher that serves."""

    services: Services
    port: int
    listener: Listener
    housekeeping: asyncio.Future[Any]  #: ends only if it fails

    async def until(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set; without its housekeeping a dispatcher does not go on.

        Raises:
            Exception: what ended the housekeeping.
        """
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait([stopped, self.housekeeping], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if self.housekeeping.done():
            self.housekeeping.result()


@contextlib.asynccontextmanager
async def running(
    installation: Installation,
    host: str,
    port: int,
    *,
    bounds: PeerBounds = DEFAULT_BOUNDS,
    kinds: Iterable[str] = BUILT_IN,
) -> AsyncIterator[Running]:
    """Serve while the context lasts, the kinds of app with these names.

    Raises:
        NotInstalledError: there is no dispatcher in the folder.
        AlreadyRunningError: another dispatcher serves from the folder.
        PortTakenError: another program listens there.
        SchemaMismatchError: the database is of another version.
        ConfigurationError: there is no kind of one of these names.
    """
    loaded = Kinds.load(kinds)
    installation.check()
    with (  # before all else: nothing is touched beside another server
        hold(installation.lock, "a dispatcher"),
        contextlib.closing(_bound(host, port)) as listener,
    ):
        descriptors = raise_descriptors()
        services = installation.open(loaded, bounds.within(descriptors))
        LOG.info("%d descriptors, at most %d connections", descriptors, services.bounds.connections)
        try:
            async with _serving(services, installation, listener) as dispatcher:
                yield dispatcher
        finally:
            try:
                await services.database.stop_serving()
            finally:
                services.close()


@contextlib.asynccontextmanager
async def _serving(services: Services, installation: Installation, listening: socket.socket) -> AsyncIterator[Running]:
    names, folder = installation.names(), installation.server
    services.authority.ensure_server_certificate(folder, names, services.now())
    context = server_context(folder / "cert.pem", folder / "key.pem", services.authority.cas)
    swept = services.blobs.sweep()
    _serve_from_here(services)
    services.peers.follow(await services.database.read(members.revocations))
    prolonged = await prolong_all(services, services.now())
    LOG.info("%d attempts go on, %d uploads cut short were removed", prolonged, swept)
    runner = web.AppRunner(
        application(services),
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
        handler_cancellation=True,  # whoever is gone waits for nothing: a long poll ends with its connection
        auto_decompress=False,  # a small body could unpack to gigabytes, also where no route reads it
    )
    await runner.setup()
    assert runner.server is not None, "it was set up"
    listen(listening, services.bounds.backlog)
    listener = Listener(listening, context, runner.server, services)
    tasks = [
        asyncio.create_task(task)
        for task in (
            listener.serve(),
            keep_leases(services),
            keep_following_up(services),
            keep_certificate(services, context, folder, names),
            keep_store(services),
        )
    ]
    housekeeping = asyncio.gather(*tasks)
    _spare_collections()
    try:
        yield Running(services, listening.getsockname()[1], listener, housekeeping)
    finally:
        services.waiters.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(housekeeping, *tasks, return_exceptions=True)
        await runner.cleanup()


def _spare_collections() -> None:
    """Let Python's collector pass over all that was loaded until now, and look for garbage less often.

    A request leaves hardly any in cycles; looking for it was a tenth of what a job costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER)


def _serve_from_here(services: Services) -> None:
    """Let use cases run in this thread, and commits, which the writer's thread makes, wake long polls in this one."""
    loop = asyncio.get_running_loop()

    def wake(ready: Ready) -> None:
        loop.call_soon_threadsafe(services.waiters.wake, ready)

    services.database.announce_to(wake)
    services.database.serve(loop)


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket with the address, which nobody can connect to yet."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":  # elsewhere the option would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(host, port, error.strerror or str(error)) from error
    return listener
