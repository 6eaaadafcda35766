"""Connections within their bounds: strangers, members, handshakes that do not end, a process out of descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from dispatcher import listener
from dispatcher.admission import PeerBounds
from dispatcher.installation import Installation, install
from dispatcher.listener import LOG_EVERY_S, PacedLog
from dispatcher.routes import door
from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.kinds import NATIVE
from tests.support.raw import raw_client
from xwhep.errors.jobs import BusyError
from xwhep.pki.contexts import anonymous_context, client_context
from xwhep.pki.identity import Identity
from xwhep.rights import Role

REQUEST = b"GET /v1/whoami HTTP/1.1\r\nHost: grid\r\n\r\n"
ATTACKER = "127.0.0.2"


@contextlib.contextmanager
def idle(port: int, count: int, address: str = ATTACKER) -> Iterator[list[socket.socket]]:
    """Open connections from an address that never say anything."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 20, (address, 0))) for _ in range(count)
        ]


@contextlib.asynccontextmanager
async def tls(grid: GridUnderTest, identity: Identity | None = None) -> AsyncIterator[asyncio.StreamReader]:
    """Return what comes back on a new connection after a request, which stays open."""
    context = client_context(identity) if identity else anonymous_context(grid.services.authority.cas)
    reader, writer = await asyncio.open_connection("127.0.0.1", grid.dispatcher.port, ssl=context)
    try:
        writer.write(REQUEST)
        yield reader
    finally:
        writer.transport.abort()


async def status(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(20):
        return int((await reader.readline()).split()[1])


async def until_connections(grid: GridUnderTest, count: int) -> None:
    """Wait until no more connections than these are counted."""
    async with asyncio.timeout(20):
        while grid.dispatcher.listener.admission.connections > count:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.001)


# --- bounds


async def test_members_behind_one_address_all_come_in(tmp_path: Path) -> None:
    async with a_grid(tmp_path, bounds=PeerBounds(per_address=2)) as grid, contextlib.AsyncExitStack() as stack:
        hosts = [await grid.member(Role.HOST, f"host{number}") for number in range(12)]
        answers = [await status(await stack.enter_async_context(tls(grid, host))) for host in hosts]

    assert answers == [200] * 12


async def test_a_stranger_is_kept_within_the_bound_and_others_come_in(tmp_path: Path) -> None:
    async with a_grid(tmp_path, bounds=PeerBounds(per_address=2)) as grid:
        async with tls(grid) as one, tls(grid) as two:
            assert [await status(one), await status(two)] == [401, 401]
            with pytest.raises((ConnectionError, ssl.SSLError)):
                async with tls(grid):
                    pass
            async with raw_client(grid, address=ATTACKER) as other:
                assert (await other.ask("GET", "/v1/health")).status == 200
        await until_connections(grid, 1)
        async with tls(grid) as four:
            assert await status(four) == 401


async def test_an_identity_over_its_bound_is_told_so(tmp_path: Path) -> None:
    async with a_grid(tmp_path, bounds=PeerBounds(per_identity=2)) as grid:
        alice, bob = await grid.member(Role.USER, "alice"), await grid.member(Role.USER, "bob")
        async with tls(grid, alice) as one, tls(grid, alice) as two, tls(grid, alice) as three, tls(grid, bob) as bobs:
            assert [await status(reader) for reader in (one, two, bobs)] == [200, 200, 200]
            assert await status(three) == 503
            async with asyncio.timeout(20):
                problem = json.loads((await three.read()).partition(b"\r\n\r\n")[2])
        await until_connections(grid, 1)
        async with tls(grid, alice) as again:
            assert await status(again) == 200

    assert problem["code"] == "busy"
    assert problem["detail"].startswith("the dispatcher keeps no more than 2 connections of one identity open")


async def test_a_host_has_a_few_long_polls_and_others_have_theirs(tmp_path: Path) -> None:
    async with (
        a_grid(tmp_path, bounds=PeerBounds(polls=2)) as grid,
        grid.host("carol") as carol,
        grid.host("bob") as bob,
    ):
        polls = [asyncio.create_task(bob.lease(poll_request(NATIVE, wait_s=30))) for _ in range(2)]
        await grid.until_polls_wait(2)
        with pytest.raises(BusyError, match="2 long polls of one identity"):
            await bob.lease(poll_request(NATIVE, wait_s=30))
        assert await carol.lease(poll_request(NATIVE, wait_s=0)) is None
        grid.services.waiters.close()
        await asyncio.gather(*polls)
        await bob.lease(poll_request(NATIVE, wait_s=0))


async def test_bodies_of_one_identity_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"attempts": '
        begun.set()
        await go_on.wait()
        yield b"[]}"

    async def in_parts() -> AsyncIterator[bytes]:
        yield b'{"attempts": '
        await asyncio.sleep(0.05)  # so that the head arrives before the rest
        yield b"[]}"

    async with (
        a_grid(tmp_path, bounds=PeerBounds(bodies=1)) as grid,
        raw_client(grid, await grid.member(Role.HOST, "bob")) as bob,
        raw_client(grid, await grid.member(Role.HOST, "carol")) as carol,
    ):
        first = asyncio.create_task(bob.ask("POST", "/v1/heartbeats", data=slow()))
        await begun.wait()
        async with asyncio.timeout(20):
            while not grid.services.bodies:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.001)
        other = await carol.ask("POST", "/v1/heartbeats", data=in_parts())
        with monkeypatch.context() as patch:
            patch.setattr(door, "BODY_S", 0.05)
            refused = await bob.ask("POST", "/v1/heartbeats", data=slow())
        whole = await bob.ask("POST", "/v1/heartbeats", json={"attempts": []})
        second = asyncio.create_task(bob.ask("POST", "/v1/heartbeats", data=slow()))
        go_on.set()
        answers = [(await task).status for task in (first, second)]

    assert other.status == 200, "another identity has turns of its own"
    assert whole.status == 200, "what has arrived waits for no turn"
    assert refused.outcome == (503, "busy")
    assert answers == [200, 200]


async def test_a_stranger_sends_little(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, raw_client(grid) as stranger:
        answer = await stranger.ask("POST", "/v1/join", data=b" " * (door.MAX_STRANGERS_BODY_BYTES + 1))

    assert answer.outcome == (413, "too-large")
    assert "65536 bytes" in answer.body["detail"]


# --- handshakes


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 1000])
async def test_a_handshake_that_is_none_ends_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_S", 0.2)
    async with a_grid(tmp_path) as grid:
        with caplog.at_level(logging.DEBUG):
            reader, writer = await asyncio.open_connection("127.0.0.1", grid.dispatcher.port)
            writer.write(said)
            async with asyncio.timeout(20):
                with contextlib.suppress(ConnectionError):
                    await reader.read()
            await until_connections(grid, 0)
            writer.transport.abort()

    assert "a handshake with 127.0.0.1 failed" in caplog.text
    assert all(record.levelno <= logging.INFO and record.exc_info is None for record in caplog.records)


async def test_a_connection_waits_while_too_many_handshakes_are_under_way(tmp_path: Path) -> None:
    """It stays in the system's queue until one of them has ended."""
    async with a_grid(tmp_path, bounds=PeerBounds(handshakes=2)) as grid:
        admission = grid.dispatcher.listener.admission
        with idle(grid.dispatcher.port, 1, "127.0.0.2"), idle(grid.dispatcher.port, 1, "127.0.0.3") as (third,):
            async with asyncio.timeout(20):
                while admission.handshakes < 2:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0)
            async with raw_client(grid) as stranger:
                health = asyncio.create_task(stranger.ask("GET", "/v1/health"))
                for _ in range(1000):
                    await asyncio.sleep(0)
                assert (admission.connections, health.done()) == (2, False)
                third.close()
                assert (await health).status == 200


async def test_connections_are_accepted_at_a_pace_and_requests_go_on(tmp_path: Path) -> None:
    """Of forty who come at once, most wait in the system's queue while an open connection is served."""
    bounds = PeerBounds(accepts_per_s=20)
    async with a_grid(tmp_path, bounds=bounds) as grid, raw_client(grid) as stranger:
        await stranger.ask("GET", "/v1/health")
        admission, began = grid.dispatcher.listener.admission, time.monotonic()
        with idle(grid.dispatcher.port, 40):
            answers = [await stranger.ask("GET", "/v1/health") for _ in range(20)]
            meanwhile = admission.connections
            async with asyncio.timeout(20):
                while admission.connections < 22:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.001)
            took_s = time.monotonic() - began

    assert [answer.status for answer in answers] == [200] * 20
    assert meanwhile < 41
    assert took_s >= 19 / 20


async def test_whoever_waits_to_be_accepted_comes_in(tmp_path: Path) -> None:
    async with a_grid(tmp_path, bounds=PeerBounds(accepts_per_s=20)) as grid, contextlib.AsyncExitStack() as stack:
        readers = await asyncio.gather(*(stack.enter_async_context(tls(grid)) for _ in range(20)))
        answers = [await status(reader) for reader in readers]

    assert answers == [401] * 20


@pytest.mark.parametrize(("allowed", "lines"), [("128\n", 1), ("4096\n", 0), ("", 0), (None, 0)])
async def test_a_system_that_lets_few_wait_is_told_of(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    allowed: str | None,
    lines: int,
) -> None:
    if allowed is not None:
        (tmp_path / "somaxconn").write_text(allowed)
    monkeypatch.setattr(listener, "SOMAXCONN", tmp_path / "somaxconn")
    async with a_grid(tmp_path / "grid"):
        pass

    told = [text for text in caplog.messages if "net.core.somaxconn=4000" in text]
    assert len(told) == lines


async def test_the_dispatcher_stops_at_once_in_the_middle_of_handshakes(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        admission = grid.dispatcher.listener.admission
        with idle(grid.dispatcher.port, 20):
            async with asyncio.timeout(20):
                while not admission.connections:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0)
            began = time.monotonic()
            grid.dispatcher.housekeeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await grid.dispatcher.housekeeping
    gc.collect()  # a socket that nobody closed would be a warning now

    assert (admission.connections, admission.handshakes) == (0, 0)
    assert time.monotonic() - began < listener.HANDSHAKE_S


# --- descriptors


@contextlib.contextmanager
def serving(home: Path, descriptors: int, **settings: int) -> Iterator[int]:
    """Serve as `xwhep-dispatcher` does, in a process with so many descriptors; the log goes to `home/log`."""
    names = ["localhost", "127.0.0.1"]
    install(home / "dispatcher", names, (home / "user", "ann", "https://127.0.0.1:1"))
    variables = {f"XWHEP_DISPATCHER__{key.upper()}": str(value) for key, value in settings.items()}
    command = [sys.executable, "-m", "dispatcher.cli", "serve", "--host", "127.0.0.1", "--port", "0"]
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(
            ["sh", "-c", f'ulimit -n {descriptors}; exec "$0" "$@"', *command],
            env={**os.environ, **variables, "XWHEP_HOME": str(home), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().split("port ")[1].split(";")[0])
        finally:
            process.terminate()
    assert process.returncode == 0, (home / "log").read_text()


async def seconds_of_health(home: Path, port: int) -> float:
    """Return how long a stranger waits for an answer, handshake included."""
    context = anonymous_context(Installation(home / "dispatcher").open_authority().cas)
    began = time.monotonic()
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session,
        session.get(f"https://127.0.0.1:{port}/v1/health", ssl=context) as answer,
    ):
        assert answer.status == 200
    return time.monotonic() - began


async def test_idle_connections_of_one_address_keep_nobody_out(tmp_path: Path) -> None:
    with serving(tmp_path, 256) as port, idle(port, 2000):
        took_s = min([await seconds_of_health(tmp_path, port) for _ in range(3)])
        log = (tmp_path / "log").read_text()

    assert took_s < 1
    assert "256 descriptors, at most 96 connections" in log
    assert "a connection from 127.0.0.2 was refused: the dispatcher keeps no more than 24 connections of one" in log
    assert "Traceback" not in log
    assert len(log) < 2000


async def test_a_process_out_of_descriptors_says_it_once_and_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path, 64, connections=1000, connections_per_address=250) as port:
        with idle(port, 100):
            async with asyncio.timeout(20):
                while "no connection can be accepted now" not in (tmp_path / "log").read_text():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        await seconds_of_health(tmp_path, port)
        log = (tmp_path / "log").read_text()

    assert log.count("no connection can be accepted now, trying again: Too many open files") == 1
    assert "Traceback" not in log
    assert len(log) < 2000


def test_a_warning_that_comes_often_is_written_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = [0.0]
    log = PacedLog(lambda: clock[0])
    for _ in range(1000):
        log.warning("full")
    clock[0] += LOG_EVERY_S
    log.warning("full")

    assert [record.getMessage() for record in caplog.records] == ["full", "full (and 999 more like it before)"]
