"""`xwhep-dispatcher migrate`: bring the database of an older version to this one."""

from __future__ import annotations

import click

from dispatcher.installation import Installation
from dispatcher.storage.schema import SCHEMA
from xwhep.folders import home
from xwhep.lock import hold
from xwhep.sql.command import migrate
from xwhep.terminal.shell import Command, json_option
from xwhep.world import REAL


@click.command("migrate", cls=Command, example="xwhep-dispatcher migrate --yes")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
def migrate_command(*, yes: bool, as_json: bool) -> None:
    """Bring the database of an older version to this one, while the dispatcher does not run.

    It shows what it will do, and asks. A copy of the database is made first. When the command is killed, all of the
    migration is done, or nothing. With --json and without --yes it only shows.
    """
    installation = Installation(home() / "dispatcher")
    installation.check()
    with hold(installation.lock, "a dispatcher"):
        migrate(SCHEMA, installation.database, yes=yes, as_json=as_json, now=REAL.now())
