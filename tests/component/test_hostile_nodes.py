"""A node that is away, slow, or sends what no node sends: each is one error, without the secrets of its URL."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from xwhep.chain import transport
from xwhep.chain.node import Node
from xwhep.errors.chain import NodeUnavailableError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def a_node(handler: Handler) -> AsyncIterator[str]:
    """Serve a handler as a node, and yield a URL with secrets in it."""
    application = web.Application()
    application.router.add_post("/{key}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://user:password@127.0.0.1:{runner.addresses[0][1]}/apikey?more=apikey"
    finally:
        await runner.cleanup()


async def refused(url: str, timeout_s: float = 20.0) -> str:
    async with Node.open(url, timeout_s=timeout_s) as node:
        with pytest.raises(NodeUnavailableError) as caught:
            await node.head()
    text = str(caught.value)
    assert "password" not in text
    assert "apikey" not in text
    return text


def saying(text: str, status: int = 200, **headers: str) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it answers no JSON"),
        ("<html>login</html>", r"it answers no JSON \(HTTP status 200\)"),
        ("[" * 100_000, "it answers no JSON"),
        ("9" * 100_000, "it answers no JSON"),
        ("[]", "its answer is none of JSON-RPC"),
        ("null", "its answer is none of JSON-RPC"),
        ("{}", "its answer is none of JSON-RPC"),
        ('{"error": null}', "its answer is none of JSON-RPC"),
        ('{"result": {}}', "its answer to eth_blockNumber cannot be read"),
        ('{"result": 5}', "its answer to eth_blockNumber cannot be read"),
        ('{"error": "no"}', r"it refuses eth_blockNumber \(no\)"),
        ('{"error": {"code": {}, "message": []}}', "it refuses eth_blockNumber"),
        ('{"error": {"code": -32005, "message": "rate limit"}, "result": "0x1"}', "rate limit"),
    ],
)
async def test_rubbish_is_no_answer(text: str, why: str) -> None:
    async with a_node(saying(text)) as url:
        assert re.search(why, await refused(url))


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_trouble_behind_the_door_is_named_by_its_status(status: int) -> None:
    async with a_node(saying("busy", status)) as url:
        assert f"it answers with HTTP status {status}" in await refused(url)


async def test_nobody_is_led_elsewhere() -> None:
    async with a_node(saying("", 307, Location="http://169.254.169.254/")) as url:
        assert "it answers no JSON (HTTP status 307)" in await refused(url)


async def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_REPLY_BYTES", 1_000_000)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(10_000):
                await response.write(b" " * 65_536)
        return response

    async with a_node(endless) as url:
        assert "its answer is longer than 1000000 bytes" in await refused(url)


async def test_a_node_that_says_nothing_is_not_waited_for() -> None:
    end = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        await end.wait()
        return web.Response()

    async with a_node(silent) as url:
        assert "it does not answer in time" in await refused(url, timeout_s=0.2)
        end.set()


async def test_a_node_that_hangs_up_is_away() -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with a_node(hang_up) as url:
        assert "no connection (it was closed)" in await refused(url)


async def test_a_node_that_is_not_there_is_away() -> None:
    async with a_node(saying("")) as url:
        pass
    assert "no connection (" in await refused(url)


async def test_what_does_not_speak_http_is_no_node() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert "is of no use" in await refused(f"http://127.0.0.1:{port}")
