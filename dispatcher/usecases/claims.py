"""Taking what was offered, before anybody else does: the first write is conditional, and its loser takes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam, exists, insert, update
from sqlmodel import Session, col

from dispatcher.kinds.contract import Draw, Made, Own
from dispatcher.kinds.facts import BatchFacts, JobFacts
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.tables import NEVER, Attempt, Batch, Job
from dispatcher.usecases.cases import columns_of
from dispatcher.usecases.catalogue import AppFacts, known_app
from dispatcher.usecases.counts import Move, note_moves
from dispatcher.usecases.insertion import insert_jobs
from dispatcher.usecases.offers import NOT_CANCELLED
from dispatcher.usecases.own import OwnReader, add, apply
from xwhep.lifecycle import AttemptStatus, Status, leased
from xwhep.protocol.jobs import JobWork
from xwhep.sql.prepared import PreparedRead, PreparedWrite

_ATTEMPTS = Attempt.__table__  # type: ignore[attr-defined] # SQLModel gives it to each table
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


def claim_all(session: Session, jobs: Sequence[JobFacts]) -> list[Claim]:
    """Take one attempt of each job of which another host was not faster."""
    rows = [_taking(job) for job in jobs]
    taken = [job for job, changed in zip(jobs, _TAKE.each(session, rows), strict=True) if changed]
    note_moves(session, [Move(job.batch_uid, job.status, leased(job.status)) for job in taken])
    return [Claim(job, job.attempts_made + 1) for job in taken]


def _taking(job: JobFacts) -> dict[str, Any]:
    seen = {"job": job.uid, "seen": job.status, "attempts_seen": job.attempts_made}
    return seen | {"new_attempts_made": job.attempts_made + 1, "new_status": leased(job.status)}


def claim_next(session: Session, kinds: Kinds, batch_uid: UUID, host_uid: UUID, *, now: datetime) -> Claim | None:
    """Let a batch make its next job, for a host that takes it; None if the batch has ended or another was faster."""
    if not _SERVE.one(session, batch=batch_uid, new_served_at=now):
        return None
    (batch,) = _BATCH.all(session, batch=batch_uid)
    source = kinds.source(batch.kind)
    if source is None or source.app_uid is None:
        return None
    app = known_app(session, source.app_uid)
    reader = OwnReader(session)
    rows = Own(reader.row(kinds.of(app.kind).own.host, host_uid), reader.row(source.own, batch_uid))
    (made,) = source.make([Draw(batch, rows)])
    if not apply(session, [made.advance]):
        return None
    return _taken(session, made, batch, app, now)


def begin_attempts(session: Session, claims: Sequence[tuple[Claim, dict[str, Any]]]) -> list[bool]:
    """Write down attempts that were claimed, with further columns; tell of each whether it begins.

    One whose job was decided since does not.
    """
    return [changed > 0 for changed in _BEGIN.each(session, [_beginning(claim) | columns for claim, columns in claims])]


def _beginning(claim: Claim) -> dict[str, Any]:
    ref = {"job_uid": claim.job.uid, "number": claim.number}
    return {**_NOTHING_YET, **ref, "as_claimed": leased(claim.job.status)}


def _taken(session: Session, made: Made, batch: BatchFacts, app: AppFacts, now: datetime) -> Claim:
    """Write down a job that was made for a host, as one whose attempt it has."""
    assert batch.match_class is not None, "a batch whose jobs are made at the lease began with a requirement"
    job = JobFacts(made.uid, app.uid, batch.uid, JobWork(), app.limits, made.amount, Status.PENDING, 1, 0)
    claim = Claim(job, number=1)
    row = {
        "uid": job.uid,
        "owner_uid": batch.owner_uid,
        "app_uid": job.app_uid,
        "batch_uid": batch.uid,
        "match_class": batch.match_class,
        "work": job.work,
        "limits": job.limits,
        "amount": job.amount,
        "attempts_allowed": made.attempts_allowed,
        "priority": 0,
        "deadline": NEVER,
        "body_digest": "",
        "submitted_at": now,
    }
    taken = {"status": leased(job.status), "attempts_wanted": 0, "attempts_made": claim.number}
    insert_jobs(session, [row], taken)
    if made.own is not None:
        add(session, made.own)
    return claim
