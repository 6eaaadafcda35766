"""The ledger's file: what goes wrong with it is told in the oracle's own words, and changes nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from oracle.ledger.file import Ledger
from oracle.ledger.tables import Task
from tests.support.tasks import SUBJECT, a_task
from xwhep.errors.ledgers import LedgerBusyError, LedgerFullError


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    made.bind(SUBJECT)
    yield made
    made.close()


def set_pragma(session: Session, pragma: str) -> None:
    """Set one of the ledger's only connection."""
    session.connection().execute(text(f"PRAGMA {pragma}"))


def add(session: Session, task: Task) -> None:
    session.add(task)


def test_a_ledger_that_another_program_holds_is_busy(ledger: Ledger, tmp_path: Path) -> None:
    ledger.run(set_pragma, "busy_timeout=0")
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(LedgerBusyError, match=r"the oracle's ledger cannot be used now \(SQLITE_BUSY\)"):
            ledger.run(add, a_task(1))

    ledger.run(add, a_task(1))


def test_a_full_disk_is_told_as_the_ledgers(ledger: Ledger) -> None:
    ledger.run(set_pragma, "max_page_count=1")  # it is raised to the pages that there are: none may be added

    with pytest.raises(LedgerFullError, match="no room for the oracle's ledger"):
        ledger.run(add, a_task(1, params=bytes(100_000)))

    ledger.run(set_pragma, "max_page_count=10000")
    ledger.run(add, a_task(1, params=bytes(100_000)))
