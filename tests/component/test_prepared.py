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
from dispatcher.usecases import jobs
from dispatcher.usecases.submissions import Submission
from tests.support.desk import Desk
from tests.support.kinds import KINDS
from xwhep.errors.requests import IdConflictError
from xwhep.lifecycle import Status
from xwhep.protocol.apps import Limits
from xwhep.protocol.jobs import JobWork, SubmitJob
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
ADD_JOB = PreparedWrite(insert(Job))
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


def test_many_rows_are_stored_at_once_as_one_by_one(desk: Desk) -> None:
    limits = [Limits(wall_s=7), Limits()]
    first = desk.submit().uid

    def work(session: Session) -> list[Any]:
        known = session.get_one(Job, first).model_dump()
        rows = [known | {"uid": desk.next_uid(), "work": JobWork(), "limits": limit} for limit in limits * 2]
        common = {name: value for name, value in known.items() if name not in {"uid", "work", "limits"}}
        few = [{name: row[name] for name in ("uid", "work", "limits")} for row in rows[:2]]
        ADD_JOB.all_at_once(session, few, common)
        ADD_JOB.each(session, rows[2:])
        return [found[1:] for found in READ.first_of_each(session, [{"job": row["uid"]} for row in rows]) if found]

    stored = desk.database.run_now(work)

    assert stored[:2] == stored[2:]
    assert [row[2] for row in stored] == limits * 2


def test_an_error_among_many_rows_is_sqlalchemys_too(desk: Desk) -> None:
    with pytest.raises(IntegrityError) as caught:
        desk.database.run_now(ADD.all_at_once, [{"text": "secret"}, {"text": "secret"}], {})

    assert "secret" not in str(caught.value)


def test_jobs_that_are_sent_again_among_others_are_the_same(desk: Desk) -> None:
    sent = [SubmitJob(uid=desk.next_uid(), app_uid=desk.app_uid) for _ in range(5)]
    first = desk.database.run_now(jobs.submit, KINDS, desk.owner, Submission.of(sent[:3]), now=desk.now)
    desk.pass_time(1)
    again = desk.database.run_now(jobs.submit, KINDS, desk.owner, Submission.of([sent[4], *sent[:4]]), now=desk.now)
    changed = sent[0].model_copy(update={"arguments": ["other"]})

    assert [job.uid for job in again.jobs] == [sent[4].uid, *(job.uid for job in sent[:4])]
    assert again.jobs[1:4] == first.jobs
    assert {again.jobs[0].submitted_at, again.jobs[4].submitted_at} == {desk.now}
    with pytest.raises(IdConflictError):
        desk.database.run_now(jobs.submit, KINDS, desk.owner, Submission.of([sent[3], changed]), now=desk.now)


def test_equal_documents_are_parsed_once(desk: Desk) -> None:
    first, second = desk.submit(), desk.submit()

    rows: Any = desk.database.run_now(READ.first_of_each, [{"job": first.uid}, {"job": second.uid}])

    assert rows[0][3] is rows[1][3]
