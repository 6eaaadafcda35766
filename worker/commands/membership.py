"""`xwhep-worker join`: make this machine a host of a grid."""

from __future__ import annotations

import asyncio
import platform

import click

from worker.config import Folders
from xwhep.cli.login import read_token
from xwhep.client.contents import plain_name
from xwhep.client.enrolment import join
from xwhep.members import Kind
from xwhep.pki.tokens import parse_token
from xwhep.terminal.shell import Command, remark


@click.command("join", cls=Command, example="xwhep-worker join https://grid.example.org:4380 --token -")
@click.argument("url")
@click.option("--token", metavar="TOKEN|-", help="The join token; - reads it from standard input.")
@click.option("--name", help="What the grid shall call this machine; by default its host name.")
def join_command(url: str, token: str | None, name: str | None) -> None:
    """Join the grid at URL as a host, in place of a grid joined before.

    The key is made here and never leaves this machine. The token holds a digest by which the dispatcher's certificate
    authority is recognised before anything is sent.
    """
    folder = Folders().identity
    called = name or plain_name(platform.node(), "host")
    identity = asyncio.run(join(url, parse_token(read_token(token)), Kind.HOST, called, folder))
    remark(f"this machine is the host {identity.name} of {identity.dispatcher}; start it with `xwhep-worker run`")
