"""A connection leaves nothing behind, whoever is at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher import authority
from tests.support.tls import GRID, listener_context, real_now
from xwhep.client.connection import Connection
from xwhep.errors.base import RemoteError
from xwhep.pki.contexts import anonymous_context
from xwhep.protocol.base import Reply

ANSWER = b"HTTP/1.1 418 Teapot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def silent_after_its_answer(context: ssl.SSLContext) -> Iterator[str]:
    """Serve one connection: answer, and never say goodbye."""
    ready, done, port = threading.Event(), threading.Event(), 0

    async def serve() -> None:
        nonlocal port
        held: list[asyncio.StreamWriter] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            held.append(writer)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
            assert isinstance(writer.transport, asyncio.Transport)
            writer.transport.pause_reading()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        ready.set()
        await asyncio.to_thread(done.wait, 60)
        for writer in held:
            writer.transport.abort()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(60)
    yield f"https://127.0.0.1:{port}"
    done.set()
    thread.join(60)


def test_a_peer_that_does_not_say_goodbye_keeps_nothing_open(tmp_path: Path) -> None:
    ca = authority.create(GRID, real_now())

    async def ask(url: str) -> None:
        async with Connection(url, anonymous_context(ca.cas)) as connection:
            with pytest.raises(RemoteError):
                await connection.call("GET", "/", Reply)

    (tmp_path / "server").mkdir()
    context = listener_context(ca, tmp_path / "server")
    with silent_after_its_answer(context) as url, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(ask(url))
        gc.collect()

    assert [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)] == []
