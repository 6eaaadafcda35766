"""Requests to a dispatcher over real TLS: what its answers become, and what happens when it does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from dispatcher import authority
from dispatcher.admission import PeerBounds
from dispatcher.authority import Authority
from dispatcher.listener import HANDSHAKE_S
from dispatcher.routes.door import problem
from tests.support.tls import GRID, listener_context, listening, make_identity, real_now
from xwhep.client import connection as connection_module
from xwhep.client.connection import Connection
from xwhep.errors.base import RemoteError, XwhepError
from xwhep.errors.identity import (
    DispatcherNotVerifiedError,
    IdentityExpiredError,
    IdentityForeignError,
    IdentityNotYetValidError,
)
from xwhep.errors.jobs import LeaseLostError, StorageFullError, UnavailableError
from xwhep.errors.requests import InvalidFieldError, TooLargeError
from xwhep.members import Kind
from xwhep.pki.contexts import anonymous_context
from xwhep.pki.identity import Identity
from xwhep.protocol.base import Reply
from xwhep.protocol.enrolment import JoinRequest
from xwhep.world import REAL, World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SECRET = "0123456789abcdef" * 4


class Answer(Reply):
    number: int


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority.create(GRID, real_now() - timedelta(days=200))


@pytest.fixture
def identity(ca: Authority, tmp_path: Path) -> Identity:
    return make_identity(ca, tmp_path / "host", real_now())


@contextlib.asynccontextmanager
async def answering(ca: Authority, folder: Path, handler: Handler) -> AsyncIterator[str]:
    """Serve one handler under every path, over TLS."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with listening(app, listener_context(ca, folder / "server")) as url:
        yield url


@contextlib.asynccontextmanager
async def calling(ca: Authority, folder: Path, handler: Handler, patience_s: float = 0) -> AsyncIterator[Connection]:
    """Connect to one handler, without waiting long between two tries."""
    async with (
        answering(ca, folder, handler) as url,
        Connection(url, anonymous_context(ca.cas), patience_s=patience_s, timeout_s=20) as connection,
    ):
        yield connection


def saying(response: Callable[[], web.Response]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return response()

    return handle


async def refused(ca: Authority, folder: Path, handler: Handler) -> XwhepError:
    """Return the error that a call of this handler ends with."""
    async with calling(ca, folder, handler) as connection:
        with pytest.raises(XwhepError) as caught:
            await connection.call("GET", "/v1/x", Answer)
    return caught.value


# --- what answers become


async def test_a_reply_is_read_whatever_a_newer_dispatcher_adds(ca: Authority, tmp_path: Path) -> None:
    async with calling(ca, tmp_path, saying(lambda: web.json_response({"number": 7, "colour": "red"}))) as connection:
        assert await connection.call("GET", "/v1/x", Answer) == Answer(number=7)


@pytest.mark.parametrize(
    "error",
    [LeaseLostError(REAL.new_uid(), 3), InvalidFieldError("jobs.0.uid", "no"), StorageFullError(5)],
    ids=lambda error: error.code,
)
async def test_a_problem_document_becomes_the_error_that_it_was(
    ca: Authority, tmp_path: Path, error: XwhepError
) -> None:
    back = await refused(ca, tmp_path, saying(lambda: problem(error)))

    assert type(back) is type(error)
    assert (str(back), back.field) == (str(error), error.field)


async def test_a_problem_that_this_version_does_not_know_keeps_its_name(ca: Authority, tmp_path: Path) -> None:
    back = await refused(ca, tmp_path, saying(lambda: problem(RemoteError("from-the-future", "no", 499, "name"))))

    assert isinstance(back, RemoteError)
    assert (back.remote_code, back.remote_status, back.text, back.field) == ("from-the-future", 499, "no", "name")
    assert back.exit_status == 1


async def test_what_a_dispatcher_refuses_with_plays_no_tricks_on_a_terminal_or_a_log(
    ca: Authority, tmp_path: Path
) -> None:
    hostile = RemoteError("from-the-\x1bfuture", "\x1b[2J\u202eno\nINFO all is well" + 5000 * "!", 499)
    back = await refused(ca, tmp_path, saying(lambda: problem(hostile)))

    assert isinstance(back, RemoteError)
    assert back.remote_code.isprintable()
    assert back.text.isprintable()
    assert "no INFO all is well" in back.text
    assert len(back.text) == 1000


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_proxys_page_means_that_the_dispatcher_is_away(ca: Authority, tmp_path: Path, status: int) -> None:
    page = saying(lambda: web.Response(status=status, text="<h1>Bad Gateway</h1>", content_type="text/html"))

    error = await refused(ca, tmp_path, page)

    assert isinstance(error, UnavailableError)
    assert str(error) == f"the dispatcher answered with HTTP status {status}; try again later"


@pytest.mark.parametrize("status", [302, 307, 404])
async def test_what_is_no_answer_of_a_dispatcher_is_an_error(ca: Authority, tmp_path: Path, status: int) -> None:
    error = await refused(
        ca, tmp_path, saying(lambda: web.Response(status=status, text="<p>", headers={"Location": "/"}))
    )

    assert isinstance(error, RemoteError)
    assert str(error) == f"the server answered with HTTP status {status}"


async def test_a_redirect_is_not_followed(ca: Authority, tmp_path: Path) -> None:
    paths = []

    async def redirect(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    await refused(ca, tmp_path, redirect)

    assert paths == ["/v1/x"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"number": "many"}', "<html>"])
async def test_a_reply_that_cannot_be_understood_is_an_error(ca: Authority, tmp_path: Path, text: str) -> None:
    error = await refused(ca, tmp_path, saying(lambda: web.Response(text=text, content_type="application/json")))

    assert isinstance(error, UnavailableError)
    assert "could not be understood" in str(error)


async def test_a_reply_over_its_bound_is_refused(
    ca: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def long(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()  # which says nothing of its length
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(4):
                await response.write(b" " * 65536)
        return response

    monkeypatch.setattr(connection_module, "MAX_REPLY_BYTES", 200_000)

    assert isinstance(await refused(ca, tmp_path, long), TooLargeError)


async def test_a_reply_is_not_unpacked(ca: Authority, tmp_path: Path) -> None:
    def packed() -> web.Response:
        response = web.json_response({"number": 1, "padding": "x" * 5000})
        response.enable_compression(web.ContentCoding.gzip)
        return response

    assert "could not be understood" in str(await refused(ca, tmp_path, saying(packed)))


async def test_a_connection_that_breaks_in_the_middle_of_a_reply_is_no_answer(ca: Authority, tmp_path: Path) -> None:
    async def breaking(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"number":')
        assert request.transport is not None
        request.transport.abort()
        return response

    error = await refused(ca, tmp_path, breaking)

    assert isinstance(error, UnavailableError)
    assert "0x" not in str(error)


# --- patience


def failing_first(times: int, seen: list[bytes]) -> Handler:
    """Break the first connections without a word, then answer."""
    left = itertools.count(-times)

    async def handle(request: web.Request) -> web.Response:
        seen.append(await request.read())
        if next(left) < 0:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"number": len(seen)})

    return handle


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment instead of seconds between two tries."""
    monkeypatch.setattr(connection_module, "FIRST_PAUSE_S", 0.001)


@pytest.mark.usefixtures("quick")
async def test_a_request_that_got_no_answer_is_sent_again_as_it_was(ca: Authority, tmp_path: Path) -> None:
    seen: list[bytes] = []
    async with calling(ca, tmp_path, failing_first(3, seen), patience_s=60) as connection:
        answer = await connection.call("POST", "/v1/x", Answer, Answer(number=5))

    assert answer.number == 4
    assert set(seen) == {b'{"number":5}'}


@pytest.mark.usefixtures("quick")
async def test_an_upload_is_sent_again_from_the_beginning_of_the_file(ca: Authority, tmp_path: Path) -> None:
    content, seen, moved = b"0123456789" * 50_000, list[bytes](), list[int]()
    (tmp_path / "file").write_bytes(content)
    async with calling(ca, tmp_path, large(failing_first(2, seen)), patience_s=60) as connection:
        await connection.upload("/v1/x", tmp_path / "file", len(content), moved.append)

    assert seen == [content] * 3
    assert moved[-1] == len(content)
    assert moved.count(len(content)) == 3


def large(handler: Handler) -> Handler:
    """Let a request be larger than aiohttp would."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(request.clone(client_max_size=10**9))

    return handle


async def test_without_patience_a_request_is_sent_once(ca: Authority, tmp_path: Path) -> None:
    seen: list[bytes] = []

    async with calling(ca, tmp_path, failing_first(1, seen)) as connection:
        with pytest.raises(UnavailableError):
            await connection.call("POST", "/v1/x", Answer, Answer(number=1))

    assert len(seen) == 1


@pytest.mark.usefixtures("quick")
async def test_patience_ends(ca: Authority, tmp_path: Path) -> None:
    seen: list[bytes] = []
    async with calling(ca, tmp_path, failing_first(10**6, seen), patience_s=0.05) as connection:
        with pytest.raises(UnavailableError):
            await connection.call("GET", "/v1/x", Answer)

    assert len(seen) > 1


@pytest.mark.parametrize(("field", "least", "most"), [("7", 7, 14), ("86400", 20, 40)])
async def test_a_dispatcher_that_asks_to_wait_is_obeyed_within_reason(
    ca: Authority, tmp_path: Path, field: str, least: float, most: float
) -> None:
    seen, slept = [], list[float]()

    async def busy_first(request: web.Request) -> web.Response:
        seen.append(request.path)
        if len(seen) == 1:
            return web.Response(status=503, headers={"Retry-After": field})
        return web.json_response({"number": 7})

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with (
        answering(ca, tmp_path, busy_first) as url,
        Connection(url, anonymous_context(ca.cas), patience_s=60, world=World(sleep=sleep)) as connection,
    ):
        assert await connection.call("GET", "/v1/x", Answer) == Answer(number=7)

    (pause_s,) = slept
    assert least <= pause_s <= most


async def test_what_was_refused_is_not_asked_again(ca: Authority, tmp_path: Path) -> None:
    seen: list[str] = []

    async def refuse(request: web.Request) -> web.Response:
        seen.append(request.path)
        return problem(InvalidFieldError("name", "no"))

    async with calling(ca, tmp_path, refuse, patience_s=60) as connection:
        with pytest.raises(InvalidFieldError):
            await connection.call("GET", "/v1/x", Answer)

    assert len(seen) == 1


async def test_a_request_that_is_cancelled_while_it_waits_to_be_repeated_ends_at_once(
    ca: Authority, tmp_path: Path
) -> None:
    asked = asyncio.Event()

    async def away(request: web.Request) -> web.Response:
        asked.set()
        return web.Response(status=503)

    async with calling(ca, tmp_path, away, patience_s=600) as connection:
        task = asyncio.create_task(connection.call("GET", "/v1/x", Answer))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def not_accepting() -> Iterator[socket.socket]:
    """Listen, and accept nobody: whoever connects waits in the system's queue."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening


async def test_waiting_to_be_accepted_is_no_silence_of_the_dispatcher(ca: Authority, tmp_path: Path) -> None:
    """A heartbeat's answer must come soon, but a dispatcher to which thousands come back needs a while to accept it."""
    context, accepted = listener_context(ca, tmp_path / "server"), asyncio.Event()
    with not_accepting() as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        async with Connection(url, anonymous_context(ca.cas)) as connection:
            call = asyncio.create_task(connection.call("GET", "/v1/x", Answer, answer_s=0.2))
            await asyncio.sleep(0.6)
            is_waiting = not call.done()
            server = await asyncio.start_server(answering_seven(accepted), sock=listening, ssl=context)
            async with server, asyncio.timeout(20):
                with contextlib.suppress(UnavailableError):  # an answer that comes too late is another matter
                    await call
                await accepted.wait()

    assert is_waiting


def answering_seven(
    accepted: asyncio.Event,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        accepted.set()
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"number":7}')
        await writer.drain()
        writer.close()

    return answer


async def test_a_silent_dispatcher_is_given_up_after_the_answers_time(ca: Authority, tmp_path: Path) -> None:
    async def silent(request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        raise AssertionError(request.path)

    async with calling(ca, tmp_path, silent) as connection:
        with pytest.raises(UnavailableError, match="no answer in time"):
            await connection.call("GET", "/v1/x", Answer, answer_s=0.1)


async def test_a_connection_that_is_never_accepted_is_given_up(ca: Authority) -> None:
    with not_accepting() as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        async with Connection(url, anonymous_context(ca.cas), timeout_s=0.1) as connection:
            with pytest.raises(UnavailableError, match="no answer in time"):
                await connection.call("GET", "/v1/x", Answer)


def test_clients_are_more_patient_than_the_longest_wait_for_their_turn() -> None:
    """Also where the dispatcher's processor is half as fast as its pace foresees."""
    bounds = PeerBounds()

    assert 2 * bounds.backlog / bounds.accepts_per_s + HANDSHAKE_S <= connection_module.TIMEOUT_S


# --- refused handshakes


@pytest.fixture
def quiet_listener(caplog: pytest.LogCaptureFixture) -> None:
    """The listener's side of a refused handshake is of no interest here."""
    caplog.set_level(logging.CRITICAL, "asyncio")


async def as_member(ca: Authority, folder: Path, member: Identity, patience_s: float = 0) -> XwhepError:
    """Return what a member whose certificate is refused gets to see."""
    async with answering(ca, folder, saying(lambda: web.json_response({"number": 1}))) as url:
        identity = replace(member, dispatcher=url)
        async with Connection.of(identity, patience_s=patience_s) as connection:
            with pytest.raises(XwhepError) as caught:
                await connection.call("GET", "/v1/x", Answer)
    return caught.value


async def test_a_member_is_answered(ca: Authority, tmp_path: Path, identity: Identity) -> None:
    async with (
        answering(ca, tmp_path, saying(lambda: web.json_response({"number": 1}))) as url,
        Connection.of(replace(identity, dispatcher=url)) as connection,
    ):
        assert (await connection.call("GET", "/v1/x", Answer)).number == 1


@pytest.mark.usefixtures("quiet_listener")
async def test_a_member_with_an_expired_certificate_is_told_so(ca: Authority, tmp_path: Path) -> None:
    expired = make_identity(ca, tmp_path / "expired", real_now() - timedelta(days=100))

    error = await as_member(ca, tmp_path, expired, patience_s=600)

    assert isinstance(error, IdentityExpiredError)
    assert str(error).startswith(f"this machine's certificate ended at {expired.ends_at:%Y-%m-%d}")


@pytest.mark.usefixtures("quiet_listener")
async def test_a_member_whose_certificate_is_of_tomorrow_is_told_so(ca: Authority, tmp_path: Path) -> None:
    early = make_identity(ca, tmp_path / "early", real_now() + timedelta(days=3))

    assert isinstance(await as_member(ca, tmp_path, early), IdentityNotYetValidError)


@pytest.mark.usefixtures("quiet_listener")
async def test_a_member_of_another_grid_is_told_so(ca: Authority, tmp_path: Path) -> None:
    foreign = make_identity(authority.create(GRID, real_now()), tmp_path / "foreign", real_now())

    error = await as_member(ca, tmp_path, replace(foreign, cas=ca.cas))

    assert isinstance(error, IdentityForeignError)
    assert "is not an authority of this grid; join again" in str(error)


@pytest.mark.usefixtures("quiet_listener")
async def test_a_member_with_an_expired_certificate_is_told_so_when_it_uploads(ca: Authority, tmp_path: Path) -> None:
    expired = make_identity(ca, tmp_path / "expired", real_now() - timedelta(days=100))
    (tmp_path / "file").write_bytes(bytes(3_000_000))
    async with (
        answering(ca, tmp_path, saying(lambda: web.json_response({}))) as url,
        Connection.of(replace(expired, dispatcher=url)) as connection,
    ):
        with pytest.raises(IdentityExpiredError):
            await connection.upload("/v1/x", tmp_path / "file", 3_000_000)


async def test_a_member_in_order_hears_that_the_dispatcher_is_away(
    ca: Authority, tmp_path: Path, identity: Identity
) -> None:
    async with answering(ca, tmp_path, saying(lambda: web.json_response({}))) as url:
        pass
    async with Connection.of(replace(identity, dispatcher=url)) as connection:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await connection.call("GET", "/v1/x", Answer)


@pytest.mark.usefixtures("quiet_listener")
async def test_nothing_is_sent_to_a_dispatcher_that_is_another(
    ca: Authority, tmp_path: Path, identity: Identity
) -> None:
    seen: list[bytes] = []
    async with (
        answering(authority.create(GRID, real_now()), tmp_path, failing_first(0, seen)) as url,
        Connection.of(replace(identity, dispatcher=url), patience_s=600) as connection,
    ):
        with pytest.raises(DispatcherNotVerifiedError):
            await connection.call("POST", "/v1/x", Answer, Answer(number=1))

    assert seen == []


# --- secrets


@pytest.mark.parametrize("answer", [502, 404, 200], ids=str)
async def test_no_error_repeats_what_was_sent(ca: Authority, tmp_path: Path, answer: int) -> None:
    request = JoinRequest(secret=SECRET, kind=Kind.HOST, name="laptop", csr="-----BEGIN")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=answer, text=await request.text())

    async with calling(ca, tmp_path, echo) as connection:
        with pytest.raises(XwhepError) as caught:
            await connection.call("POST", "/v1/join", Answer, request)

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(request)
