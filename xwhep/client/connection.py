"""Requests to a dispatcher: JSON both ways, problem documents as errors, content streamed and checked.

Every request of the interface may be sent twice (clients make the ids), so a connection may repeat what got no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
from aiohttp.payload import TOO_LARGE_BYTES_BODY
from pydantic import BaseModel, ValidationError

from xwhep.backoff import pause_s
from xwhep.client.failures import connection_error
from xwhep.client.streams import Moved, Outgoing, bounded, receive, unwatched
from xwhep.errors.base import RemoteError, XwhepError, from_problem
from xwhep.errors.jobs import UnavailableError
from xwhep.pki.contexts import client_context
from xwhep.pki.identity import Identity, explain
from xwhep.protocol.base import Problem
from xwhep.world import REAL, World

ReplyT = TypeVar("ReplyT", bound=BaseModel)
T = TypeVar("T")

#: the largest JSON reply that is read, bytes
MAX_REPLY_BYTES: Final = 16 * 1024 * 1024
#: the first and the longest pause before a request is repeated, seconds
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0

#: how long a connection may take to stand, and then how long the dispatcher may be silent about a request, seconds. A
#: connection waits for its turn where thousands come at once: the dispatcher bounds that to 20, or 40 on a processor
#: half as fast as it foresees, and the handshake to 10
TIMEOUT_S: Final = 60.0

#: how long a dispatcher, or a server in its place, can make a client wait at least, seconds: a worker that waits twice
#: as long, by its jitter, is still heard of before its leases end
LONGEST_RETRY_AFTER_S: Final = 20.0

#: what aiohttp and TLS raise; any other OSError is about a file of this machine
_NETWORK_FAULTS: Final = (aiohttp.ClientError, ConnectionError, TimeoutError, ssl.SSLError)

RandomSource = Callable[[], float]
#: tells what is wrong with one's own identity, None if nothing is
Explain = Callable[[], XwhepError | None]


def pause_before_retry(attempt: int, jitter: RandomSource, at_least_s: float = 0.0) -> float:
    """Return how long to wait before repeating a request, seconds.

    `attempt` counts from 0; `jitter` gives numbers in [0, 1); `at_least_s` is what the dispatcher asked for.
    """
    return pause_s(attempt, jitter(), first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S, at_least_s=at_least_s)


def retry_after_s(field: str | None) -> float:
    """Return the seconds of a field `Retry-After`, bounded; 0 where there are none (RFC 9110, 10.2.3).

    A date counts as none: it would be read off this machine's clock, which may be wrong.
    """
    if field is None or not field.isascii() or not field.isdigit():
        return 0.0
    return min(float(field[:10]), LONGEST_RETRY_AFTER_S)


class _Connector(aiohttp.TCPConnector):
    """Knows each connection until it is closed.

    aiohttp forgets one that it begins to close, and a peer that does not answer TLS's farewell keeps it open beyond the
    life of the event loop.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._open: dict[asyncio.Future[None], asyncio.Transport] = {}

    async def connect(self, *args: Any, **options: Any) -> aiohttp.connector.Connection:
        """Return a connection, an open one or a new one."""
        connection = await super().connect(*args, **options)
        assert connection.protocol is not None, "a connection has a protocol until it is released"
        closed, transport = connection.protocol.closed, connection.transport
        if closed is not None and transport is not None and closed not in self._open:
            self._open[closed] = transport
            closed.add_done_callback(self._note_closed)
        return connection

    def _note_closed(self, closed: asyncio.Future[None]) -> None:
        """Let go of a connection, and take note of why it broke: whoever used it has heard that in another way."""
        self._open.pop(closed, None)
        if not closed.cancelled():
            closed.exception()  # a future whose fault nobody looks at is reported in the log, with a traceback

    async def drop_all(self) -> None:
        """Close what is open at once, without a farewell."""
        left = dict(self._open)
        for transport in left.values():
            transport.abort()
        await asyncio.gather(*left, return_exceptions=True)


class Connection:
    """A session with one dispatcher.

    `patience_s` is how long a request that gets no answer is repeated; with 0 it is not, but that aiohttp sends one
    whose method is idempotent a second time at once where the connection broke (RFC 9110, 9.2.2).

    `explain` is asked when the dispatcher cannot be reached, and what it says is raised instead: a dispatcher that
    refuses a certificate (RFC 8446, 4.4.2.4) breaks a connection that for the client stands already, and does not say
    why.
    """

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext,
        *,
        patience_s: float = 0.0,
        timeout_s: float = TIMEOUT_S,
        explain: Explain | None = None,
        world: World = REAL,
    ) -> None:
        self.url = url.rstrip("/")
        self._context = context
        self._patience_s = patience_s
        self._timeout = aiohttp.ClientTimeout(total=None, connect=timeout_s, sock_read=timeout_s)
        self._explain = explain
        self.world = world
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def of(cls, identity: Identity, *, patience_s: float = 0.0, world: World = REAL) -> Self:
        """Return a connection of a member to its dispatcher; a certificate that is refused is explained."""
        return cls(
            identity.dispatcher,
            client_context(identity),
            patience_s=patience_s,
            explain=lambda: explain(identity, world.now()),
            world=world,
        )

    async def __aenter__(self) -> Self:
        """Open the session; the first request opens the connection itself."""
        self._connector = _Connector(ssl=self._context, keepalive_timeout=75)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            timeout=self._timeout,
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,  # a bound on a reply is one on what it unpacks to
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session; nothing of it is left to the event loop."""
        assert self._session is not None, "a connection is left after it was entered"
        await self._session.close()
        await self._connector.drop_all()

    async def call(
        self,
        method: str,
        path: str,
        reply: type[ReplyT],
        body: BaseModel | None = None,
        params: Mapping[str, str] | None = None,
        *,
        answer_s: float | None = None,
    ) -> ReplyT:
        """Send a request and return its reply.

        `answer_s` is how long the dispatcher may be silent once it has the request, if not as for the others; what a
        connection takes to stand is not part of it.

        Raises:
            XwhepError: what the dispatcher refused, or that it cannot be reached.
        """
        timeout = self._timeout
        if answer_s is not None:
            timeout = aiohttp.ClientTimeout(total=None, connect=timeout.connect, sock_read=answer_s)

        async def once() -> ReplyT:
            data = None if body is None else _sendable(body.model_dump_json(exclude_none=True).encode())
            headers = {} if data is None else {"Content-Type": "application/json"}
            options = {"data": data, "headers": headers, "params": params}
            async with self._request(method, path, timeout=timeout, **options) as response:
                return _parse(reply, await _read_bounded(response))

        return await self._patiently(once)

    async def upload(self, path: str, file: Path, size_bytes: int, moved: Moved = unwatched) -> None:
        """Send the first `size_bytes` of a file.

        Raises:
            OSError: it cannot be read, or has become shorter.
            XwhepError: as `call`.
        """

        async def once() -> None:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes)}
            with file.open("rb") as stream:
                source = Outgoing(stream, size_bytes, moved)
                try:
                    async with self._request("PUT", path, data=source.chunks(), headers=headers) as response:
                        await _read_bounded(response)
                except XwhepError:
                    if source.fault is not None:
                        raise source.fault from None
                    raise

        await self._patiently(once)

    async def download(
        self, path: str, destination: Path, *, digest: str, limit_bytes: int, moved: Moved = unwatched
    ) -> None:
        """Fetch content into `destination`, which appears only whole, and only if its SHA-256 is `digest`.

        Raises:
            DigestMismatchError, TooLargeError: the content is another one.
            OSError: it cannot be written.
            XwhepError: as `call`.
        """

        async def once() -> None:
            async with self._request("GET", path) as response:
                await receive(bounded(response, limit_bytes, "the content", moved), destination, digest)

        await self._patiently(once)

    @contextlib.asynccontextmanager
    async def _request(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request; what aiohttp and TLS report becomes ours, and so does a problem document."""
        assert self._session is not None, "a connection is used inside `async with`"
        try:
            async with self._session.request(method, self.url + path, allow_redirects=False, **options) as response:
                if response.status >= 300:  # a redirect is no answer of ours either
                    problem = _problem(response.status, await _read_bounded(response))
                    problem.retry_after_s = retry_after_s(response.headers.get("Retry-After"))
                    raise problem
                yield response
        except _NETWORK_FAULTS as error:
            raise self._explained(connection_error(self.url, error)) from error

    def _explained(self, error: XwhepError) -> XwhepError:
        """Return what is wrong with our own identity, if something is, where the dispatcher cannot be reached."""
        fault = self._explain() if self._explain and isinstance(error, UnavailableError) else None
        return fault or error

    async def _patiently(self, once: Callable[[], Awaitable[T]]) -> T:
        """Do `once`, again while the dispatcher cannot be reached and patience lasts."""
        deadline = self.world.monotonic() + self._patience_s
        attempt = 0
        while True:
            try:
                return await once()
            except UnavailableError as error:
                pause = pause_before_retry(attempt, self.world.chance, error.retry_after_s)
                if self.world.monotonic() + pause > deadline:
                    raise
                attempt += 1
                await self.world.sleep(pause)


def _parse(reply: type[ReplyT], body: bytes) -> ReplyT:
    try:
        return reply.model_validate_json(body)
    except ValidationError as error:
        raise UnavailableError("the dispatcher's reply could not be understood") from error


def _sendable(raw: bytes) -> bytes | io.BytesIO:
    """Return a body in the form in which aiohttp sends it piece by piece, if it is large."""
    return io.BytesIO(raw) if len(raw) > TOO_LARGE_BYTES_BODY else raw


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    chunks = [chunk async for chunk in bounded(response, MAX_REPLY_BYTES, "the dispatcher's reply", unwatched)]
    return b"".join(chunks)


def _problem(http_status: int, body: bytes) -> XwhepError:
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        if http_status >= 500:  # a proxy in between: try again
            return UnavailableError(f"the dispatcher answered with HTTP status {http_status}")
        return RemoteError("unexpected-answer", f"the server answered with HTTP status {http_status}", http_status)
    return from_problem(problem.code, problem.detail, http_status, problem.field)
