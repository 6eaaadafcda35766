"""What administrators do: tokens, groups, lists; and the small print of registering."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy.dialects.sqlite import dialect

from dispatcher.storage import blobs
from dispatcher.storage.blobs import BlobStore
from dispatcher.usecases import members
from tests.support.content import register
from tests.support.grid import GridUnderTest, a_grid
from xwhep.client.enrolment import join
from xwhep.client.owner import OwnerClient
from xwhep.errors.identity import LastAdministratorError
from xwhep.errors.jobs import StorageFullError
from xwhep.errors.requests import IdConflictError, NameTakenError, NotFoundError, TooLargeError
from xwhep.members import Kind
from xwhep.pki.tokens import parse_token
from xwhep.protocol.apps import RegisterApp
from xwhep.protocol.members import CreateGroup, CreateToken
from xwhep.rights import Role
from xwhep.sql.columns import UtcDateTime
from xwhep.world import REAL

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
async def grid(tmp_path: Path) -> AsyncIterator[GridUnderTest]:
    async with a_grid(tmp_path) as grid:
        yield grid


async def test_who_joins_with_a_token_of_a_group_is_in_it(grid: GridUnderTest, tmp_path: Path) -> None:
    async with grid.connect(grid.administrator()) as connection:
        admin = OwnerClient(connection)
        group = await admin.create_group(CreateGroup(uid=REAL.new_uid(), name="physics"))
        reply = await admin.create_token(CreateToken(role=Role.USER, group="physics"))
        identity = await join(grid.url, parse_token(reply.token), Kind.USER, "alice", tmp_path / "alice")
        users = {user.uid: user async for user in admin.users()}

    assert users[identity.member.uid].group_uid == group.uid


async def test_a_token_for_a_group_that_is_not_there_is_refused(grid: GridUnderTest) -> None:
    async with grid.connect(grid.administrator()) as connection:
        with pytest.raises(NotFoundError, match="there is no group chemistry"):
            await OwnerClient(connection).create_token(CreateToken(group="chemistry"))


async def test_a_group_is_made_once_and_has_a_name_of_its_own(grid: GridUnderTest) -> None:
    wanted = CreateGroup(uid=REAL.new_uid(), name="physics")
    async with grid.connect(grid.administrator()) as connection:
        admin = OwnerClient(connection)
        first, second = await admin.create_group(wanted), await admin.create_group(wanted)
        with pytest.raises(NameTakenError):
            await admin.create_group(CreateGroup(uid=REAL.new_uid(), name="physics"))
        with pytest.raises(IdConflictError):
            await admin.create_group(CreateGroup(uid=wanted.uid, name="biology"))
        groups = [group.name async for group in admin.groups()]

    assert first == second
    assert groups == ["physics"]


async def test_nobody_can_be_revoked_who_is_not_there(grid: GridUnderTest) -> None:
    async with grid.connect(grid.administrator()) as connection:
        admin = OwnerClient(connection)
        for revoke in (admin.revoke_host, admin.revoke_user):
            with pytest.raises(NotFoundError, match="there is no member"):
                await revoke(REAL.new_uid())


async def test_an_app_registered_again_is_the_same_app(grid: GridUnderTest, tmp_path: Path) -> None:
    async with grid.owner("alice") as alice:
        app = await register(alice, tmp_path)
        request = RegisterApp(**app.model_dump(include=set(RegisterApp.model_fields)))
        again = await alice.register_app(request)
        found = [version async for version in alice.apps("hello")]

    assert again == app == found[0]
    assert len(found) == 1


async def test_a_disk_that_fills_up_in_the_middle_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_stream: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def nothing() -> AsyncIterator[bytes]:
        return
        yield

    monkeypatch.setattr(blobs, "_flush", full)
    store = BlobStore(tmp_path)
    with pytest.raises(StorageFullError, match="try again later"):
        await store.receive(nothing(), EMPTY, 0)

    assert files(tmp_path) == []


async def test_content_longer_than_announced_is_cut_off(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    with pytest.raises(TooLargeError):
        await BlobStore(tmp_path).receive(endless(), EMPTY, 5000)

    assert files(tmp_path) == []


def test_a_moment_without_a_zone_never_reaches_the_database() -> None:
    naive = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)

    with pytest.raises(AssertionError, match="without a zone"):
        UtcDateTime().bind_processor(dialect())(naive)


def test_a_moment_of_any_zone_comes_back_in_utc() -> None:
    tokyo = datetime(2026, 1, 1, 9, 0, 0, 5, tzinfo=timezone(timedelta(hours=9)))
    column = UtcDateTime()
    stored = column.bind_processor(dialect())(tokyo)
    read = column.result_processor(dialect(), None)(stored)

    assert stored == "2026-01-01 00:00:00.000005"
    assert (read, read and read.tzinfo) == (tokyo, UTC)


# --- the last administrator


async def test_the_only_administrator_cannot_be_revoked(grid: GridUnderTest) -> None:
    ann = grid.administrator()
    async with grid.connect(ann) as connection:
        admin = OwnerClient(connection)
        with pytest.raises(LastAdministratorError, match="xwhep-dispatcher token --kind administrator"):
            await admin.revoke_user(ann.member.uid)
        with pytest.raises(LastAdministratorError):
            await grid.services.database.run(members.revoke_member, grid.services.kinds, ann.member.uid, now=REAL.now())
        assert (await admin.whoami()).uid == ann.member.uid
    assert (LastAdministratorError.code, LastAdministratorError.http_status) == ("last-administrator", 409)


async def test_one_of_two_administrators_can_be_revoked_and_then_the_other_cannot(grid: GridUnderTest) -> None:
    ann, bea = grid.administrator(), await grid.member(Role.ADMINISTRATOR, "bea")
    async with grid.connect(ann) as connection:
        admin = OwnerClient(connection)
        for _ in range(2):  # doing it twice is doing it once
            assert (await admin.revoke_user(bea.member.uid)).revoked_at is not None
        with pytest.raises(LastAdministratorError):
            await admin.revoke_user(ann.member.uid)
