"""The JSON-RPC door: who may come in, how much they may bring, which methods there are.

Every page that a browser on this machine shows can send requests to this machine. So the door answers only to its own
names (which stops DNS rebinding), refuses pages of other origins (Fetch standard, `Origin`), and takes only what says
that it is JSON, which a page cannot send to a foreign origin without asking first (Fetch standard, CORS preflight).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from xwhep.devchain.backend import METHODS, Backend
from xwhep.devchain.json_rpc import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    MAX_BODY_BYTES,
    METHOD_NOT_FOUND,
    Fault,
    Request,
    RpcError,
    failure,
    parse,
    result,
    shown,
)
from xwhep.errors.installations import PortTakenError
from xwhep.world import REAL

LOG = logging.getLogger("xwhep.chain")

HOST: Final = "127.0.0.1"
#: what a browser or a client may call this machine
NAMES: Final = (HOST, "localhost", "[::1]")
JSON: Final = "application/json"
#: seconds within which a request's body must be here, whole
BODY_S: Final = 30.0
#: how long requests under way may take when the door closes, seconds
SHUTDOWN_S: Final = 2.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in to a chain."""

    backend: Backend
    hosts: frozenset[str]  #: how the door may be called, with its port
    origins: frozenset[str]  #: pages that may ask: its own and those that were named

    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may come in; what is wrong on the way is told as a JSON-RPC error."""
        origin = request.headers.get("Origin")
        if request.headers.getall("Host", []) not in [[host] for host in self.hosts]:
            return _refusal(403, "this door is open to programs on this machine, under its own names")
        if origin is not None and origin not in self.origins:
            return _refusal(403, "pages of this origin may not ask here")
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = _refusal(error.status, (error.reason or "this cannot be answered").lower())
        if origin is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"
        return response

    async def preflight(self, _: web.Request) -> web.Response:
        """Tell a browser what a page that is let in may send. Source: Fetch standard, 3.3 (CORS protocol)."""
        headers = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
        return web.Response(status=204, headers=headers)

    async def post(self, request: web.Request) -> web.Response:
        """Answer a body."""
        if request.content_type != JSON:
            return _refusal(415, f"the body must be JSON; send it with Content-Type: {JSON}")
        try:
            async with REAL.timeout(BODY_S):
                body = parse(await request.read())
        except TimeoutError:
            return _refusal(408, "the body did not come in time")
        except RpcError as error:
            return web.json_response(failure(None, error))
        answers = [answer for entry in body.entries if (answer := await self._answer(entry)) is not None]
        if not answers:
            return web.Response(status=204)
        return web.json_response(answers if body.is_batch else answers[0])

    async def _answer(self, entry: Request | Fault) -> dict[str, Any] | None:
        if isinstance(entry, Fault):
            return failure(entry.id, entry.error)
        try:
            answer = result(entry, await self._ask(entry))
        except RpcError as error:
            answer = failure(entry.id, error)
        return None if entry.is_notification else answer

    async def _ask(self, request: Request) -> Any:
        if request.method not in METHODS:
            raise RpcError(METHOD_NOT_FOUND, f"the method {shown(request.method)} is not available")
        try:
            return await self.backend.answer(request.method, request.params)
        except RpcError:
            raise
        except Exception as error:
            LOG.exception("%s failed", request.method)
            raise RpcError(INTERNAL_ERROR, "the chain failed to answer; its log says why") from error


def application(door: Door) -> web.Application:
    """Return the door as an application of aiohttp."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await door.guard(request, handler)

    app = web.Application(middlewares=[guard], client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/", door.post)
    app.router.add_route("OPTIONS", "/", door.preflight)
    return app


def bound(port: int) -> socket.socket:
    """Return a socket on a port of this machine, 0 for any free one, which nobody can connect to yet.

    Raises:
        PortTakenError: another program listens there, or this one may not.
    """
    listener = socket.socket(socket.AF_INET)
    try:
        if os.name == "posix":  # elsewhere the option would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(HOST, port, error.strerror or str(error)) from error
    return listener


@contextlib.asynccontextmanager
async def serving(backend: Backend, listener: socket.socket, origins: Collection[str] = ()) -> AsyncIterator[str]:
    """Serve a chain while the context lasts, to programs on this machine and to pages of `origins`; give the URL."""
    port = listener.getsockname()[1]
    hosts = frozenset(f"{name}:{port}" for name in NAMES)
    own = {f"http://{host}" for host in hosts}
    app = application(Door(backend, hosts, frozenset(own | set(origins))))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield f"http://{HOST}:{port}"
    finally:
        await runner.cleanup()


def _refusal(status: int, text: str) -> web.Response:
    body = json.dumps(failure(None, RpcError(INVALID_REQUEST, text)))
    return web.Response(status=status, text=body, content_type=JSON)
