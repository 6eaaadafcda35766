"""A user's way to the dispatcher: certificates renew by themselves, and one that is refused is explained."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.grid import GridUnderTest, a_grid
from tests.support.tls import real_now
from xwhep.client.session import LOGIN_COMMAND, fresh_identity, open_owner
from xwhep.errors.identity import IdentityExpiredError, IdentityForeignError, RevokedError
from xwhep.errors.jobs import UnavailableError
from xwhep.pki.identity import Identity, load_identity, update_identity
from xwhep.pki.keys import load_key
from xwhep.rights import Role
from xwhep.world import World


async def issued_at(grid: GridUnderTest, then: datetime) -> Identity:
    """Return the identity of a user whose certificate was issued at another time."""
    identity = await grid.member(Role.USER, "alice")
    key = load_key(identity.key_path).public_key()
    certificate = grid.services.authority.issue_member(key, identity.member, "alice", then)
    return update_identity(identity, certificate, identity.cas)


async def test_a_fresh_certificate_is_left_alone(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        identity = await grid.member(Role.USER, "alice")

        assert await fresh_identity(identity) is identity


@pytest.mark.parametrize("age", [timedelta(days=31), timedelta(days=89), timedelta(days=200)])
async def test_a_certificate_past_a_third_of_its_life_is_renewed_on_the_way(tmp_path: Path, age: timedelta) -> None:
    now = real_now()
    async with a_grid(tmp_path) as grid:
        old = await issued_at(grid, now - age)
        async with open_owner(old.folder) as client:
            me = await client.whoami()
        renewed = load_identity(old.folder, LOGIN_COMMAND)

    assert me.uid == old.member.uid
    assert renewed.ends_at > now + timedelta(days=80)


async def test_a_certificate_that_still_holds_serves_while_the_dispatcher_is_away(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        identity = await issued_at(grid, real_now() - timedelta(days=40))

    assert await fresh_identity(identity) is identity


async def test_a_certificate_that_ended_while_the_dispatcher_is_away_is_explained(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        identity = await issued_at(grid, real_now() - timedelta(days=200))

    with pytest.raises(IdentityExpiredError):
        await fresh_identity(identity)


async def test_a_revoked_user_is_told_so_when_renewing(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        identity = await issued_at(grid, real_now() - timedelta(days=40))
        async with grid.owner("admin2", Role.ADMINISTRATOR) as admin:
            await admin.revoke_user(identity.member.uid)

        with pytest.raises(RevokedError):
            await fresh_identity(identity)


async def test_the_certificate_of_another_grid_is_explained(tmp_path: Path) -> None:
    """The handshake refuses it without a reason; the client looks at its own certificate."""
    async with a_grid(tmp_path / "one") as one, a_grid(tmp_path / "other") as other:
        identity = await one.member(Role.USER, "alice")
        (identity.folder / "ca.pem").write_bytes((await other.member(Role.USER, "bob")).ca_path.read_bytes())
        (identity.folder / "identity.json").write_text(f'{{"dispatcher": "{other.url}"}}')

        with pytest.raises(IdentityForeignError):
            async with open_owner(identity.folder) as client:
                await client.whoami()


async def test_a_dispatcher_that_is_away_is_no_fault_of_the_identity(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        identity = await grid.member(Role.USER, "alice")

    with pytest.raises(UnavailableError):
        async with open_owner(identity.folder) as client:
            await client.whoami()


async def test_a_certificate_that_ends_while_the_session_is_open_is_explained(tmp_path: Path) -> None:
    clock = real_now()
    async with contextlib.AsyncExitStack() as session:
        async with a_grid(tmp_path) as grid:
            identity = await grid.member(Role.USER, "alice")
            client = await session.enter_async_context(open_owner(identity.folder, World(now=lambda: clock)))
            await client.whoami()
        clock = identity.ends_at + timedelta(seconds=1)

        with pytest.raises(IdentityExpiredError):
            await client.whoami()
