"""The command line `xwhep-oracle`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from pydantic import BaseModel

from oracle import settings_file
from oracle.config import INIT_COMMAND, SEARCH, Folders, OracleSettings
from oracle.ledger.file import Ledger
from oracle.ledger.progress import OpenTask, Progress, progress
from xwhep import config
from xwhep.chain.accounts import check_keystore, create_keystore, keystore_address, open_keystore
from xwhep.chain.deployment import Deployment
from xwhep.chain.urls import refuse_password
from xwhep.chain.values import Address
from xwhep.cli.login import read_token
from xwhep.cli.on_chain import read_password, require_libraries
from xwhep.client.enrolment import join
from xwhep.ids import parse_uid
from xwhep.lock import is_held
from xwhep.members import Kind
from xwhep.pki.identity import load_identity
from xwhep.pki.tokens import parse_token
from xwhep.terminal.display import ago, facts, safe_lines, table
from xwhep.terminal.shell import Lazy, Program, Split, json_option, remark, run, show, utc_now, version_option

_FILE = click.Path(dir_okay=False, path_type=Path)


COMMANDS: Final = {
    "migrate": Lazy(
        "oracle.commands.migrate:migrate_command",
        "Bring the ledger of an older version to this one, while the oracle does not run.",
    ),
}


@click.group(cls=Program, name="xwhep-oracle", lazy=COMMANDS)
@version_option
def program() -> None:
    """Bridge a chain and a grid: run what Tasks on the chain ask for, and tell their contracts the answers."""


def _node_url(text: str) -> str:
    """Return the URL of a node, as far as an argument may tell it."""
    return refuse_password(text, section="oracle", key="rpc_url")


def _app(text: str) -> tuple[str, str]:
    """Return name and service of `NAME=UID`."""
    name, separator, what = text.partition("=")
    if not separator:
        raise ValueError("write NAME=UID, as in wordcount=0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
    return name, what if what == SEARCH else str(parse_uid(what, "--app"))


@program.command("init", example="xwhep-oracle init https://grid.example.org:4380 --token -")
@click.argument("url")
@click.option("--token", metavar="TOKEN|-", help="The join token, of kind service; - reads it from standard input.")
@click.option("--name", default="oracle", show_default=True, help="What the grid shall call the oracle.")
@click.option("--deployment", type=_FILE, help="The file that `xwhep chain deploy` wrote, or will write.")
@click.option("--rpc", type=Split(_node_url), metavar="URL", help="A node of the chain.")
@click.option("--app", "apps", type=Split(_app), multiple=True, metavar="NAME=UID", help="A native app to serve.")
@click.option("--keystore", type=_FILE, help="The keystore of an account that exists; by default one is made.")
@click.option("--password-file", type=_FILE, help="Its first line is the keystore's password.")
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
        remark(f"the section [oracle] is written into {config.config_file()}")
    else:
        remark(f"{config.config_file()} is left as it is; see that its section [oracle] says:\n\n{safe_lines(text)}")


@program.command("run", example="xwhep-oracle run --rpc http://127.0.0.1:8545")
@click.option("--rpc", "rpc_url", type=Split(_node_url), metavar="URL", help="A node of the chain.")
@click.option("--deployment", type=_FILE, help="The file that `xwhep chain deploy` wrote.")
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


class OracleStatus(BaseModel):
    """What `status` prints."""

    running: bool
    dispatcher: str
    address: str | None  #: of the account on the chain
    progress: Progress | None  #: None: nothing was read yet


@program.command("status", example="xwhep-oracle status --json")
@json_option
def status_command(*, as_json: bool) -> None:
    """Show how far the oracle is and which Tasks are open; it may run or not."""
    folders = Folders()
    identity = load_identity(folders.identity, INIT_COMMAND)
    settings = config.load(OracleSettings, {})
    status = OracleStatus(
        running=is_held(folders.lock),
        dispatcher=identity.dispatcher,
        address=keystore_address(settings.keystore_file),
        progress=_progress(folders.ledger),
    )
    show(status, _describe(status), as_json=as_json)


def _progress(file: Path) -> Progress | None:
    if not file.exists():
        return None
    with contextlib.closing(Ledger(file)) as ledger:
        return ledger.run(progress)


def _describe(status: OracleStatus) -> str:
    lines: list[tuple[str, object]] = [
        ("oracle", "running" if status.running else "not running"),
        ("dispatcher", status.dispatcher),
        ("account", status.address),
    ]
    read = status.progress
    if read is None:
        return facts([*lines, ("read", "nothing yet")])
    lines += [("hub", f"{read.hub} on chain {read.chain_id}"), ("next block", read.next_block)]
    lines += [(f"tasks {state}", count) for state, count in sorted(read.counts.items())]
    text = facts(lines)
    return f"{text}\n\n{_table(read.open_tasks)}" if read.open_tasks else text


def _table(tasks: Sequence[OpenTask]) -> str:
    """Return the open tasks; the longest names, of batch and transaction, come last, and are in the JSON whole."""
    now = utc_now()
    return table(
        ("TASK", "STATE", "SINCE", "DEADLINE", "BATCH OR TRANSACTION"),
        [
            (task.id, task.state, ago(_time(task.since), now), ago(_time(task.deadline), now), _last(task))
            for task in tasks
        ],
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _last(task: OpenTask) -> str:
    return task.transaction or task.batch_uid or ""


def main() -> None:
    """Run the program as a process."""
    run(program)


if __name__ == "__main__":
    main()
