"""Taking what was offered, before anybody else does: the first write is conditional, and its loser takes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam, exists, insert, update
from sqlmodel import Session, col

from dispatcher.kinds.contract import BatchFacts, Draw, JobFacts, Made, Own
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.tables import NEVER, Attempt, Batch, Job
from dispatcher.usecases.cases import columns_of
from dispatcher.usecases.catalogue import AppFacts, known_app
from dispatcher.usecases.counts import Move, note_moves
from dispatcher.usecases.insertion import insert_jobs
from dispatcher.usecases.offers import NOT_CANCELLED
from dispatcher.usecases.own import add, apply, own_rows
from xwhep.lifecycle import AttemptStatus, leased
from xwhep.protocol.jobs import JobWork
from xwhep.sql.prepared import PreparedRead, PreparedWrite

_ATTEMPTS = Attempt.__table__  # type: ignore[attr-defined] # SQLModel gives it to each table
_JOB: Final = PreparedRead(
    sqlalchemy.select(*columns_of(Job, JobFacts)).where(col(Job.uid) == bindparam("job")), JobFacts
)
_SERVE: Final = PreparedWrite(
    update(Batch)
    .where(col(Batch.uid) == bindparam("batch"), col(Batch.ended_at).is_(None))
    .values(served_at=bindparam("new_served_at"))
)
_BATCH: Final = PreparedRead(
    sqlalchemy.select(*columns_of(Batch, BatchFacts)).where(col(Batch.uid) == bindparam("batch")), BatchFacts
)
_TAKE: Final = PreparedWrite(
    update(Job)
    .where(
        col(Job.uid) == bindparam("job"),
        col(Job.status) == bindparam("seen"),
        col(Job.attempts_wanted) > 0,
        col(Job.attempts_made) == bindparam("attempts_seen"),
        NOT_CANCELLED,
    )
    .values(
        attempts_wanted=col(Job.attempts_wanted) - 1,
        attempts_made=bindparam("new_attempts_made"),
        status=bindparam("new_status"),
    )
)
#: unless its job was decided since
_BEGIN: Final = PreparedWrite(
    insert(_ATTEMPTS).from_select(
        list(_ATTEMPTS.columns.keys()),
        sqlalchemy.select(*(bindparam(column.name, type_=column.type) for column in _ATTEMPTS.columns)).where(
            exists().where(col(Job.uid) == bindparam("job_uid"), col(Job.status) == bindparam("as_claimed"))
        ),
    )
)
#: of an attempt that begins
_NOTHING_YET: Final = MappingProxyType(
    {"status": AttemptStatus.LEASED, "fraction": None, "amount": 0, "cpu_s": 0, "max_rss_bytes": 0}
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt of a job, taken for a host; it is written down by `begin_attempt`."""

    job: JobFacts
    number: int


def claim(session: Session, job: JobFacts) -> Claim | None:
    """Take one attempt of a job; None if another host was faster."""
    if job.attempts_wanted <= 0:
        return None
    number = job.attempts_made + 1
    seen = {"job": job.uid, "seen": job.status, "attempts_seen": job.attempts_made}
    status = leased(job.status)
    if not _TAKE.one(session, **seen, new_attempts_made=number, new_status=status):
        return None
    note_moves(session, [Move(job.batch_uid, job.status, status)])
    return Claim(job, number)


def claim_next(session: Session, kinds: Kinds, batch_uid: UUID, host_uid: UUID, *, now: datetime) -> Claim | None:
    """Let a batch make its next job, for a host, and take it; None if the batch has ended or another was faster."""
    made = _make(session, kinds, batch_uid, host_uid, now)
    found = [] if made is None else _JOB.all(session, job=made)
    return claim(session, found[0]) if found else None


def begin_attempt(session: Session, claim: Claim, **columns: Any) -> bool:
    """Write an attempt down that was claimed, unless its job was decided since; tell whether it begins."""
    job, ref = claim.job, {"job_uid": claim.job.uid, "number": claim.number}
    return bool(_BEGIN.one(session, **_NOTHING_YET, **ref, **columns, as_claimed=leased(job.status)))


def _make(session: Session, kinds: Kinds, batch_uid: UUID, host_uid: UUID, now: datetime) -> UUID | None:
    """Make the next job of a batch; return its id, or None."""
    if not _SERVE.one(session, batch=batch_uid, new_served_at=now):
        return None
    (batch,) = _BATCH.all(session, batch=batch_uid)
    source = kinds.source(batch.kind)
    if source is None or source.app_uid is None:
        return None
    app = known_app(session, source.app_uid)
    kind = kinds.of(app.kind)
    rows = Own(
        host=own_rows(session, kind.own.host, [host_uid]).get(host_uid),
        batch=own_rows(session, source.own, [batch_uid]).get(batch_uid),
    )
    (made,) = source.make([Draw(batch, rows)])
    if not apply(session, [made.advance]):
        return None
    _insert(session, made, batch, app, now)
    return made.uid


def _insert(session: Session, made: Made, batch: BatchFacts, app: AppFacts, now: datetime) -> None:
    assert batch.match_class is not None, "a batch whose jobs are made at the lease began with a requirement"
    insert_jobs(
        session,
        [
            {
                "uid": made.uid,
                "owner_uid": batch.owner_uid,
                "app_uid": app.uid,
                "match_class": batch.match_class,
                "work": JobWork(),
                "limits": app.limits,
                "amount": made.amount,
                "attempts_allowed": made.attempts_allowed,
                "priority": 0,
                "deadline": NEVER,
                "body_digest": "",
                "submitted_at": now,
            }
        ],
        {"batch_uid": batch.uid},
    )
    if made.own is not None:
        add(session, made.own)
