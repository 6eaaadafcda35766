"""Migrations: a database of an older version becomes one of the newest, whole or not at all.

First the database is copied by SQLite's backup, since the file alone misses what is in the write-ahead log. Then all
steps, and the check of all foreign keys, are one transaction. It is begun before the copy is made, so that nothing is
written between the two. Whenever the process is killed, the database is as it was, or as it shall be.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import BaseModel
from sqlalchemy import Connection, func, inspect, select, table
from sqlalchemy.exc import DBAPIError

from xwhep.errors.installations import DatabaseDamagedError, DatabaseMissingError, MigrationFailedError
from xwhep.sql.schema import Schema, is_versioned, write_version
from xwhep.sql.sqlite import backup, broken_references, open_engine, translated

#: told how much is done, from 0 to 1, and what comes next
Tell = Callable[[float, str], None]


class Step(BaseModel):
    """One migration."""

    version: int  #: that it leads to
    summary: str


class Plan(BaseModel):
    """What a migration will do."""

    database: str
    version: int  #: the database's
    newest: int  #: the version that this program needs
    steps: list[Step]
    rows: int
    tables: int
    copy_file: str | None  #: where the copy goes; None if there is nothing to do


@dataclass(frozen=True, slots=True)
class Migration:
    """The migration of one database, which no other program may have open to write."""

    schema: Schema
    file: Path

    def plan(self, *, now: datetime) -> Plan:
        """Return what is to be done; nothing is changed.

        Raises:
            DatabaseMissingError, DatabaseDamagedError: there is no database.
            SchemaMismatchError: it is newer than this program, or too old.
        """
        with self._begun("BEGIN") as connection:
            return self._plan(connection, now)

    def run(self, plan: Plan, tell: Tell) -> None:
        """Copy the database, and migrate it.

        Raises:
            MigrationFailedError: a step cannot be done with what the database holds.
            XwhepError: the disk is full, or the file cannot be used now; as the schema has it.
        """
        if plan.copy_file is None:
            return
        with self._begun("BEGIN IMMEDIATE") as connection:
            tell(0.0, "copying")
            for left in self.file.parent.glob(f".{self.file.stem}-schema-*"):
                left.unlink()  # of a copy that was killed
            backup(self.file, Path(plan.copy_file), lambda part: tell(part / 2, "copying"))
            try:
                self._upgrade(connection, plan, tell)
            except DBAPIError as error:
                raise MigrationFailedError(self.file, str(error.orig)) from error
            tell(0.9, "checking")
            if broken := broken_references(connection):
                raise MigrationFailedError(self.file, f"rows of {', '.join(broken)} would refer to none")
            tell(0.95, "writing")
        tell(1.0, "done")

    @contextlib.contextmanager
    def _begun(self, begin: str) -> Iterator[Connection]:
        """Yield a connection in a transaction without foreign keys, which is committed if the block ends well."""
        if not self.file.exists():
            raise DatabaseMissingError(self.file)
        engine = open_engine(self.file, begin=begin, connections=1, foreign_keys=False)
        try:
            with translated(self.file, self.schema.full, self.schema.busy), engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def _plan(self, connection: Connection, now: datetime) -> Plan:
        schema, found = self.schema, self.schema.version(connection)
        if found is None:
            raise DatabaseDamagedError(self.file, "it has no tables")
        if not schema.oldest <= found <= schema.newest:
            raise schema.mismatch(found)
        names = [name for name in inspect(connection).get_table_names() if not name.startswith("alembic_")]
        copy = self.file.with_name(f"{self.file.stem}-schema-{found}-{now:%Y%m%dT%H%M%SZ}{self.file.suffix}")
        return Plan(
            database=str(self.file),
            version=found,
            newest=schema.newest,
            steps=steps(schema, found),
            rows=sum(connection.scalar(select(func.count()).select_from(table(name))) or 0 for name in names),
            tables=len(names),
            copy_file=str(copy) if found < schema.newest else None,
        )

    def _upgrade(self, connection: Connection, plan: Plan, tell: Tell) -> None:
        if not is_versioned(connection):
            write_version(connection, plan.version)
        done: list[Any] = []

        def applied(**_step: Any) -> None:
            done.append(None)
            tell(0.5 + 0.4 * len(done) / len(plan.steps), "migrating")

        config = _config(self.schema)
        config.attributes.update(connection=connection, metadata=self.schema.metadata(), applied=applied)
        command.upgrade(config, str(self.schema.newest))


def steps(schema: Schema, found: int) -> Sequence[Step]:
    """Return the migrations from a version to the newest, in order; a module's first line is its summary."""
    script = ScriptDirectory.from_config(_config(schema))
    revisions = reversed(list(script.iterate_revisions(str(schema.newest), str(found))))
    return [Step(version=int(revision.revision), summary=revision.doc or "") for revision in revisions]


def _config(schema: Schema) -> Config:
    """Return alembic's configuration; a percent sign in a path is doubled, since values are interpolated."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("version_locations", str(schema.migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config
