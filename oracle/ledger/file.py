"""The ledger: an SQLite file with what the oracle has seen, decided and signed.

`Ledger.run` carries out one plain function in one transaction, which is on the disk when it returns. One process holds
a ledger; each transaction takes milliseconds, so the loop simply waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlmodel import Session

from oracle.ledger.schema import SCHEMA
from oracle.ledger.tables import Book
from oracle.settlement.requests import Subject
from xwhep.errors.ledgers import ForeignLedgerError, LedgerBusyError, LedgerFullError
from xwhep.sql.sqlite import open_engine, translated

P = ParamSpec("P")
T = TypeVar("T")


class Ledger:
    """The tables of one oracle."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._engine = open_engine(file)

    def run(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **options: P.kwargs) -> T:
        """Carry out `work` in one transaction; if it raises, nothing has changed.

        Raises:
            LedgerFullError: the disk is full.
            LedgerBusyError: the file cannot be used now.
            DatabaseDamagedError: the file is not what SQLite has written.
        """
        with (
            translated(self._file, LedgerFullError, LedgerBusyError),
            Session(self._engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            return work(session, *args, **options)

    def bind(self, subject: Subject) -> None:
        """Make the tables of a fresh ledger, or check that an older one is about the same hub.

        Raises:
            ForeignLedgerError: it is about another chain or hub.
            SchemaMismatchError: another version of the oracle made it.
        """
        self.run(_bind, subject)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def _bind(session: Session, subject: Subject) -> None:
    if not SCHEMA.check(session.connection()):
        SCHEMA.create(session.connection())
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
    if (book.chain_id, book.genesis_hash, book.hub) != (subject.chain_id, subject.genesis_hash, subject.hub):
        raise ForeignLedgerError(book.chain_id, book.hub, subject.chain_id, subject.hub)
