"""A lean HTTPS client for load: one connection, one request at a time, hardly any processor time of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, cast


class UnexpectedStatusError(Exception):
    """The server answered with another status than the load expects."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)


class Wire(asyncio.Protocol):
    """A kept-alive connection; its responses have a length and no chunks."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, port: int, context: ssl.SSLContext) -> Wire:
        """Connect to a server on this machine."""
        _, wire = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port, ssl=context)
        return wire

    async def ask(self, method: str, path: str, body: bytes = b"", *, expected: Container[int] = (200,)) -> Answer:
        """Send a request and return the response.

        Raises:
            UnexpectedStatusError: its status is none of those `expected`.
            ConnectionError: the connection ended.
        """
        if self._transport is None:
            raise ConnectionResetError("the connection has ended")
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        kind = "Content-Type: application/json\r\n\r\n" if body else "\r\n"
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head.encode() + kind.encode() + body)
        answer = await self._answer
        if answer.status not in expected:
            raise UnexpectedStatusError(f"{method} {path}: {answer.status} {answer.body[:500]!r}")
        return answer

    async def call(self, method: str, path: str, message: Mapping[str, Any], **expected: Container[int]) -> Any:
        """Send a message as JSON and return the one that comes back."""
        return (await self.ask(method, path, json.dumps(message).encode(), **expected)).json()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection, as a machine does that loses its power."""
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # a stream's has its methods

    def data_received(self, data: bytes) -> None:
        """Hand out the response once it is whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        at = head.find(b"content-length:")
        length = 0 if at < 0 else int(head[at + 15 :].partition(b"\r\n")[0])
        if len(self._received) < end + 4 + length:
            return
        answer = Answer(int(head[9:12]), self._received[end + 4 : end + 4 + length])
        self._received = self._received[end + 4 + length :]
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits, and whoever asks later."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the server closed the connection"))
