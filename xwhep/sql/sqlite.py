"""SQLite, the one dialect that there is so far: how a database is opened, and what its errors mean to people."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from xwhep.errors.installations import DatabaseDamagedError
from xwhep.errors.jobs import StorageFullError, UnavailableError
from xwhep.files import PRIVATE

#: how long a transaction waits for that of another process
BUSY_TIMEOUT_MS: Final = 10_000
#: what SQLite calls a file that cannot be used now, though nothing says that its content is damaged
_UNUSABLE: Final = ("SQLITE_BUSY", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_READONLY")


def open_engine(
    file: Path, *, begin: str = "BEGIN IMMEDIATE", connections: int = 5, foreign_keys: bool = True
) -> Engine:
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
            f"busy_timeout={BUSY_TIMEOUT_MS}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


class translated:  # noqa: N801 - reads as a word at its use
    """What SQLite reports, as errors of ours."""

    def __init__(self, file: Path, what: str) -> None:
        self._file = file
        self._what = what

    def __enter__(self) -> None:
        """Do nothing; the work is at the exit."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Turn a full disk, a busy file and a damaged one into errors with a code."""
        for name, text in _sqlite_errors(error):
            if name == "SQLITE_FULL":
                raise StorageFullError from error
            if name.startswith(_UNUSABLE):
                raise UnavailableError(f"the {self._what} cannot be used now ({name})") from error
            if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                raise DatabaseDamagedError(self._file, text) from error


def _sqlite_errors(error: BaseException | None) -> Iterator[tuple[str, str]]:
    """Yield SQLite's name and text of an error and of those before it.

    After a full disk the roll back fails in its turn.
    """
    while error is not None:
        if isinstance(error, DatabaseError):
            yield getattr(error.orig, "sqlite_errorname", ""), str(error.orig)
        error = error.__context__
