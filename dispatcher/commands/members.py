"""`xwhep-dispatcher token` and `revoke`: let members in and shut them out, beside a dispatcher that may be running."""

from __future__ import annotations

import contextlib
from uuid import UUID

import click

from dispatcher.installation import Installation
from dispatcher.kinds.registry import Kinds
from dispatcher.usecases import members
from xwhep.folders import home
from xwhep.pki.certificates import certificate_digest
from xwhep.pki.tokens import make_token
from xwhep.protocol.members import CreateToken, TokenReply
from xwhep.rights import Role
from xwhep.terminal.shell import Command, json_option, show
from xwhep.world import REAL

ROLES = [Role.HOST.value, Role.USER.value, Role.SERVICE.value, Role.ADMINISTRATOR.value]


@click.command(cls=Command, example="xwhep-dispatcher token --kind host --uses 20")
@click.option("--kind", type=click.Choice(ROLES), default=Role.HOST.value, help="What who joins will be.")
@click.option("--uses", type=click.IntRange(1, 1000), default=1, help="How many may join with it.")
@click.option("--lifetime", type=click.IntRange(1, 30 * 86400), default=900, help="Seconds until it ends.")
@click.option("--group", default=None, help="Name of the group that who joins belongs to.")
@json_option
def token(kind: str, uses: int, lifetime: int, group: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Print a join token: whoever has it can join, so hand it over as you would a password."""
    installation = Installation(home() / "dispatcher")
    with contextlib.closing(installation.open_database()) as database:
        joined = make_token(certificate_digest(installation.open_authority().certificate))
        request = CreateToken(role=Role(kind), uses=uses, lifetime_s=lifetime, group=group)
        expires_at = database.run_now(members.create_token, None, request, joined.secret_digest, now=REAL.now())
    show(TokenReply(token=str(joined), expires_at=expires_at), str(joined), as_json=as_json)


@click.command(cls=Command, example="xwhep-dispatcher revoke 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
def revoke(uid: UUID) -> None:
    """Revoke a host or a user, also while the dispatcher does not run."""
    with contextlib.closing(Installation(home() / "dispatcher").open_database()) as database:
        member = database.run_now(members.revoke_member, Kinds.load(), uid, now=REAL.now())
    click.echo(f"{member.name} is revoked; its certificate is refused from now on.")
