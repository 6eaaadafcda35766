"""Taking what was offered, before anybody else does: the first write is conditional, and its loser takes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, insert, literal, select, update
from sqlmodel import Session, col

from dispatcher.kinds.contract import Draw, Made, Own
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.tables import App, Attempt, Batch, Job
from dispatcher.usecases.access import changed
from dispatcher.usecases.offers import Offer
from dispatcher.usecases.own import apply, own_rows
from xwhep.lifecycle import leased
from xwhep.protocol.jobs import JobWork


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt of a job, taken for a host; it is written down by `begin_attempt`."""

    job: Job
    number: int


def claim(session: Session, kinds: Kinds, offer: Offer, host_uid: UUID, *, now: datetime) -> Claim | None:
    """Take one attempt of what was offered; None if another host was faster."""
    job_uid = offer.job_uid
    if offer.batch_uid is not None:
        job_uid = _make(session, kinds, offer.batch_uid, host_uid, now)
    job = None if job_uid is None else session.get(Job, job_uid, populate_existing=True)
    if job is None or job.attempts_wanted <= 0:
        return None
    number, status = job.attempts_made + 1, job.status
    as_seen = (
        col(Job.uid) == job.uid,
        col(Job.status) == status,
        col(Job.attempts_wanted) > 0,
        col(Job.attempts_made) == number - 1,
    )
    values = {"attempts_wanted": col(Job.attempts_wanted) - 1, "attempts_made": number, "status": leased(status)}
    taken = changed(session, update(Job).where(*as_seen).values(values))
    return Claim(job, number) if taken else None


def begin_attempt(session: Session, attempt: Attempt, job: Job) -> bool:
    """Write an attempt down that was claimed, unless its job was decided since; tell whether it begins."""
    values = attempt.model_dump()
    as_claimed = exists().where(col(Job.uid) == job.uid, col(Job.status) == leased(job.status))
    table = Attempt.__table__  # type: ignore[attr-defined] # SQLModel gives it to each table
    columns = [literal(values[column.name], column.type) for column in table.columns]
    return bool(
        changed(session, insert(table).from_select(list(table.columns.keys()), select(*columns).where(as_claimed)))
    )


def _make(session: Session, kinds: Kinds, batch_uid: UUID, host_uid: UUID, now: datetime) -> UUID | None:
    """Make the next job of a batch; return its id, or None if the batch has ended or another host was faster."""
    served = update(Batch).where(col(Batch.uid) == batch_uid, col(Batch.ended_at).is_(None))
    if not changed(session, served.values(served_at=now)):
        return None
    batch = session.get_one(Batch, batch_uid)
    source = kinds.source(batch.kind)
    if source is None or source.app_uid is None:
        return None
    app = session.get_one(App, source.app_uid)
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


def _insert(session: Session, made: Made, batch: Batch, app: App, now: datetime) -> None:
    assert batch.match_class is not None, "a batch whose jobs are made at the lease began with a requirement"
    job = Job(
        uid=made.uid,
        owner_uid=batch.owner_uid,
        app_uid=app.uid,
        batch_uid=batch.uid,
        match_class=batch.match_class,
        work=JobWork(),
        limits=app.limits,
        amount=made.amount,
        attempts_allowed=made.attempts_allowed,
        body_digest="",
        submitted_at=now,
    )
    session.add(job)
    session.flush()
    if made.own is not None:
        session.add(made.own)
        session.flush()
