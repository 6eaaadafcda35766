"""Content in and out: streamed, checked against its digest, never held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from dispatcher.routes.door import Call
from dispatcher.usecases import catalogue
from xwhep.errors.requests import BadRequestError, TooLargeError

CHUNK_BYTES = 256 * 1024
#: seconds that an upload may stand still
IDLE_S = 60.0


async def receive(call: Call, digest: str, size_bytes: int) -> None:
    """Store the request's body under its digest.

    Raises:
        BadRequestError: its length is not the one announced, or it stands still.
        DigestMismatchError, StorageFullError: see `dispatcher.storage.blobs`.
    """
    if call.request.content_length != size_bytes:
        raise BadRequestError(f"the content has {size_bytes} bytes by its announcement; Content-Length must say so too")
    await call.services.blobs.receive(_chunks(call), digest, size_bytes)


def announced_size(call: Call, limit_bytes: int) -> int:
    """Return how long the request's body says it is.

    Raises:
        BadRequestError: it does not say.
        TooLargeError: longer than allowed.
    """
    size_bytes = call.request.content_length
    if size_bytes is None:
        raise BadRequestError("the request needs a Content-Length")
    if size_bytes > limit_bytes:
        raise TooLargeError("the content", limit_bytes)
    return size_bytes


async def send(call: Call, digest: str) -> web.StreamResponse:
    """Return the content with this digest: a file, unless it came inside a message."""
    headers = {"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff"}
    small = await call.services.database.read(catalogue.small_content, digest)
    if small is not None:
        return web.Response(body=small, headers=headers)
    return web.FileResponse(call.services.blobs.path(digest), chunk_size=CHUNK_BYTES, headers=headers)


async def _chunks(call: Call) -> AsyncIterator[bytes]:
    chunks = call.request.content.iter_chunked(CHUNK_BYTES)
    while True:
        try:
            async with call.services.world.timeout(IDLE_S):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise BadRequestError(f"no more of the content came for {IDLE_S:.0f} seconds") from error
        if chunk is None:
            return
        yield chunk
