"""The door: requests are bounded and parsed here, callers let in by role, errors rendered as problem documents.

A route that does not say who may call it cannot be written: default deny.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel

from dispatcher.parsing import FIELD_CHARACTERS, validated
from dispatcher.services import SERVICES, Services
from dispatcher.storage.fair_queue import ORIGIN, SHORT_BYTES, Origin
from xwhep.errors.base import RemoteError, XwhepError
from xwhep.errors.identity import ForbiddenError
from xwhep.errors.jobs import BusyError
from xwhep.errors.requests import BadRequestError, TooLargeError
from xwhep.nesting import is_nested_deeper
from xwhep.rights import Caller, Role
from xwhep.world import World

LOG = logging.getLogger("dispatcher")

MAX_BODY_BYTES: Final = 1024 * 1024
#: of a caller without a certificate, who has nothing to send but a key; also so that many hold little memory
MAX_STRANGERS_BODY_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
JSON: Final = "application/json"
#: seconds within which a request's body must be here, whole
BODY_S: Final = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in."""

    request: web.Request
    services: Services
    _caller: Caller | None

    @property
    def caller(self) -> Caller:
        """Who makes it; only on routes that demand a certificate."""
        assert self._caller is not None, "a public route asked for its caller"
        return self._caller

    @property
    def is_connected(self) -> bool:
        """Whether the caller is still there to hear the answer."""
        transport = self.request.transport
        return transport is not None and not transport.is_closing()

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.match_info[name]

    def query(self, name: str) -> str | None:
        """Return a parameter of the query; None if it is not there."""
        return self.request.query.get(name)

    async def body(
        self, shape: Any, limit_bytes: int = MAX_BODY_BYTES, *, made: Callable[[Any], Any] = lambda message: message
    ) -> Any:
        """Return the JSON body as `shape`, a message or a union of messages, or the result of `made` for that message.

        Raises:
            TooLargeError, BadRequestError, InvalidFieldError: it is none.
        """
        if self.request.content_type != JSON:  # a browser sends that to another site only if the site agrees
            raise BadRequestError(f"the body must be JSON; send it with Content-Type: {JSON}")
        raw = await self._read(limit_bytes)
        if self._caller is not None:
            ORIGIN.set(Origin(self._caller.uid, len(raw)))
        if len(raw) <= SHORT_BYTES:
            return made(_parsed(shape, raw))
        return await self.services.aside(lambda: made(_parsed(shape, raw)))

    async def _read(self, limit_bytes: int) -> bytes:
        """Return the body; of one identity only a few are on their way at the same time, the others wait.

        Raises:
            BusyError: it has waited too long for its turn.
            TooLargeError, BadRequestError: see `read_body`.
        """
        if self._caller is None:
            return await read_body(self.request, MAX_STRANGERS_BODY_BYTES, self.services.world)
        if self.request.content.is_eof():  # it has arrived already
            return await read_body(self.request, limit_bytes, self.services.world)
        bound = self.services.bounds.bodies
        turns = self.services.bodies.setdefault(self._caller.uid, asyncio.Semaphore(bound))
        try:
            async with self.services.world.timeout(BODY_S):
                await turns.acquire()
        except TimeoutError as error:
            raise BusyError("requests of one identity whose bodies are on their way", bound) from error
        try:
            return await read_body(self.request, limit_bytes, self.services.world)
        finally:
            turns.release()


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


CONTENT: Final = bytes  #: what a route takes or gives that moves content rather than messages


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the interface, and who may call it; None: anybody, without a certificate."""

    method: str
    path: str
    roles: frozenset[Role] | None
    handler: Handler
    takes: Any = None  #: a message, a union of messages, CONTENT, or None for nothing
    gives: Any = None
    waits: bool = False  #: whether the answer may wait for something to happen: a long poll


def serve(
    table: list[Route], method: str, path: str, roles: frozenset[Role] | None, **traits: Any
) -> Callable[[Handler], Handler]:
    """Put a handler into a route table; `traits` are the other fields of a route."""

    def register(handler: Handler) -> Handler:
        table.append(Route(method, path, roles, handler, **traits))
        return handler

    return register


def guarded(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler of a route: who may not call it does not get in."""

    async def handle(request: web.Request) -> web.StreamResponse:
        _check_encoding(request)
        services = request.app[SERVICES]
        caller = None
        if route.roles is not None:
            caller = await services.peers.caller(request, services.now())
            if caller.role not in route.roles:
                raise ForbiddenError(caller.role, f"{request.method} {route.path}")
            ORIGIN.set(Origin(caller.uid))
        call = Call(request, services, caller)
        if not route.waits:
            return await route.handler(call)
        with services.polls.one(call.caller.uid):
            return await route.handler(call)

    return handle


def _check_encoding(request: web.Request) -> None:
    """Check that the body, if there is one, is sent as it is: nothing is unpacked here.

    Raises:
        BadRequestError: it is compressed.
    """
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise BadRequestError("a compressed body is not accepted; send it without Content-Encoding")


@web.middleware
async def render_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every error into a problem document; what we did not foresee is logged, and its text stays here."""
    try:
        return await handler(request)
    except XwhepError as error:
        return problem(error)
    except web.HTTPException as error:
        return problem(_routing_error(request, error))
    except ConnectionError:
        raise  # the client is gone: there is nobody to answer
    except Exception:
        LOG.exception("%s %s failed", request.method, request.raw_path[:FIELD_CHARACTERS])
        return problem(XwhepError("the dispatcher failed to answer this request; its log says why"))


def _routing_error(request: web.Request, error: web.HTTPException) -> XwhepError:
    codes = {404: "no-such-route", 405: "method-not-allowed"}
    text = f"{request.method} {request.path[:200]} is no route of this dispatcher"
    return RemoteError(codes.get(error.status, "bad-request"), text, error.status)


def problem(error: XwhepError) -> web.Response:
    """Return an error as a problem document, with when to try again. Source: RFC 9457, 3; RFC 9110, 10.2.3."""
    code = error.remote_code if isinstance(error, RemoteError) else error.code
    status = error.remote_status if isinstance(error, RemoteError) else error.http_status
    body: dict[str, object] = {
        "type": f"urn:xwhep:error:{code}",
        "status": status,
        "code": code,
        "detail": error.text,
    }
    if error.field is not None:
        body["field"] = error.field
    headers = {"Retry-After": str(math.ceil(error.retry_after_s))} if error.retry_after_s else None
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


def render(message: BaseModel, status: int = 200) -> web.Response:
    """Return a message as a response."""
    return web.Response(text=message.model_dump_json(), status=status, content_type=JSON)


async def read_body(request: web.Request, limit_bytes: int, world: World) -> bytes:
    """Return the body of a request.

    Raises:
        TooLargeError: it is over its bound, or says that it will be.
        BadRequestError: it comes too slowly.
    """
    if (request.content_length or 0) > limit_bytes:
        raise TooLargeError("the request's body", limit_bytes)
    if request.content.is_eof():  # it came with the head, as most do: there is nothing to wait for
        raw = request.content.read_nowait()
        if len(raw) > limit_bytes:
            raise TooLargeError("the request's body", limit_bytes)
        return raw
    try:
        async with world.timeout(BODY_S):
            return await request.clone(client_max_size=limit_bytes).read()
    except TimeoutError as error:
        raise BadRequestError(f"the request's body did not arrive within {BODY_S:.0f} seconds") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLargeError("the request's body", limit_bytes) from error


def _parsed(shape: Any, raw: bytes) -> Any:
    check_depth(raw)
    return validated(shape, raw)


def check_depth(raw: bytes) -> None:
    """Check that JSON is not nested deeper than allowed, before it is parsed.

    Raises:
        BadRequestError: it is.
    """
    if is_nested_deeper(raw, MAX_DEPTH):
        raise BadRequestError(f"the JSON is nested deeper than {MAX_DEPTH} levels")
