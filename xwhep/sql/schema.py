"""The schema of a database: its tables, and the number that says which version of them a file has.

The number is the revision in the table `alembic_version`; it counts up by one a migration. A database that was made
before there were migrations has its number elsewhere (`Schema.before`). This module does not load alembic: a program
that starts only compares numbers, and a fresh database needs no migration.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select, text

from xwhep.errors.base import XwhepError
from xwhep.errors.installations import SchemaMismatchError

#: as alembic itself makes it
_VERSION: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
#: the file of the migration to a version
_REVISION: Final = re.compile(r"v([1-9][0-9]*)_\w+\.py")


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one program, in all their versions."""

    command: str  #: that migrates, as people type it
    metadata: Callable[[], MetaData]  #: returns all tables of the newest version
    migrations: Path  #: the folder with a file `v<number>_<name>.py` for each version
    full: Callable[[], XwhepError]  #: returns the error about a full disk
    busy: Callable[[str], XwhepError]  #: returns the error about a file that cannot be used, for what SQLite calls it
    before: tuple[str, str]  #: the table and the column that had the number before there were migrations

    @property
    def newest(self) -> int:
        """The version that this code needs."""
        return max(self._numbers())

    @property
    def oldest(self) -> int:
        """The oldest version that can be migrated."""
        return min(self._numbers())

    def _numbers(self) -> list[int]:
        found = map(_REVISION.fullmatch, (path.name for path in self.migrations.iterdir()))
        return [int(match[1]) for match in found if match]

    def create(self, connection: Connection) -> None:
        """Make the tables of the newest version in an empty database."""
        self.metadata().create_all(connection)
        write_version(connection, self.newest)

    def check(self, connection: Connection) -> bool:
        """Return whether a database has tables, which are then those that this code needs; False of an empty one.

        Raises:
            SchemaMismatchError: its tables are of another version.
        """
        found = self.version(connection)
        if found is None:
            return False
        if found != self.newest:
            raise self.mismatch(found)
        return True

    def mismatch(self, found: int) -> SchemaMismatchError:
        """Return the error about a database of another version."""
        can_migrate = self.oldest <= found < self.newest
        return SchemaMismatchError(found, self.newest, self.command if can_migrate else None)

    def version(self, connection: Connection) -> int | None:
        """Return the version of a database; None if it has none, as an empty one."""
        if is_versioned(connection):
            return int(connection.execute(select(_VERSION.c.version_num)).scalar_one())
        table, column = self.before
        if not inspect(connection).has_table(table):
            return None
        found: int | None = connection.execute(text(f"SELECT {column} FROM {table}")).scalar()  # noqa: S608 - our names
        return self.oldest if found is None else found  # tables without a row: the process that made them was killed


def is_versioned(connection: Connection) -> bool:
    """Tell whether a database has the table of its version."""
    return inspect(connection).has_table(_VERSION.name)


def write_version(connection: Connection, version: int) -> None:
    """Write the version into a database that has none yet."""
    _VERSION.create(connection)
    connection.execute(_VERSION.insert().values(version_num=str(version)))
