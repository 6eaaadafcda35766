"""`xwhep hosts`, `users`, `groups`, `tokens`: the members of a grid, for its administrators."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import click

from xwhep.cli.on_grid import on_grid
from xwhep.client.owner import OwnerClient
from xwhep.client.specifications import check_name
from xwhep.errors.requests import NotFoundError
from xwhep.protocol.members import CreateGroup, CreateToken, HostView
from xwhep.rights import Role
from xwhep.terminal.display import ago, amount, facts, moment, table
from xwhep.terminal.shell import Group, Split, json_option, remark, show
from xwhep.world import REAL

NAME = Split(check_name)


@click.group(cls=Group)
def hosts() -> None:
    """Look at the volunteers' machines, revoke one (administrators)."""


@hosts.command("list", example="xwhep hosts list")
@json_option
@on_grid
async def list_hosts(client: OwnerClient, *, as_json: bool) -> None:
    """List the hosts."""
    found = [host async for host in client.hosts()]
    now = REAL.now()
    rows = [(host.uid, _state(host), _seen(host, now), _proven(host), host.name) for host in found]
    show(found, table(("UID", "STATE", "SEEN", "KEYS PROVEN", "NAME"), rows), as_json=as_json)


@hosts.command("show", example="xwhep hosts show 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
@json_option
@on_grid
async def show_host(client: OwnerClient, uid: UUID, *, as_json: bool) -> None:
    """Show a host."""
    async for host in client.hosts():
        if host.uid == uid:
            show(host, _describe(host), as_json=as_json)
            return
    raise NotFoundError("host", uid)


@hosts.command("revoke", example="xwhep hosts revoke 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
@json_option
@on_grid
async def revoke_host(client: OwnerClient, uid: UUID, *, as_json: bool) -> None:
    """Revoke a host for good: within a minute it is refused, and its jobs go to others."""
    host = await client.revoke_host(uid)
    show(host, f"{host.uid} revoked", as_json=as_json)


@click.group(cls=Group)
def users() -> None:
    """Look at the users, revoke one (administrators)."""


@users.command("list", example="xwhep users list")
@json_option
@on_grid
async def list_users(client: OwnerClient, *, as_json: bool) -> None:
    """List the users."""
    found = [user async for user in client.users()]
    now = REAL.now()
    rows = [
        (user.uid, user.role if user.revoked_at is None else "revoked", ago(user.joined_at, now), user.name)
        for user in found
    ]
    show(found, table(("UID", "ROLE", "JOINED", "NAME"), rows), as_json=as_json)


@users.command("revoke", example="xwhep users revoke 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
@json_option
@on_grid
async def revoke_user(client: OwnerClient, uid: UUID, *, as_json: bool) -> None:
    """Revoke a user for good: within a minute the user is refused."""
    user = await client.revoke_user(uid)
    show(user, f"{user.uid} revoked", as_json=as_json)


@click.group(cls=Group)
def groups() -> None:
    """Look at the groups of members, create one (administrators)."""


@groups.command("list", example="xwhep groups list")
@json_option
@on_grid
async def list_groups(client: OwnerClient, *, as_json: bool) -> None:
    """List the groups."""
    found = [group async for group in client.groups()]
    now = REAL.now()
    rows = [(group.uid, ago(group.created_at, now), group.name) for group in found]
    show(found, table(("UID", "CREATED", "NAME"), rows), as_json=as_json)


@groups.command("create", example="xwhep groups create physics")
@click.argument("name", type=NAME)
@json_option
@on_grid
async def create_group(client: OwnerClient, name: str, *, as_json: bool) -> None:
    """Create a group."""
    group = await client.create_group(CreateGroup(uid=REAL.new_uid(), name=name))
    show(group, str(group.uid), as_json=as_json)


@click.group(cls=Group)
def tokens() -> None:
    """Make tokens to join with (administrators)."""


@tokens.command("create", example="xwhep tokens create --role host --uses 20")
@click.option(
    "--role",
    type=click.Choice([Role.HOST.value, Role.USER.value, Role.SERVICE.value]),
    default=Role.HOST.value,
    show_default=True,
    help="What those who join with it will be.",
)
@click.option("--uses", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many may join with it.")
@click.option("--group", metavar="NAME", type=NAME, help="The group that they will belong to.")
@json_option
@on_grid
async def create_token(client: OwnerClient, role: str, uses: int, group: str | None, *, as_json: bool) -> None:
    """Make a token to join with; it is shown once and expires after 15 minutes."""
    message = CreateToken(role=Role(role), uses=uses, group=group)
    made = await client.create_token(message)
    show(made, made.token, as_json=as_json)
    remark(f"expires {moment(made.expires_at, REAL.now())}")


def _state(host: HostView) -> str:
    return "joined" if host.revoked_at is None else "revoked"


def _known(host: HostView) -> Iterator[tuple[str, str, object]]:
    """Yield what each kind of app knows of a host: the kind, what it is, and the value."""
    for kind, details in sorted(host.kinds.items()):
        yield from ((kind, name, value) for name, value in details.items())


def _told(value: object) -> str:
    return amount(value) if isinstance(value, int | float) else str(value)


def _proven(host: HostView) -> str:
    """Return how many keys a host's shares have proven."""
    return amount(
        sum(float(value) for _, name, value in _known(host) if name == "keys_proven" and isinstance(value, int))
    )


def _seen(host: HostView, now: datetime) -> str:
    return "-" if host.seen_at is None else ago(host.seen_at, now)


def _describe(host: HostView) -> str:
    now = REAL.now()
    return facts(
        [
            ("uid", host.uid),
            ("name", host.name),
            ("state", _state(host)),
            ("platform", None if host.os is None else f"{host.os} {host.cpu}"),
            ("false results", host.false_results),
            ("joined", moment(host.joined_at, now)),
            ("seen", None if host.seen_at is None else moment(host.seen_at, now)),
            ("revoked", None if host.revoked_at is None else moment(host.revoked_at, now)),
            *((f"{kind}: {name.replace('_', ' ')}", _told(value)) for kind, name, value in _known(host)),
        ]
    )
