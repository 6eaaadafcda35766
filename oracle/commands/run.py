"""`xwhep-oracle run`: carry Tasks and answers until a signal."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import click

from oracle.commands.options import FILE, NODE_URL
from oracle.config import INIT_COMMAND, Folders, OracleSettings
from xwhep import config
from xwhep.chain.accounts import check_keystore, open_keystore
from xwhep.chain.deployment import Deployment
from xwhep.cli.on_chain import read_password, require_libraries
from xwhep.pki.identity import load_identity
from xwhep.terminal.shell import Command


@click.command("run", cls=Command, example="xwhep-oracle run --rpc http://127.0.0.1:8545")
@click.option("--rpc", "rpc_url", type=NODE_URL, metavar="URL", help="A node of the chain.")
@click.option("--deployment", type=FILE, help="The file that `xwhep chain deploy` wrote.")
@click.option("--finalized", is_flag=True, default=None, help="Read finalized blocks only.")
@click.option("--verbose", is_flag=True, help="Say more about what happens.")
def run_command(*, verbose: bool, **flags: Any) -> None:
    """Carry Tasks to the grid and answers back, until Ctrl-C.

    A node or a dispatcher that is away is waited for. What was begun is taken up at the next start.
    """
    from oracle import daemon  # the chain's libraries are slow to load

    require_libraries()
    folders, settings = Folders(), config.load(OracleSettings, flags)
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    for noisy in ("asyncio", "aiohttp", "web3", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    load_identity(folders.identity, INIT_COMMAND)  # before somebody types a password in vain
    deployment = Deployment.read(flags["deployment"] or folders.home / settings.deployment)
    keystore = settings.keystore_file
    check_keystore(keystore)
    password_file = settings.password_file and folders.home / settings.password_file
    account = open_keystore(keystore, read_password(keystore, password_file, confirm=False))
    asyncio.run(daemon.serve_until_signal(daemon.Place(settings, folders, deployment, account)))
