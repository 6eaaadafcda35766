"""Content over real TLS: it arrives whole or not at all, and what is wrong with a file is no fault of the network."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from dispatcher import authority
from dispatcher.authority import Authority
from dispatcher.routes.door import problem
from tests.support.contained import eventually
from tests.support.tls import GRID, listener_context, listening, real_now
from xwhep.client import streams
from xwhep.client.connection import Connection
from xwhep.errors.jobs import DigestMismatchError, LeaseLostError, UnavailableError
from xwhep.errors.requests import NotFoundError, TooLargeError
from xwhep.pki.contexts import anonymous_context
from xwhep.world import REAL

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CONTENT = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority.create(GRID, real_now() - timedelta(days=1))


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Return the folder that downloads go to."""
    folder = tmp_path / "box"
    folder.mkdir()
    return folder


@contextlib.asynccontextmanager
async def connected(ca: Authority, folder: Path, handler: Handler) -> AsyncIterator[Connection]:
    app = web.Application(client_max_size=10**9)
    app.router.add_route("*", "/x", handler)
    async with (
        listening(app, listener_context(ca, folder / "server")) as url,
        Connection(url, anonymous_context(ca.cas), timeout_s=20) as connection,
    ):
        yield connection


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def download(connection: Connection, file: Path, limit_bytes: int = len(CONTENT)) -> None:
    await connection.download("/x", file, digest=DIGEST, limit_bytes=limit_bytes)


def sending(content: bytes) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=content)

    return handle


def sending_a_part(then: Callable[[web.Request], Awaitable[None]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(CONTENT))})
        await response.prepare(request)
        await response.write(CONTENT[:300_000])
        await then(request)
        return response

    return handle


async def abort(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


# --- downloads


async def test_content_arrives_as_it_was(ca: Authority, tmp_path: Path, box: Path) -> None:
    moved: list[int] = []
    async with connected(ca, tmp_path, sending(CONTENT)) as connection:
        await connection.download("/x", box / "a", digest=DIGEST, limit_bytes=len(CONTENT), moved=moved.append)

    assert (box / "a").read_bytes() == CONTENT
    assert names(box) == ["a"]
    assert moved == sorted(moved)
    assert moved[-1] == len(CONTENT)


@pytest.mark.parametrize(
    ("handler", "limit_bytes", "error"),
    [
        (sending(CONTENT[:-1]), len(CONTENT), DigestMismatchError),
        (sending(b"x" + CONTENT[1:]), len(CONTENT), DigestMismatchError),
        (sending(b""), len(CONTENT), DigestMismatchError),
        (sending(CONTENT), len(CONTENT) - 1, TooLargeError),
        (sending_a_part(abort), len(CONTENT), UnavailableError),
    ],
    ids=["too short", "altered", "empty", "too long", "cut short"],
)
async def test_what_is_not_the_content_does_not_appear(
    ca: Authority, tmp_path: Path, box: Path, handler: Handler, limit_bytes: int, error: type[Exception]
) -> None:
    (box / "a").write_bytes(b"what was there before")
    async with connected(ca, tmp_path, handler) as connection:
        with pytest.raises(error):
            await download(connection, box / "a", limit_bytes)

    assert names(box) == ["a"]
    assert (box / "a").read_bytes() == b"what was there before"


async def test_a_refused_download_leaves_nothing(ca: Authority, tmp_path: Path, box: Path) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return problem(NotFoundError("data", "x"))

    async with connected(ca, tmp_path, refuse) as connection:
        with pytest.raises(NotFoundError):
            await download(connection, box / "a")

    assert names(box) == []


async def test_a_download_that_is_cancelled_leaves_nothing(ca: Authority, tmp_path: Path, box: Path) -> None:
    arrived, never = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> None:
        arrived.set()
        await never.wait()

    async with connected(ca, tmp_path, sending_a_part(wait)) as connection:
        task = asyncio.create_task(download(connection, box / "a"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        never.set()

    assert names(box) == []
    gc.collect()  # a file that nobody closed would warn here, and a warning is an error


async def test_a_folder_that_is_not_there_is_no_fault_of_the_network(ca: Authority, tmp_path: Path) -> None:
    async with connected(ca, tmp_path, sending(CONTENT)) as connection:
        with pytest.raises(FileNotFoundError):
            await download(connection, tmp_path / "nowhere" / "a")


async def test_a_folder_that_vanishes_is_no_fault_of_the_network(ca: Authority, tmp_path: Path, box: Path) -> None:
    async def rest(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(CONTENT))})
        await response.prepare(request)
        await response.write(CONTENT[:300_000])
        await eventually(lambda: names(box))
        shutil.rmtree(box)
        await response.write(CONTENT[300_000:])
        return response

    async with connected(ca, tmp_path, rest) as connection:
        with pytest.raises(FileNotFoundError):
            await download(connection, box / "a")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
async def test_a_full_disk_is_named(ca: Authority, tmp_path: Path, box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def full(path: Path, mode: str = "r") -> object:
        return open("/dev/full", "wb", buffering=0) if path.suffix == ".part" else real(path, mode)  # noqa: PTH123 - Path.open is what is replaced

    async with connected(ca, tmp_path, sending(CONTENT)) as connection:
        monkeypatch.setattr(Path, "open", full)
        with pytest.raises(OSError, match="No space left on device") as caught:
            await download(connection, box / "a")

    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(box / "a"))


# --- uploads


async def take(request: web.Request) -> web.Response:
    assert hashlib.sha256(await request.read()).hexdigest() == DIGEST
    return web.Response(status=204)


async def test_a_file_arrives_as_it_is(ca: Authority, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    async with connected(ca, tmp_path, take) as connection:
        await connection.upload("/x", tmp_path / "a", len(CONTENT))


async def test_a_file_that_has_grown_is_sent_as_it_was_announced(ca: Authority, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT + b"and more")
    async with connected(ca, tmp_path, take) as connection:
        await connection.upload("/x", tmp_path / "a", len(CONTENT))
        await connection.upload("/x", tmp_path / "a", len(CONTENT))


async def test_a_file_that_became_shorter_is_named(ca: Authority, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    async with connected(ca, tmp_path, take) as connection:
        with pytest.raises(OSError, match="the file became shorter while it was sent") as caught:
            await connection.upload("/x", tmp_path / "a", len(CONTENT) + 1)

    assert caught.value.filename == str(tmp_path / "a")


async def test_a_file_that_is_not_there_is_no_fault_of_the_network(ca: Authority, tmp_path: Path) -> None:
    async with connected(ca, tmp_path, take) as connection:
        with pytest.raises(FileNotFoundError):
            await connection.upload("/x", tmp_path / "a", 1)


async def test_an_upload_that_is_refused_before_its_end_says_why(ca: Authority, tmp_path: Path) -> None:
    size_bytes = 20_000_000
    (tmp_path / "a").write_bytes(bytes(size_bytes))

    async def refuse(request: web.Request) -> web.Response:
        return problem(LeaseLostError(REAL.new_uid(), 1))

    async with connected(ca, tmp_path, refuse) as connection:
        with pytest.raises(LeaseLostError):
            await connection.upload("/x", tmp_path / "a", size_bytes)


async def test_an_upload_that_is_cancelled_closes_its_file(ca: Authority, tmp_path: Path) -> None:
    size_bytes = 20_000_000
    (tmp_path / "a").write_bytes(bytes(size_bytes))
    arrived, never = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        await request.content.readany()
        arrived.set()
        await never.wait()
        return web.Response()

    async with connected(ca, tmp_path, wait) as connection:
        task = asyncio.create_task(connection.upload("/x", tmp_path / "a", size_bytes))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        never.set()
    gc.collect()  # a file that nobody closed would warn here, and a warning is an error


async def test_a_connection_that_breaks_during_an_upload_is_no_answer(
    ca: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    size_bytes = 20_000_000
    (tmp_path / "a").write_bytes(bytes(size_bytes))

    async def breaking(request: web.Request) -> web.Response:
        await request.content.readany()
        await abort(request)
        return web.Response()

    async with connected(ca, tmp_path, breaking) as connection:
        for _ in range(5):  # how a connection breaks is for the two systems to say
            with pytest.raises(UnavailableError, match="cannot be reached"):
                await connection.upload("/x", tmp_path / "a", size_bytes)
        gc.collect()  # a future whose fault nobody has looked at says so when it goes
    gc.collect()

    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_the_loop_is_not_held_up_by_a_chunk() -> None:
    assert streams.CHUNK_BYTES <= 2**20
