"""The ledger: an SQLite file with what the oracle has seen, decided and signed.

`Ledger.run` carries out one plain function in one transaction, which is on the disk when it returns. One process holds
a ledger; each transaction takes milliseconds, so the loop simply waits for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from oracle.ledger.tables import METADATA, SCHEMA_VERSION, Book
from oracle.settlement.requests import Subject
from xwhep.errors.installations import SchemaMismatchError
from xwhep.errors.ledgers import ForeignLedgerError, LedgerBusyError, LedgerFullError
from xwhep.files import PRIVATE

P = ParamSpec("P")
T = TypeVar("T")


class Ledger:
    """The tables of one oracle."""

    def __init__(self, file: Path) -> None:
        file.touch(PRIVATE)  # before SQLite does, which lets everybody read; the files beside it get its mode
        self._engine = create_engine(URL.create("sqlite", database=str(file)), hide_parameters=True)
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)

    def run(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **options: P.kwargs) -> T:
        """Carry out `work` in one transaction; if it raises, nothing has changed.

        Raises:
            LedgerFullError: the disk is full.
            LedgerBusyError: the file cannot be used now.
        """
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                return work(session, *args, **options)
        except OperationalError as error:
            name = getattr(error.orig, "sqlite_errorname", "")
            if name == "SQLITE_FULL":
                raise LedgerFullError from error
            if name.startswith(("SQLITE_BUSY", "SQLITE_IOERR")):
                raise LedgerBusyError(name) from error
            raise

    def bind(self, subject: Subject) -> None:
        """Make the tables of a fresh ledger, or check that an older one is about the same hub.

        Raises:
            ForeignLedgerError: it is about another chain or hub.
            SchemaMismatchError: another version of the oracle made it.
        """
        METADATA.create_all(self._engine)
        self.run(_bind, subject)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def _bind(session: Session, subject: Subject) -> None:
    book = session.get(Book, 1)
    if book is None:
        session.add(
            Book(
                chain_id=subject.chain_id,
                genesis_hash=subject.genesis_hash,
                hub=subject.hub,
                first_block=subject.first_block,
                next_block=subject.first_block,
            )
        )
        return
    if book.schema_version != SCHEMA_VERSION:
        raise SchemaMismatchError(book.schema_version, SCHEMA_VERSION)
    if (book.chain_id, book.genesis_hash, book.hub) != (subject.chain_id, subject.genesis_hash, subject.hub):
        raise ForeignLedgerError(book.chain_id, book.hub, subject.chain_id, subject.hub)


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
