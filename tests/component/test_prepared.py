"""Prepared statements: what they store, read and count is what SQLAlchemy would, and their errors are its errors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import bindparam, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from dispatcher.storage.tables import Job, MatchClass
from tests.support.desk import Desk
from xwhep.lifecycle import Status
from xwhep.protocol.apps import Limits
from xwhep.sql.prepared import PreparedRead, PreparedWrite

COLUMNS = ("uid", "batch_uid", "work", "limits", "status", "attempts_wanted", "submitted_at", "ended_at")
READ: PreparedRead[tuple[Any, ...]] = PreparedRead(
    sqlalchemy.select(*(col(getattr(Job, name)) for name in COLUMNS)).where(col(Job.uid) == bindparam("job")),
    lambda *columns: columns,
)
CHANGE = PreparedWrite(
    update(Job)
    .where(col(Job.uid) == bindparam("job"), col(Job.status) == Status.PENDING)
    .values({name: bindparam(f"new_{name}") for name in ("limits", "status", "ended_at")})
)
ADD = PreparedWrite(insert(MatchClass).values(requirement=bindparam("text")))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "grid.sqlite")
    yield desk
    desk.database.close()


def test_values_are_stored_and_read_as_sqlalchemy_does_it(desk: Desk) -> None:
    job = desk.submit()
    new = {"limits": Limits(wall_s=7), "status": Status.FAILED, "ended_at": desk.now + timedelta(microseconds=1)}

    def work(session: Session) -> tuple[list[int], Any, Any]:
        changed = CHANGE.each(session, [{"job": job.uid, **{f"new_{name}": new[name] for name in new}}] * 2)
        row = session.get_one(Job, job.uid)
        return changed, READ.all(session, job=job.uid), [tuple(getattr(row, name) for name in COLUMNS)]

    changed, prepared, by_sqlalchemy = desk.database.run_now(work)

    assert changed == [1, 0]  # the second time it is pending no more
    assert prepared == by_sqlalchemy
    assert new.items() <= dict(zip(COLUMNS, prepared[0], strict=True)).items()


def test_what_is_not_there_is_none(desk: Desk) -> None:
    job = desk.submit()

    found = desk.database.run_now(READ.first_of_each, [{"job": job.uid}, {"job": desk.next_uid()}])

    assert [row and row[0] for row in found] == [job.uid, None]


def test_an_error_is_sqlalchemys_and_does_not_show_the_values(desk: Desk) -> None:
    with pytest.raises(IntegrityError) as caught:
        desk.database.run_now(ADD.each, [{"text": "secret"}, {"text": "secret"}])

    assert "secret" not in str(caught.value)
    assert "UNIQUE" in str(caught.value)


def test_equal_documents_are_parsed_once(desk: Desk) -> None:
    first, second = desk.submit(), desk.submit()

    rows: Any = desk.database.run_now(READ.first_of_each, [{"job": first.uid}, {"job": second.uid}])

    assert rows[0][3] is rows[1][3]
