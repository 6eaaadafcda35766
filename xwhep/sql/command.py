"""The command `migrate` of a program with a database: what it shows, asks, does and says."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from xwhep.sql.migrating import Migration, Plan
from xwhep.sql.schema import Schema
from xwhep.terminal.display import facts
from xwhep.terminal.progress import described_bar
from xwhep.terminal.shell import REFUSED, remark, show


class MigrationReport(Plan):
    """What `migrate --json` prints."""

    migrated: bool  #: False where there was nothing to do, or nobody said yes


def migrate(schema: Schema, file: Path, *, yes: bool, as_json: bool, now: datetime) -> None:
    """Show what is to be done with the database in a file, and do it with `yes` or when the person agrees.

    Whoever calls this holds the lock of the program. With `as_json` nobody is asked.

    Raises:
        XwhepError: as `Migration` has it.
    """
    migration = Migration(schema, file)
    plan = migration.plan(now=now)
    if not as_json:
        click.echo(_describe(plan))
        if plan.steps and not yes and not click.confirm("Migrate now?", err=True):
            remark("nothing was changed")
            raise click.exceptions.Exit(REFUSED)
    does = bool(plan.steps) and (yes or not as_json)
    if does:
        with described_bar("migrating") as advance:
            migration.run(plan, advance)
    if as_json or does:
        done = f"The database has schema version {plan.newest} now. If all is well, delete the copy."
        show(MigrationReport(**plan.model_dump(), migrated=does), done, as_json=as_json)


def _describe(plan: Plan) -> str:
    lines: list[tuple[str, object]] = [
        ("database", plan.database),
        ("schema version", plan.version),
        ("needed", plan.newest),
        ("rows", f"{plan.rows:,} in {plan.tables} tables"),
        ("copy", plan.copy_file or "none: there is nothing to do"),
    ]
    return facts([*lines, *((f"step to {step.version}", step.summary) for step in plan.steps)])
