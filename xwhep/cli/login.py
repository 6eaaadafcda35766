"""`xwhep login` and `xwhep whoami`: become a user of a grid, and look who one is."""

from __future__ import annotations

import asyncio
import getpass
import sys

import click

from xwhep.cli.on_grid import USER_FOLDER, on_grid
from xwhep.client.contents import plain_name
from xwhep.client.enrolment import join
from xwhep.client.owner import OwnerClient
from xwhep.client.session import LOGIN_COMMAND
from xwhep.errors.identity import NotJoinedError
from xwhep.errors.installations import LocalFileError
from xwhep.folders import home
from xwhep.members import Kind
from xwhep.pki.identity import load_identity
from xwhep.pki.tokens import parse_token
from xwhep.terminal.display import facts, moment
from xwhep.terminal.shell import Command, json_option, remark, show
from xwhep.world import REAL


def read_token(text: str | None) -> str:
    """Return a join token as it was given: on the command line, on standard input for `-`, else at a prompt."""
    if text is None:
        return str(click.prompt("Join token", hide_input=True))
    return sys.stdin.readline(1000) if text == "-" else text


def user_name() -> str:
    """Return what the person at this machine is called here, as a name that grids accept."""
    try:
        return plain_name(getpass.getuser(), "user")
    except (OSError, KeyError, ImportError):  # an account without a name, as in some containers
        return "user"


@click.command(cls=Command, example="xwhep login https://grid.example.org:4380 --token -")
@click.argument("url")
@click.option("--token", metavar="TOKEN|-", help="The join token; - reads it from standard input.")
@click.option("--name", help="What the grid shall call you; by default your name on this machine.")
@click.option("--force", is_flag=True, help="Replace the identity that is there.")
def login(url: str, token: str | None, name: str | None, *, force: bool) -> None:
    """Join the grid at URL as a user.

    The key is made here and never leaves this machine. The token holds a digest by which the dispatcher's certificate
    authority is recognised before anything is sent.
    """
    folder = home() / USER_FOLDER
    if not force and _is_there():
        raise LocalFileError(str(folder), "there is an identity already; say --force to replace it")
    identity = asyncio.run(join(url, parse_token(read_token(token)), Kind.USER, name or user_name(), folder))
    remark(
        f"you are {identity.name} at {identity.dispatcher}; certificate until {moment(identity.ends_at, REAL.now())}"
    )


def _is_there() -> bool:
    try:
        load_identity(home() / USER_FOLDER, LOGIN_COMMAND)
    except NotJoinedError:
        return False
    return True


@click.command(cls=Command, example="xwhep whoami")
@json_option
@on_grid
async def whoami(client: OwnerClient, *, as_json: bool) -> None:
    """Show who the dispatcher takes you for."""
    me = await client.whoami()
    show(me, facts([("name", me.name), ("role", me.role), ("uid", me.uid), ("grid", me.grid_uid)]), as_json=as_json)
