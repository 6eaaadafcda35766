"""`xwhep-oracle migrate`: bring the ledger of an older version to this one."""

from __future__ import annotations

import click

from oracle.config import Folders
from oracle.ledger.schema import SCHEMA
from xwhep.lock import hold
from xwhep.sql.command import migrate
from xwhep.terminal.shell import Command, json_option
from xwhep.world import REAL


@click.command("migrate", cls=Command, example="xwhep-oracle migrate --yes")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
def migrate_command(*, yes: bool, as_json: bool) -> None:
    """Bring the ledger of an older version to this one, while the oracle does not run.

    It shows what it will do, and asks. A copy of the ledger is made first. When the command is killed, all of the
    migration is done, or nothing. With --json and without --yes it only shows.
    """
    folders = Folders()
    with hold(folders.lock, "an oracle"):
        migrate(SCHEMA, folders.ledger, yes=yes, as_json=as_json, now=REAL.now())
