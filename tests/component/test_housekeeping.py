"""What the dispatcher does by itself, and what becomes of it when that fails."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import text
from sqlmodel import Session, select

from dispatcher import housekeeping, server
from dispatcher.housekeeping import UNNAMED, keep_certificate, keep_leases, keep_store, sweep_part, tend_leases
from dispatcher.installation import Installation, install
from dispatcher.routes import content
from dispatcher.scheduling.leases import LEASE
from dispatcher.server import running
from dispatcher.storage.blobs import PARTS
from dispatcher.storage.member_tables import Host
from dispatcher.storage.tables import Attempt
from tests.support.content import put, register, submit
from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.kinds import KINDS, AnyLease
from tests.support.raw import raw_client
from xwhep.errors.installations import AlreadyInstalledError, NotInstalledError, PortTakenError, SchemaMismatchError
from xwhep.errors.jobs import LeaseLostError, StorageFullError
from xwhep.errors.machines import AlreadyRunningError
from xwhep.pki.contexts import server_context, unverified_context
from xwhep.protocol.attempts import AttemptProgress, Heartbeat
from xwhep.protocol.jobs import Output
from xwhep.rights import Role
from xwhep.world import REAL, World


def live(session: Session) -> list[Attempt]:
    return [attempt for attempt in session.exec(select(Attempt)) if attempt.ended_at is None]


async def leased(grid: GridUnderTest, folder: Path) -> AnyLease:
    """Return what bob has leased of alice's."""
    async with grid.owner("alice") as alice, grid.host("bob") as bob:
        await submit(alice, await register(alice, folder))
        lease = await bob.lease(poll_request())
        assert lease is not None
        await bob.heartbeat(Heartbeat(attempts=[AttemptProgress(job_uid=lease.job_uid, attempt=1, fraction=0.5)]))
    return lease


async def test_heartbeats_are_written_down_together(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        await leased(grid, tmp_path)
        before = (await grid.services.database.read(live))[0]
        await tend_leases(grid.services, grid.services.now())
        after = (await grid.services.database.read(live))[0]
        host = await grid.services.database.read(lambda session: session.exec(select(Host)).one())

    assert (before.fraction, after.fraction) == (None, 0.5)
    assert after.lease_ends_at > before.lease_ends_at
    assert host.seen_at is not None


async def test_heartbeats_that_could_not_be_written_down_are_kept_for_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_grid(tmp_path) as grid:
        await leased(grid, tmp_path)

        def full(*_args: object) -> None:
            raise StorageFullError

        with monkeypatch.context() as patch:
            patch.setattr("dispatcher.usecases.leasing.prolong", full)
            with pytest.raises(StorageFullError):
                await tend_leases(grid.services, grid.services.now())
        await tend_leases(grid.services, grid.services.now())
        after = (await grid.services.database.read(live))[0]

    assert after.fraction == 0.5


async def test_a_dispatcher_that_slept_blames_no_host(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_grid(tmp_path) as grid:
        await leased(grid, tmp_path)
        slept_at, woke_at = grid.services.now(), grid.services.now() + 10 * LEASE
        grid.services.world = World(now=lambda: woke_at)
        await tend_leases(grid.services, slept_at)
        after = (await grid.services.database.read(live))[0]

    assert after.lease_ends_at == woke_at + LEASE
    assert "all are prolonged" in caplog.text


async def test_the_leases_are_tended_again_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tended = asyncio.Event()
    outcomes = iter([StorageFullError(), None])

    async def tend(*_args: object) -> None:
        outcome = next(outcomes, None)
        if outcome is not None:
            raise outcome
        tended.set()

    async with a_grid(tmp_path) as grid:
        monkeypatch.setattr(housekeeping, "tend_leases", tend)
        task = asyncio.create_task(keep_leases(grid.services, 0.001))
        async with asyncio.timeout(20):
            await tended.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert "trying again" in caplog.text


async def test_a_housekeeping_that_fails_stops_the_dispatcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(server, "keep_leases", fail)
    async with a_grid(tmp_path) as grid:
        async with asyncio.timeout(20):
            with pytest.raises(ZeroDivisionError):
                await grid.dispatcher.until(asyncio.Event())


async def test_a_dispatcher_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    stop = asyncio.Event()

    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, asyncio.timeout(20):
        serving = asyncio.create_task(grid.dispatcher.until(stop))
        await alice.whoami()
        assert not serving.done()
        stop.set()
        await serving


async def shown_certificate(port: int) -> x509.Certificate:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=unverified_context())
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der)


async def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        folder = grid.installation.server
        context = server_context(folder / "cert.pem", folder / "key.pem", grid.services.authority.cas)
        listener = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        port = listener.sockets[0].getsockname()[1]
        first = await shown_certificate(port)
        grid.services.world = World(now=lambda: REAL.now() + timedelta(days=31))
        task = asyncio.create_task(keep_certificate(grid.services, context, folder, ["localhost", "127.0.0.1"], 0.001))
        second = first
        async with asyncio.timeout(30):
            while second == first:
                second = await shown_certificate(port)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        listener.close()

    assert second.not_valid_after_utc > first.not_valid_after_utc + timedelta(days=30)
    assert second.public_key() == first.public_key()


async def test_a_certificate_that_cannot_be_renewed_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_grid(tmp_path) as grid:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        nowhere = tmp_path / "file"
        nowhere.write_text("")
        task = asyncio.create_task(keep_certificate(grid.services, context, nowhere / "x", ["localhost"], 0.001))
        async with asyncio.timeout(20):
            while caplog.text.count("could not be renewed, trying again") < 2:  # noqa: ASYNC110 - a log tells nobody
                await asyncio.sleep(0.001)
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)

    assert isinstance(ended, asyncio.CancelledError)  # and not by the failures


def upload_under_way(installation: Installation) -> Path:
    """Return the file of an upload that a dispatcher has begun."""
    folder = installation.folder / "blobs" / "sha256" / "ab"
    folder.mkdir(parents=True)
    (folder / ".upload").write_bytes(b"under way")
    return folder / ".upload"


async def test_a_second_server_on_the_port_touches_nothing(tmp_path: Path) -> None:
    async with a_grid(tmp_path / "one") as grid:
        install(tmp_path / "two", ["localhost"], (tmp_path / "admin", "a", "https://127.0.0.1:1"))
        half = upload_under_way(Installation(tmp_path / "two"))
        with pytest.raises(PortTakenError, match="choose another with --port"):
            async with running(Installation(tmp_path / "two"), "127.0.0.1", grid.dispatcher.port):
                pass

    assert half.exists()


async def test_a_second_server_on_the_folder_touches_nothing(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        half = upload_under_way(grid.installation)
        with pytest.raises(AlreadyRunningError, match="a dispatcher is running with"):
            async with running(grid.installation, "127.0.0.1", 0):
                pass
        assert half.exists()
        async with raw_client(grid) as stranger:
            assert (await stranger.ask("GET", "/v1/health")).status == 200
    async with a_grid(tmp_path):  # the lock ends with its holder
        assert not half.exists()


async def test_a_server_without_an_installation_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotInstalledError):
        async with running(Installation(tmp_path / "none"), "127.0.0.1", 0):
            pass

    assert not (tmp_path / "none").exists()


async def test_an_upload_that_stands_still_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "IDLE_S", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async with a_grid(tmp_path) as grid, raw_client(grid, await grid.member(Role.USER, "alice")) as alice:
        data = {"uid": "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d", "name": "d", "digest": "0" * 64, "size_bytes": 9}
        await alice.ask("POST", "/v1/data", json=data)
        async with asyncio.timeout(20):
            answer = await alice.ask(
                "PUT", f"/v1/data/{data['uid']}/content", data=never(), headers={"Content-Length": "9"}
            )
        left = list((grid.installation.folder / "blobs").glob("sha256/*/*"))

    assert answer.outcome == (400, "bad-request")
    assert "no more of the content came" in answer.body["detail"]
    assert left == []


async def test_a_full_disk_refuses_content_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_grid(tmp_path) as grid, raw_client(grid, await grid.member(Role.USER, "alice")) as alice:
        data = {"uid": "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d", "name": "d", "digest": "0" * 64, "size_bytes": 9}
        await alice.ask("POST", "/v1/data", json=data)
        monkeypatch.setattr("dispatcher.storage.blobs.RESERVE_BYTES", 2**62)
        answer = await alice.ask("PUT", f"/v1/data/{data['uid']}/content", data=b"123456789")

    assert answer.outcome == (507, "storage-full")
    assert "no room for 9 more bytes" in answer.body["detail"]


# --- content that nothing names


async def left_by_a_lost_lease(grid: GridUnderTest, folder: Path) -> Path:
    """Return the file of an upload whose lease ended while it was under way."""
    content = b"too late"
    output = Output(name="stdout", digest=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    (folder / "late").write_bytes(content)
    async with grid.owner("alice") as alice, grid.host("bob") as bob:
        (job,) = await submit(alice, await register(alice, folder))
        lease = await bob.lease(poll_request())
        assert lease is not None
        receive = grid.services.blobs.receive

        async def slowly(chunks: AsyncIterator[bytes], digest: str, size_bytes: int) -> None:
            await receive(chunks, digest, size_bytes)
            await alice.cancel_job(job.uid)

        grid.services.blobs.receive = slowly  # type: ignore[method-assign] # what happens meanwhile, in a known order
        with pytest.raises(LeaseLostError):
            await bob.store(lease.job_uid, lease.attempt, output, folder / "late")
        grid.services.blobs.receive = receive  # type: ignore[method-assign] # as it was
    return grid.services.blobs.path(output.digest)


def files(grid: GridUnderTest) -> set[Path]:
    return set((grid.installation.folder / "blobs").glob("sha256/*/*"))


async def sweep_all(grid: GridUnderTest) -> int:
    return sum([await sweep_part(grid.services, part) for part in range(PARTS)])


async def test_content_that_nothing_names_goes_after_a_day_and_nothing_else(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        late = await left_by_a_lost_lease(grid, tmp_path)
        named = files(grid) - {late}
        grid.services.world = World(now=lambda: REAL.now() + UNNAMED - timedelta(minutes=1))
        early = await sweep_all(grid)
        assert late.exists()
        grid.services.world = World(now=lambda: REAL.now() + UNNAMED + timedelta(minutes=1))
        deleted = await sweep_all(grid)
        left = files(grid)

    assert (early, deleted) == (0, 1)
    assert left == named != set()


async def test_content_that_arrives_again_while_the_store_is_tidied_up_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("carol") as carol:
        late = await left_by_a_lost_lease(grid, tmp_path)
        long_ago = (REAL.now() - 2 * UNNAMED).timestamp()
        os.utime(late, (long_ago, long_ago))
        read = grid.services.database.read

        async def meanwhile(*args: Any, **options: Any) -> Any:
            found = await read(*args, **options)
            monkeypatch.setattr(grid.services.database, "read", read)
            await put(carol, tmp_path, b"too late")
            return found

        monkeypatch.setattr(grid.services.database, "read", meanwhile)
        deleted = await sweep_part(grid.services, int(late.name[:2], 16))

    assert deleted == 0
    assert late.read_bytes() == b"too late"


async def test_an_upload_under_way_is_not_tidied_up(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        half = grid.installation.folder / "blobs" / "sha256" / "ab" / ".upload"
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(b"under way")
        grid.services.world = World(now=lambda: REAL.now() + 2 * UNNAMED)
        deleted = await sweep_all(grid)

        assert deleted == 0
        assert half.exists()


async def test_the_store_is_tidied_up_part_after_part_and_again_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    swept: list[int] = []
    done = asyncio.Event()

    async def sweep(_services: object, part: int) -> None:
        swept.append(part)
        if len(swept) == 1:
            raise OSError(5, "Input/output error")
        if len(swept) == PARTS:
            done.set()

    async with a_grid(tmp_path) as grid:
        monkeypatch.setattr(housekeeping, "sweep_part", sweep)
        task = asyncio.create_task(keep_store(grid.services, 0.001))
        async with asyncio.timeout(20):
            await done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert set(swept) == set(range(PARTS))
    assert "trying again" in caplog.text


# --- installations


def test_an_installation_is_made_once(tmp_path: Path) -> None:
    admin = (tmp_path / "admin", "admin", "https://127.0.0.1:1")
    install(tmp_path / "dispatcher", ["localhost"], admin)

    with pytest.raises(AlreadyInstalledError):
        install(tmp_path / "dispatcher", ["localhost"], admin)


def test_an_installation_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    admin = (tmp_path / "admin", "admin", "https://127.0.0.1:1")
    install(tmp_path / "dispatcher", ["localhost"], admin)
    installation = Installation(tmp_path / "dispatcher")
    installation.names_file.unlink()

    with pytest.raises(NotInstalledError, match="run `xwhep-dispatcher init` first"):
        installation.open(KINDS)
    install(tmp_path / "dispatcher", ["localhost"], admin)
    installation.open(KINDS).database.close()


def test_a_database_of_another_version_is_not_opened(tmp_path: Path) -> None:
    install(tmp_path / "dispatcher", ["localhost"], (tmp_path / "admin", "a", "https://127.0.0.1:1"))
    installation = Installation(tmp_path / "dispatcher")
    services = installation.open(KINDS)

    def age(session: Session) -> None:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '99'"))

    services.database.run_now(age)
    services.database.close()

    with pytest.raises(SchemaMismatchError, match=r"schema version 99 .* use the version of xwhep that made it"):
        installation.open(KINDS)


def test_an_address_of_another_machine_is_refused_in_words() -> None:
    with pytest.raises(PortTakenError, match=r"cannot listen on 203\.0\.113\.1 port 4380"):
        server._bound("203.0.113.1", 4380)
