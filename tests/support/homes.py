"""Databases of older versions, made from the SQL text in tests/data/homes."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Final

from dispatcher.installation import Installation, install
from dispatcher.storage.schema import SCHEMA as DISPATCHER
from oracle.ledger.schema import SCHEMA as ORACLE
from xwhep.sql.migrating import Migration
from xwhep.sql.schema import Schema
from xwhep.sql.sqlite import tables_as_text
from xwhep.world import REAL

HOMES: Final = Path(__file__).parents[1] / "data" / "homes"
#: the programs with a database, and the oldest database of each
BASELINES: Final = {"dispatcher-4": DISPATCHER, "oracle-1": ORACLE}

Rows = dict[str, list[tuple[Any, ...]]]


def restore(name: str, file: Path) -> None:
    """Make a database from its SQL text, as a program leaves it: with a write-ahead log."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript((HOMES / f"{name}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode=WAL").close()


def old_installation(home: Path) -> Installation:
    """Return a dispatcher's folder with the database of its first version."""
    installation = Installation(home / "dispatcher")
    install(installation.folder, ["localhost", "127.0.0.1"], (home / "admin", "a", "https://127.0.0.1:1"))
    for file in installation.folder.glob("grid.sqlite*"):
        file.unlink()
    restore("dispatcher-4", installation.database)
    return installation


def migrated(schema: Schema, file: Path) -> None:
    """Migrate a database as the command does."""
    migration = Migration(schema, file)
    migration.run(migration.plan(now=REAL.now()), lambda _part, _words: None)


def content(file: Path) -> Rows:
    """Return all that a database holds, and in `sqlite_master` its statements, in whatever order alembic wrote them."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}  # noqa: S608
        return rows | {"sqlite_master": sorted(tables_as_text(connection).items())}
