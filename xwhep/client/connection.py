"""Requests to a dispatcher: JSON both ways, problem documents as errors, content streamed and checked.

Every request of the interface may be sent twice (clients make the ids), so a connection may repeat what got no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from xwhep.client.failures import connection_error
from xwhep.errors import DigestMismatchError, RemoteError, TooLargeError, UnavailableError, XwhepError, from_problem

ReplyT = TypeVar("ReplyT", bound=BaseModel)
T = TypeVar("T")

#: the largest JSON reply that is read, bytes
MAX_REPLY_BYTES: Final = 16 * 1024 * 1024
CHUNK_BYTES: Final = 128 * 1024
#: the first and the longest pause before a request is repeated, seconds
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0

RandomSource = Callable[[], float]
#: called with the bytes of a content that have gone over the wire by now; fewer again when the request is repeated
Moved = Callable[[int], None]


def unwatched(_: int) -> None:
    """Take no notice of how much has moved."""


def pause_before_retry(attempt: int, jitter: RandomSource) -> float:
    """Return how long to wait before repeating a request, seconds: doubling, bounded, with full jitter.

    `attempt` counts from 0; `jitter` gives numbers in [0, 1).
    """
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * float(2 ** min(attempt, 16)))
    return longest * (0.5 + jitter() / 2)


class Connection:
    """A session with one dispatcher.

    `patience_s` is how long a request that gets no answer is repeated; 0 means it is sent once.
    """

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext,
        *,
        patience_s: float = 0.0,
        timeout_s: float = 60.0,
        jitter: RandomSource = random.random,
    ) -> None:
        self.url = url.rstrip("/")
        self._context = context
        self._patience_s = patience_s
        self._timeout = aiohttp.ClientTimeout(total=None, connect=timeout_s, sock_read=timeout_s)
        self._jitter = jitter
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session; the first request opens the connection itself."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._context, keepalive_timeout=75), timeout=self._timeout
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        reply: type[ReplyT],
        body: BaseModel | None = None,
        params: Mapping[str, str] | None = None,
    ) -> ReplyT:
        """Send a request and return its reply.

        Raises:
            XwhepError: what the dispatcher refused, or that it cannot be reached.
        """

        async def once() -> ReplyT:
            data = None if body is None else body.model_dump_json(exclude_none=True).encode()
            headers = {} if data is None else {"Content-Type": "application/json"}
            async with self._request(method, path, data=data, headers=headers, params=params) as response:
                return _parse(reply, await _read_bounded(response))

        return await self._patiently(once)

    async def upload(self, path: str, file: Path, size_bytes: int, moved: Moved = unwatched) -> None:
        """Send a file's content."""

        async def once() -> None:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes)}
            async with self._request("PUT", path, data=_chunks(file, moved), headers=headers):
                pass

        await self._patiently(once)

    async def download(
        self, path: str, destination: Path, *, digest: str, limit_bytes: int, moved: Moved = unwatched
    ) -> None:
        """Fetch content into `destination`, which appears only whole, and only if its SHA-256 is `digest`."""

        async def once() -> None:
            async with self._request("GET", path) as response:
                await _receive(_bounded(response, limit_bytes, moved), destination, digest)

        await self._patiently(once)

    @contextlib.asynccontextmanager
    async def _request(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request; what aiohttp and TLS report becomes ours, and so does a problem document."""
        assert self._session is not None, "a connection is used inside `async with`"
        try:
            async with self._session.request(method, self.url + path, allow_redirects=False, **options) as response:
                if response.status >= 300:  # a redirect is no answer of ours either
                    raise _problem(response.status, await _read_bounded(response))
                yield response
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError) as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise  # a file of ours, not the network
            raise connection_error(self.url, error) from error

    async def _patiently(self, once: Callable[[], Awaitable[T]]) -> T:
        """Do `once`, again while the dispatcher cannot be reached and patience lasts."""
        deadline = time.monotonic() + self._patience_s
        attempt = 0
        while True:
            try:
                return await once()
            except UnavailableError:
                pause = pause_before_retry(attempt, self._jitter)
                if time.monotonic() + pause > deadline:
                    raise
                attempt += 1
                await asyncio.sleep(pause)


def _parse(reply: type[ReplyT], body: bytes) -> ReplyT:
    try:
        return reply.model_validate_json(body)
    except ValidationError as error:
        raise UnavailableError("the dispatcher's reply could not be understood") from error


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise TooLargeError("the dispatcher's reply", MAX_REPLY_BYTES)
    return bytes(body)


class _Problem(BaseModel):
    """A problem document (RFC 9457) with our members."""

    code: str
    detail: str
    field: str | None = None


def _problem(http_status: int, body: bytes) -> XwhepError:
    try:
        problem = _Problem.model_validate_json(body)
    except ValidationError:
        if http_status >= 500:  # a proxy in between: try again
            return UnavailableError(f"the dispatcher answered with HTTP status {http_status}")
        return RemoteError("unexpected-answer", f"the server answered with HTTP status {http_status}", http_status)
    return from_problem(problem.code, problem.detail, http_status, problem.field)


async def _chunks(file: Path, moved: Moved) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(file.open, "rb") as stream:
        while chunk := await asyncio.to_thread(stream.read, CHUNK_BYTES):
            yield chunk
            moved(stream.tell())


async def _bounded(response: aiohttp.ClientResponse, limit_bytes: int, moved: Moved) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        size += len(chunk)
        if size > limit_bytes:
            raise TooLargeError("the content", limit_bytes)
        yield chunk
        moved(size)


async def _receive(content: AsyncIterator[bytes], destination: Path, digest: str) -> None:
    partial = destination.with_name(f".{secrets.token_hex(8)}.part")  # no name that other content could have
    hasher = hashlib.sha256()
    try:
        with partial.open("xb") as stream:
            async for chunk in content:
                hasher.update(chunk)
                await asyncio.to_thread(stream.write, chunk)
        if hasher.hexdigest() != digest:
            raise DigestMismatchError(digest, hasher.hexdigest())
        await asyncio.to_thread(os.replace, partial, destination)
    finally:
        partial.unlink(missing_ok=True)
