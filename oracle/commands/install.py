"""`xwhep-oracle init`: make this machine the service that bridges a chain and a grid."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from oracle import settings_file
from oracle.commands.options import FILE, NODE_URL
from oracle.config import SEARCH, Folders
from xwhep.chain.accounts import create_keystore, keystore_address
from xwhep.chain.values import Address
from xwhep.cli.login import read_token
from xwhep.cli.on_chain import read_password, require_libraries
from xwhep.client.enrolment import join
from xwhep.folders import config_file
from xwhep.ids import parse_uid
from xwhep.members import Kind
from xwhep.pki.tokens import parse_token
from xwhep.terminal.display import safe_lines
from xwhep.terminal.shell import Command, Split, remark


def _app(text: str) -> tuple[str, str]:
    """Return name and service of `NAME=UID`."""
    name, separator, what = text.partition("=")
    if not separator:
        raise ValueError("write NAME=UID, as in wordcount=0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
    return name, what if what == SEARCH else str(parse_uid(what, "--app"))


@click.command("init", cls=Command, example="xwhep-oracle init https://grid.example.org:4380 --token -")
@click.argument("url")
@click.option("--token", metavar="TOKEN|-", help="The join token, of kind service; - reads it from standard input.")
@click.option("--name", default="oracle", show_default=True, help="What the grid shall call the oracle.")
@click.option("--deployment", type=FILE, help="The file that `xwhep chain deploy` wrote, or will write.")
@click.option("--rpc", type=NODE_URL, metavar="URL", help="A node of the chain.")
@click.option("--app", "apps", type=Split(_app), multiple=True, metavar="NAME=UID", help="A native app to serve.")
@click.option("--keystore", type=FILE, help="The keystore of an account that exists; by default one is made.")
@click.option("--password-file", type=FILE, help="Its first line is the keystore's password.")
def init_command(url: str, token: str | None, name: str, apps: Sequence[tuple[str, str]], **given: Any) -> None:
    """Join the grid at URL as a service, make the account that settles Tasks, and print its address.

    The address needs ether for gas, and the role ORACLE_ROLE at the hub. What is given here is written into the section
    [oracle] of config.toml, if there is none yet.
    """
    require_libraries()
    folders, secret = Folders(), parse_token(read_token(token))
    address = _account(given["keystore"] or folders.keystore, given["password_file"], is_ours=not given["keystore"])
    identity = asyncio.run(join(url, secret, Kind.SERVICE, name, folders.identity))
    remark(f"this is the service {identity.name} of {identity.dispatcher}")
    _configure(given, {"vanity": SEARCH} | dict(apps))
    remark("the oracle's account on the chain needs ether for gas, and the role ORACLE_ROLE at the hub:")
    click.echo(address or "its keystore does not tell its address")


def _account(keystore: Path, password_file: Path | None, *, is_ours: bool) -> Address | None:
    """Return the address of the oracle's account, made now if there is none."""
    if is_ours and not keystore.exists():
        return create_keystore(keystore, read_password(keystore, password_file, confirm=True))
    return keystore_address(keystore)


def _configure(given: Mapping[str, Any], apps: Mapping[str, str]) -> None:
    """Write what was given into config.toml, or say what to write there."""
    values = {"rpc_url": given["rpc"]} if given["rpc"] else {}
    files = {key: given[key] for key in ("deployment", "keystore", "password_file") if given[key]}
    values |= {key: str(path.absolute()) for key, path in files.items()}
    text = settings_file.section(values, apps)
    if settings_file.add_section(text):
        remark(f"the section [oracle] is written into {config_file()}")
    else:
        remark(f"{config_file()} is left as it is; see that its section [oracle] says:\n\n{safe_lines(text)}")
