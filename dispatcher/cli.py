"""The command `xwhep-dispatcher`."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import logging
import signal
import socket
from typing import Final
from uuid import UUID

import click

from dispatcher.config import DispatcherSettings
from dispatcher.installation import Installation, install
from dispatcher.server import running
from dispatcher.services import utc_now
from dispatcher.usecases import members
from xwhep import config
from xwhep.pki.certificates import certificate_digest
from xwhep.pki.tokens import make_token
from xwhep.protocol.members import CreateToken, TokenReply
from xwhep.rights import Role
from xwhep.terminal.shell import Lazy, Program, json_option, remark, run, show, version_option

ROLES = [Role.HOST.value, Role.USER.value, Role.SERVICE.value, Role.ADMINISTRATOR.value]


COMMANDS: Final = {
    "migrate": Lazy(
        "dispatcher.commands.migrate:migrate_command",
        "Bring the database of an older version to this one, while the dispatcher does not run.",
    ),
}


@click.group(cls=Program, name="xwhep-dispatcher", lazy=COMMANDS)
@version_option
def program() -> None:
    """Run the dispatcher of a grid: the one place that holds apps, data and jobs."""


@program.command(example="xwhep-dispatcher init --name grid.example.org --name 192.0.2.7")
@click.option("--name", "names", multiple=True, help="Host name or IP address under which it is reached; repeatable.")
@click.option("--admin", default=None, help="Name of the first administrator; your login name by default.")
@click.option("--port", type=int, default=None, help="The port that it will listen on.")
def init(names: tuple[str, ...], admin: str | None, port: int | None) -> None:
    """Make a dispatcher: its certificate authority, its database, and you as its administrator."""
    settings = config.load(DispatcherSettings, {"port": port})
    reached = list(names) or ["localhost", "127.0.0.1", socket.gethostname().lower()]
    url = f"https://{_host_part(reached[0])}:{settings.port}"
    identity = install(
        config.home() / "dispatcher", reached, (config.home() / "user", admin or getpass.getuser(), url), now=utc_now()
    )
    click.echo(f"A grid is made, in {config.home() / 'dispatcher'}. You are its administrator {identity.name}.")
    click.echo("Start it with `xwhep-dispatcher serve`; invite a volunteer with `xwhep-dispatcher token --kind host`.")


def _host_part(name: str) -> str:
    return f"[{name}]" if ":" in name else name


@program.command(example="xwhep-dispatcher serve --port 4380")
@click.option("--host", default=None, help="Address to listen on; all by default.")
@click.option("--port", type=int, default=None, help="Port to listen on; 0: any free one.")
@click.option("--verbose", is_flag=True, help="Say more in the log.")
def serve(host: str | None, port: int | None, verbose: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Serve the grid until you press Ctrl-C."""
    settings = config.load(DispatcherSettings, {"host": host, "port": port})
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s"
    )
    asyncio.run(_serve(Installation(config.home() / "dispatcher"), settings))


async def _serve(installation: Installation, settings: DispatcherSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(name, stop.set)
    async with running(installation, settings.host, settings.port, settings.bounds()) as dispatcher:
        click.echo(f"Serving on port {dispatcher.port}; press Ctrl-C to stop.")
        await dispatcher.until(stop)
        remark("Stopping.")


@program.command(example="xwhep-dispatcher token --kind host --uses 20")
@click.option("--kind", type=click.Choice(ROLES), default=Role.HOST.value, help="What who joins will be.")
@click.option("--uses", type=click.IntRange(1, 1000), default=1, help="How many may join with it.")
@click.option("--lifetime", type=click.IntRange(1, 30 * 86400), default=900, help="Seconds until it ends.")
@click.option("--group", default=None, help="Name of the group that who joins belongs to.")
@json_option
def token(kind: str, uses: int, lifetime: int, group: str | None, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Print a join token: whoever has it can join, so hand it over as you would a password."""
    installation = Installation(config.home() / "dispatcher")
    with contextlib.closing(installation.open_database()) as database:
        joined = make_token(certificate_digest(installation.open_authority().certificate))
        request = CreateToken(role=Role(kind), uses=uses, lifetime_s=lifetime, group=group)
        expires_at = database.run_now(members.create_token, request, joined.secret_digest, now=utc_now())
    show(TokenReply(token=str(joined), expires_at=expires_at), str(joined), as_json=as_json)


@program.command(example="xwhep-dispatcher revoke 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
def revoke(uid: UUID) -> None:
    """Revoke a host or a user, also while the dispatcher does not run."""
    with contextlib.closing(Installation(config.home() / "dispatcher").open_database()) as database:
        member = database.run_now(members.revoke_member, uid, now=utc_now())
    click.echo(f"{member.name} is revoked; its certificate is refused from now on.")


def main() -> None:
    """Run the command line."""
    run(program)


if __name__ == "__main__":
    main()
