"""Databases of older versions, made from the SQL text in tests/data/homes."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Final

from dispatcher.services import utc_now
from dispatcher.storage.schema import SCHEMA as DISPATCHER
from oracle.ledger.schema import SCHEMA as ORACLE
from xwhep.sql.migrating import Migration
from xwhep.sql.schema import Schema

HOMES: Final = Path(__file__).parents[1] / "data" / "homes"
#: the programs with a database, and the oldest database of each
BASELINES: Final = {"dispatcher-4": DISPATCHER, "oracle-1": ORACLE}

Rows = dict[str, list[tuple[Any, ...]]]


def restore(name: str, file: Path) -> None:
    """Make a database from its SQL text, as a program leaves it: with a write-ahead log."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript((HOMES / f"{name}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode=WAL").close()


def migrated(schema: Schema, file: Path) -> None:
    """Migrate a database as the command does."""
    migration = Migration(schema, file)
    migration.run(migration.plan(now=utc_now()), lambda _part, _words: None)


def content(file: Path) -> Rows:
    """Return all that a database holds, its tables' statements included."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}  # noqa: S608
        return rows | {"sqlite_master": sorted(connection.execute("SELECT name, sql FROM sqlite_master"), key=repr)}
