"""SQLite, the one dialect that there is so far: how a database is opened, and what its errors mean to people."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Integer,
    Text,
    TypeDecorator,
    bindparam,
    column,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import TypeEngine

from xwhep.errors.base import XwhepError
from xwhep.errors.installations import DatabaseDamagedError
from xwhep.files import PRIVATE, sync_folder
from xwhep.sql.prepared import PreparedRead

#: begins a transaction that writes: its turn is waited for at once, not at its first write
WRITE: Final = "BEGIN IMMEDIATE"
#: an execution option: SQLAlchemy leaves it to its user to begin transactions, and to commit them
BEGUN_BY_DRIVER: Final = "xwhep_begun_by_driver"
#: how long a transaction waits for that of another process
BUSY_TIMEOUT_MS: Final = 10_000
#: reads what changes with each commit of another connection. Source: "PRAGMA data_version", sqlite.org/pragma.html
DATA_VERSION: Final = PreparedRead(text("PRAGMA data_version").columns(column("data_version", Integer)), int)
#: copied at a time
_PAGES: Final = 4096
#: what SQLite calls a file that cannot be used now, though nothing says that its content is damaged
_UNUSABLE: Final = ("SQLITE_BUSY", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_READONLY")


def open_engine(file: Path, *, begin: str = WRITE, connections: int = 5, foreign_keys: bool = True) -> Engine:
    """Return an engine on a file, which is made if it is not there; what it commits survives a power cut.

    `begin` is the statement that begins each transaction. Only a migration switches foreign keys off.
    """
    file.touch(PRIVATE)  # before SQLite does, which lets everybody read; the files beside it get its mode
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=1,
        hide_parameters=True,  # an error may reach the log; the values are a search's blinding, a job's arguments
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # a commit that returned survives a power cut
            f"foreign_keys={'ON' if foreign_keys else 'OFF'}",  # inside a transaction the pragma does nothing
        ):
            connection.execute(f"PRAGMA {pragma}").close()
        connection.execute(patience(waits=True)).close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if not connection.get_execution_options().get(BEGUN_BY_DRIVER):
            connection.exec_driver_sql(begin)

    return engine


class ListOf(TypeDecorator[Sequence[Any]]):
    """Values of one type, given to a statement as one value: JSON."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Return what makes a value of them, each as its own type does."""
        store = self.item.dialect_impl(dialect).bind_processor(dialect)
        return lambda values: to_json(values if store is None else list(map(store, values))).decode()


def among(column: Any, name: str) -> ColumnElement[bool]:
    """Return whether a column is among the values that a statement is given under a name, as a list.

    The statement is the same however many they are, so that it can be prepared.
    """
    given = func.json_each(bindparam(name, type_=ListOf(column.type))).table_valued("value")
    found: ColumnElement[bool] = column.in_(select(given.c.value))
    return found


def patience(*, waits: bool) -> str:
    """Return the statement after which a transaction waits, or does not wait, for that of another process."""
    return f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS if waits else 0}"


def is_busy(error: OperationalError) -> bool:
    """Tell whether another process's transaction was in the way."""
    return getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_BUSY")


class translated:  # noqa: N801 - reads as a word at its use
    """What SQLite reports, as errors of ours: `full` of a full disk, `busy` of a file that cannot be used now."""

    def __init__(self, file: Path, full: Callable[[], XwhepError], busy: Callable[[str], XwhepError]) -> None:
        self._file = file
        self._full = full
        self._busy = busy

    def __enter__(self) -> None:
        """Do nothing; the work is at the exit."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Turn a full disk, a busy file and a damaged one into errors with a code."""
        for name, why in _sqlite_errors(error):
            if name == "SQLITE_FULL":
                raise self._full() from error
            if name.startswith(_UNUSABLE):
                raise self._busy(name) from error
            if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                raise DatabaseDamagedError(self._file, why) from error


def _sqlite_errors(error: BaseException | None) -> Iterator[tuple[str, str]]:
    """Yield SQLite's name and text of an error and of those before it.

    After a full disk the roll back fails in its turn.
    """
    while error is not None:
        cause = error.orig if isinstance(error, DatabaseError) else error
        if isinstance(cause, sqlite3.DatabaseError):
            yield getattr(cause, "sqlite_errorname", ""), str(cause)
        error = error.__context__


def backup(file: Path, copy: Path, tell: Callable[[float], None]) -> None:
    """Copy a database while others may use it; when this returns, the copy is on the disk, whole and in one file.

    `tell` is called with the part that is done. A copy that fails leaves nothing, and one that is killed a hidden file.
    """
    unfinished = copy.with_name(f".{copy.name}")
    try:
        unfinished.touch(PRIVATE)
        _copy(file, unfinished, tell)
        unfinished.replace(copy)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(copy.parent)


def _copy(file: Path, copy: Path, tell: Callable[[float], None]) -> None:
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target, pages=_PAGES, progress=lambda _status, left, total: tell(1 - left / max(total, 1)))
        target.execute("PRAGMA journal_mode=DELETE").close()  # otherwise it would still want a write-ahead log
    with copy.open("rb+") as written:
        os.fsync(written.fileno())


def broken_references(connection: Connection) -> list[str]:
    """Return the tables with rows whose foreign keys lead nowhere, sorted."""
    return sorted({row[0] for row in connection.exec_driver_sql("PRAGMA foreign_key_check")})


def tables_as_text(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the statement of each table and index by its name, in a form that does not depend on how it was made.

    A table that was migrated and a fresh one differ in quotes, in white space and in the order of their columns.
    """
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: _in_order(list(_parts(re.sub(r"\s+", " ", sql.replace('"', ""))))) for name, sql in found}


def _in_order(parts: list[str]) -> list[str]:
    return sorted(parts) if parts[0].startswith("CREATE TABLE") else parts  # an index lives by its columns' order


def _parts(statement: str) -> Iterator[str]:
    """Yield the head of a statement, the parts that its outer parentheses hold, and what comes after them."""
    depth, part = 0, ""
    for char in statement:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if (char == "," and depth == 1) or (char == "(" and depth == 1) or (char == ")" and depth == 0):
            yield part.strip()
            part = ""
        else:
            part += char
    yield part.strip()
