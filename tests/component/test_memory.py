"""What use cases remember is exact: whatever may have changed behind it, or was not committed, is forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from dispatcher.storage.database import Database
from dispatcher.storage.memory import change, memory_of
from dispatcher.storage.tables import METADATA, AppTarget, MatchClass
from xwhep.errors.identity import ForbiddenError
from xwhep.protocol.base import Cpu, Os


class Count:
    """How many rows there are."""

    def __init__(self, rows: int) -> None:
        self.rows = rows


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "grid.sqlite")
    METADATA.create_all(database.engine)
    yield database
    database.close()


def _count(session: Session) -> Count:
    return Count(session.exec(select(func.count(col(MatchClass.id)))).one())


def add(session: Session, name: str, *, fails: bool = False) -> None:
    """Add a row, and remember that there is one more."""
    count = change(session, Count, lambda: _count(session))
    session.add(MatchClass(requirement=name))
    session.flush()
    count.rows += 1
    if fails:
        raise ForbiddenError("user", "do this")


def remembered(session: Session) -> int:
    return memory_of(session).recall(Count, lambda: Count(-1)).rows


def test_what_is_remembered_stays_from_one_transaction_to_the_next(database: Database) -> None:
    database.run_now(add, "a")
    database.run_now(add, "b")

    assert database.run_now(remembered) == 2


def test_what_a_failing_use_case_has_changed_is_forgotten(database: Database) -> None:
    database.run_now(add, "a")
    with pytest.raises(ForbiddenError):
        database.run_now(add, "b", fails=True)

    assert database.run_now(remembered) == -1


def test_a_use_case_that_fails_and_has_changed_nothing_costs_nobody_the_memory(database: Database) -> None:
    def fail(session: Session) -> None:
        remembered(session)
        raise ForbiddenError("user", "do this")

    database.run_now(add, "a")
    with pytest.raises(ForbiddenError):
        database.run_now(fail)

    assert database.run_now(remembered) == 1


def test_what_could_not_be_committed_is_forgotten(database: Database) -> None:
    def add_what_no_commit_takes(session: Session) -> None:
        """Add a row, and one that refers to nothing: here SQLite checks that when it commits."""
        add(session, "a")
        session.connection().execute(text("PRAGMA defer_foreign_keys=ON"))
        target = AppTarget(app_uid=UUID(int=1), os=Os.LINUX, cpu=Cpu.ANY, blob="0" * 64, entry="run.sh")
        session.add(target)

    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        database.run_now(add_what_no_commit_takes)

    assert database.run_now(remembered) == -1
    assert database.run_now(_count).rows == 0


def test_what_another_process_writes_makes_forget(database: Database, tmp_path: Path) -> None:
    database.run_now(add, "a")
    with sqlite3.connect(tmp_path / "grid.sqlite") as beside:
        beside.execute("INSERT INTO match_classes (requirement) VALUES ('b')")
    beside.close()

    assert database.run_now(remembered) == -1


def test_what_another_process_reads_does_not(database: Database, tmp_path: Path) -> None:
    database.run_now(add, "a")
    with sqlite3.connect(tmp_path / "grid.sqlite") as beside:
        assert beside.execute("SELECT requirement FROM match_classes").fetchall() == [("a",)]
    beside.close()

    assert database.run_now(remembered) == 1
