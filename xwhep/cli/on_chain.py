"""What the commands that talk to a chain share: which node, which contracts, whose account, and the password to it.

A password is never an argument: it is in a file, in the environment, or typed at a prompt. The chain's libraries are an
extra and slow to load, so that no module of `xwhep.cli` loads them before a command needs them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import click

from xwhep import config
from xwhep.chain.deployment import Deployment
from xwhep.chain.settings import ChainSettings
from xwhep.chain.urls import parse_url, refuse_password
from xwhep.chain.values import Address, Call, Receipt, parse_address
from xwhep.errors.chain import KeystoreError
from xwhep.extras import needing
from xwhep.terminal.shell import Split, remark
from xwhep.world import REAL

if TYPE_CHECKING:
    from xwhep.chain.accounts import Account
    from xwhep.chain.hub import Hub
    from xwhep.chain.node import Node
    from xwhep.chain.transactions import SignedTransaction

P = ParamSpec("P")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

PASSWORD_VARIABLE: Final = "XWHEP_KEYSTORE_PASSWORD"  # noqa: S105 - the name of a variable
_MAX_PASSWORD: Final = 4096
_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_SETTINGS: Final = ("rpc", "deployment", "keystore", "password_file")


def node_option(command: FunctionT) -> FunctionT:
    """Add `--rpc`."""
    help_text = "A node of the chain; by default rpc of [chain] in config.toml."
    return click.option("--rpc", type=Split(refuse_password), metavar="URL", help=help_text)(command)


def contracts_options(command: FunctionT) -> FunctionT:
    """Add `--rpc` and `--deployment`."""
    help_text = "The file that `xwhep chain deploy` wrote; by default deployment of [chain]."
    return click.option("--deployment", type=_FILE, help=help_text)(node_option(command))


def account_options(command: FunctionT) -> FunctionT:
    """Add `--keystore` and `--password-file`."""
    file_help = f"Its first line is the password; else {PASSWORD_VARIABLE}, else it is asked for."
    command = click.option("--password-file", type=_FILE, help=file_help)(command)
    return click.option("--keystore", type=_FILE, help="The account's keystore; by default keystore of [chain].")(
        command
    )


def settings_of(options: Mapping[str, Any]) -> ChainSettings:
    """Return the settings, those given as options before all others.

    Raises:
        MissingExtraError: the chain's libraries are not installed.
        ConfigurationError: the configuration has a fault.
        InvalidFieldError: the URL is none.
    """
    require_libraries()
    settings = config.load(ChainSettings, {name: options.get(name) for name in _SETTINGS})
    parse_url(settings.rpc)
    return settings


def require_libraries() -> None:
    """Load the chain's libraries.

    Raises:
        MissingExtraError: they are not.
    """
    with needing("oracle"):
        import xwhep.chain.node  # noqa: F401 - loads them all


def account_address(text: str) -> Address:
    """Return the address that was given as an option."""
    require_libraries()
    return parse_address(text)


def open_account(settings: ChainSettings) -> Account:
    """Return the user's account; its password is read or asked for.

    Raises:
        KeystoreError: the keystore cannot be read, is none, or the password is another.
    """
    from xwhep.chain.accounts import check_keystore, open_keystore  # libraries of an extra

    path = settings.keystore_file
    check_keystore(path)  # before somebody types a password in vain
    return open_keystore(path, read_password(path, settings.password_file, confirm=False))


def read_password(keystore: Path, password_file: Path | None, *, confirm: bool) -> str:
    """Return a keystore's password: from a file, from the environment, or from a prompt.

    Raises:
        KeystoreError: it is empty, or the file has none.
    """
    if password_file is not None:
        with password_file.open(encoding="utf-8", errors="surrogateescape") as file:
            password = file.readline(_MAX_PASSWORD + 1).rstrip("\r\n")
    else:
        password = os.environ.get(PASSWORD_VARIABLE) or _prompt(confirm=confirm)
    if not 0 < len(password) <= _MAX_PASSWORD:
        raise KeystoreError(keystore, "its password is empty or endless")
    return password


def _prompt(*, confirm: bool) -> str:
    return str(click.prompt("Password of the keystore", hide_input=True, confirmation_prompt=confirm, err=True))


def with_node(command: Callable[Concatenate[Node, P], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a command of a coroutine that talks to a node; the command is given the settings first."""

    @wraps(command)
    def run_with_node(settings: ChainSettings, *args: P.args, **options: P.kwargs) -> None:
        from xwhep.chain.node import Node  # libraries of an extra

        async def talk() -> None:
            async with Node.open(settings.rpc) as node:
                await command(node, *args, **options)

        asyncio.run(talk())

    return run_with_node


def on_chain(command: Callable[Concatenate[Hub, P], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a command of a coroutine that talks to the hub; the command is given the settings first.

    The node is known to serve the chain of the deployment file, and the hub to be there.
    """

    @wraps(command)
    def run_on_chain(settings: ChainSettings, *args: P.args, **options: P.kwargs) -> None:
        deployment = Deployment.read(settings.deployment)

        async def talk(node: Node) -> None:
            from xwhep.chain.hub import Hub, check_deployment  # libraries of an extra

            await check_deployment(node, deployment)
            await command(Hub(node, deployment), *args, **options)

        with_node(talk)(settings)

    return run_on_chain


async def send(hub: Hub, account: Account, call: Call, *, first: Callable[[], None] = lambda: None) -> Receipt:
    """Send a transaction, and say so before: from then on it may come into a block whatever happens here.

    `first` is called when nothing is left to do but to send; where it fails, nothing is sent.

    Raises:
        XwhepError: as `transactions.perform` says.
    """
    from xwhep.chain.transactions import perform  # libraries of an extra

    def tell(transaction: SignedTransaction) -> None:
        first()
        remark(f"sending transaction 0x{transaction.hash.hex()}, waiting for its block")

    started = REAL.monotonic()
    receipt = await perform(hub.node, account, call, sending=tell)
    remark(f"in block {receipt.block_number} after {REAL.monotonic() - started:.0f} s, for {receipt.gas_used:,} gas")
    return receipt
