"""`xwhep-dispatcher init`: make a dispatcher, and its first administrator."""

from __future__ import annotations

import getpass
import socket

import click

from dispatcher.config import DispatcherSettings
from dispatcher.installation import install
from xwhep import config
from xwhep.folders import home
from xwhep.terminal.shell import Command


@click.command(cls=Command, example="xwhep-dispatcher init --name grid.example.org --name 192.0.2.7")
@click.option("--name", "names", multiple=True, help="Host name or IP address under which it is reached; repeatable.")
@click.option("--admin", default=None, help="Name of the first administrator; your login name by default.")
@click.option("--port", type=int, default=None, help="The port under which you will reach it; give it to `serve` too.")
def init(names: tuple[str, ...], admin: str | None, port: int | None) -> None:
    """Make a dispatcher: its certificate authority, its database, and you as its administrator."""
    settings = config.load(DispatcherSettings, {"port": port})
    reached = list(names) or ["localhost", "127.0.0.1", socket.gethostname().lower()]
    url = f"https://{_host_part(reached[0])}:{settings.port}"
    identity = install(home() / "dispatcher", reached, (home() / "user", admin or getpass.getuser(), url))
    click.echo(f"A grid is made, in {home() / 'dispatcher'}. You are its administrator {identity.name}.")
    serve = "xwhep-dispatcher serve" + (f" --port {port}" if port else "")
    click.echo(f"Start it with `{serve}`; invite a volunteer with `xwhep-dispatcher token --kind host`.")


def _host_part(name: str) -> str:
    return f"[{name}]" if ":" in name else name
