"""`xwhep-oracle status`: how far the oracle is, whether it runs or not."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from pydantic import BaseModel

from oracle.config import INIT_COMMAND, Folders, OracleSettings
from oracle.ledger.file import Ledger
from oracle.ledger.progress import OpenTask, Progress, progress
from xwhep import config
from xwhep.chain.accounts import keystore_address
from xwhep.lock import is_held
from xwhep.pki.identity import load_identity
from xwhep.terminal.display import ago, facts, table
from xwhep.terminal.shell import Command, json_option, show
from xwhep.world import REAL


class OracleStatus(BaseModel):
    """What `status` prints."""

    running: bool
    dispatcher: str
    address: str | None  #: of the account on the chain
    progress: Progress | None  #: None: nothing was read yet


@click.command("status", cls=Command, example="xwhep-oracle status --json")
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
    now = REAL.now()
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
