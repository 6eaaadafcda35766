"""Content between files of this machine and a connection: bounded, checked, whole or not at all.

Files are opened and closed on the event loop, which takes microseconds, so that a cancelled transfer cannot lose one in
another thread; they are read, hashed, written and synchronised in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import aiohttp

from xwhep.errors.jobs import DigestMismatchError
from xwhep.errors.requests import TooLargeError
from xwhep.files import fresh_name

CHUNK_BYTES: Final = 128 * 1024

#: called with the bytes of a content that have gone over the wire by now; fewer again when the request is repeated
Moved = Callable[[int], None]


def unwatched(_: int) -> None:
    """Take no notice of how much has moved."""


class Outgoing:
    """A file on its way out: exactly the bytes that were announced, or a fault.

    What goes wrong with the file is kept in `fault`, since on its way through the HTTP library it would come to look
    like a fault of the network.
    """

    def __init__(self, stream: BinaryIO, size_bytes: int, moved: Moved) -> None:
        self._stream = stream
        self._size_bytes = size_bytes
        self._moved = moved
        self.fault: OSError | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read the file; one that has grown since it was announced is sent up to its announced size."""
        sent = 0
        while sent < self._size_bytes:
            try:
                chunk = await asyncio.to_thread(self._read, min(CHUNK_BYTES, self._size_bytes - sent))
            except OSError as error:
                self.fault = error
                raise
            yield chunk
            sent += len(chunk)
            self._moved(sent)

    def _read(self, size_bytes: int) -> bytes:
        with _named(self._stream.name):
            chunk = self._stream.read(size_bytes)
            if not chunk:  # the dispatcher would wait for the rest until its patience ends
                raise OSError(errno.EIO, "the file became shorter while it was sent")
            return chunk


async def bounded(response: aiohttp.ClientResponse, limit_bytes: int, what: str, moved: Moved) -> AsyncIterator[bytes]:
    """Read a response.

    Raises:
        TooLargeError: `what` is larger than allowed.
    """
    size_bytes = 0
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise TooLargeError(what, limit_bytes)
        yield chunk
        moved(size_bytes)


async def receive(content: AsyncIterator[bytes], destination: Path, digest: str) -> None:
    """Write content to `destination`, which appears only whole, and only if its SHA-256 is `digest`.

    Raises:
        DigestMismatchError: the content is another one.
        OSError: it cannot be written.
    """
    partial = destination.with_name(f".{fresh_name()}.part")  # no name that other content could have
    hasher = hashlib.sha256()

    def take(chunk: bytes) -> None:
        with _named(str(destination)):
            hasher.update(chunk)
            stream.write(chunk)

    def sync() -> None:
        with _named(str(destination)):
            stream.flush()
            os.fsync(stream.fileno())

    try:
        with partial.open("xb") as stream:
            async for chunk in content:
                await asyncio.to_thread(take, chunk)
            await asyncio.to_thread(sync)
        if hasher.hexdigest() != digest:
            raise DigestMismatchError(digest, hasher.hexdigest())
        await asyncio.to_thread(os.replace, partial, destination)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Name the file in an error of the system's, which names none once a file is open."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise
