"""The door: requests are bounded and parsed here, callers let in by role, errors rendered as problem documents.

A route that does not say who may call it cannot be written: default deny.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from dispatcher.services import SERVICES, Services
from xwhep.errors.base import RemoteError, XwhepError
from xwhep.errors.identity import ForbiddenError
from xwhep.errors.requests import BadRequestError, InvalidFieldError, TooLargeError
from xwhep.nesting import is_nested_deeper
from xwhep.rights import Caller, Role

LOG = logging.getLogger("dispatcher")

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
JSON: Final = "application/json"
#: seconds within which a request's body must be here, whole
BODY_S: Final = 30.0
#: characters of a field's name that an error repeats, since the name may be the client's own
FIELD_CHARACTERS: Final = 200
#: a member of an enumeration as Python shows it; people know its value only
_MEMBER: Final = re.compile(r"<\w+\.\w+: ('[^']*')>")

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

    async def body(self, shape: Any) -> Any:
        """Return the JSON body as `shape`, a message or a union of messages.

        Raises:
            TooLargeError, BadRequestError, InvalidFieldError: it is none.
        """
        if self.request.content_type != JSON:  # a browser sends that to another site only if the site agrees
            raise BadRequestError(f"the body must be JSON; send it with Content-Type: {JSON}")
        raw = await read_body(self.request)
        check_depth(raw)
        return validated(shape, raw)


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


def serve(
    table: list[Route], method: str, path: str, roles: frozenset[Role] | None, *, takes: Any = None, gives: Any = None
) -> Callable[[Handler], Handler]:
    """Put a handler into a route table."""

    def register(handler: Handler) -> Handler:
        table.append(Route(method, path, roles, handler, takes, gives))
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
        return await route.handler(Call(request, services, caller))

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
    if error.status == web.HTTPRequestEntityTooLarge.status_code:
        return TooLargeError("the request's body", MAX_BODY_BYTES)
    codes = {404: "no-such-route", 405: "method-not-allowed"}
    text = f"{request.method} {request.path[:200]} is no route of this dispatcher"
    return RemoteError(codes.get(error.status, "bad-request"), text, error.status)


def problem(error: XwhepError) -> web.Response:
    """Return an error as a problem document. Source: RFC 9457, 3."""
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
    return web.json_response(body, status=status, content_type="application/problem+json")


def render(message: BaseModel, status: int = 200) -> web.Response:
    """Return a message as a response."""
    return web.Response(text=message.model_dump_json(), status=status, content_type=JSON)


async def read_body(request: web.Request) -> bytes:
    """Return the body of a request.

    Raises:
        TooLargeError: it is over its bound, or says that it will be.
        BadRequestError: it comes too slowly.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise TooLargeError("the request's body", MAX_BODY_BYTES)
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError as error:
        raise BadRequestError(f"the request's body did not arrive within {BODY_S:.0f} seconds") from error


def check_depth(raw: bytes) -> None:
    """Check that JSON is not nested deeper than allowed, before it is parsed.

    Raises:
        BadRequestError: it is.
    """
    if is_nested_deeper(raw, MAX_DEPTH):
        raise BadRequestError(f"the JSON is nested deeper than {MAX_DEPTH} levels")


def validated(shape: Any, raw: bytes) -> Any:
    """Return JSON text as a message; nothing is converted or left over, in the parts of a message neither.

    Raises:
        BadRequestError: it is not JSON.
        InvalidFieldError: a field is missing, unknown, or out of its range.
    """
    try:
        return TypeAdapter(shape).validate_json(raw, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "json_invalid":
            raise BadRequestError(f"the body is not JSON ({_plain(first['msg'])})") from error
        field = ".".join(str(part) for part in first["loc"])[:FIELD_CHARACTERS] or "body"
        raise InvalidFieldError(field, _plain(first["msg"])) from error


def _plain(message: str) -> str:
    """Return what pydantic says as part of a sentence, without the names of our classes."""
    message = _MEMBER.sub(r"\1", message.removeprefix("Value error, "))
    return message[:1].lower() + message[1:]
