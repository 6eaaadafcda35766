"""Submitting, reading and cancelling batches; the rules of a search are in `dispatcher.usecases.searches`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from dispatcher.tables import Batch, Job
from dispatcher.usecases import jobs, searches
from dispatcher.usecases.access import body_digest, load_own, page, repeated
from xwhep.errors import IllegalTransitionError
from xwhep.lifecycle import BatchStatus, Event, Status, bag_status, is_final
from xwhep.model.base import Page
from xwhep.model.batches import BatchKind, BatchView, SubmitBag, SubmitSearch
from xwhep.rights import Caller


def submit(session: Session, caller: Caller, request: SubmitBag | SubmitSearch, *, now: datetime) -> BatchView:
    """Submit a batch; sent again, it is the same batch.

    Raises:
        IdConflictError: the id was used for something else.
        PatternError, PublicKeyError, KeyUsedError: of a search, see `searches.begin`.
        NotFoundError, NoTargetError, InvalidFieldError: of a bag, see `jobs.submit`.
    """
    digest = body_digest(request)
    batch = repeated(session, Batch, caller, request.uid, digest)
    if batch is None:
        fields = request.model_dump(include={"uid", "name", "kind"})
        batch = Batch(**fields, owner_uid=caller.uid, body_digest=digest, submitted_at=now)
        session.add(batch)
        session.flush()
        match request:
            case SubmitBag():
                jobs.submit(session, caller, request.jobs, batch_uid=batch.uid, now=now)
            case SubmitSearch():
                searches.begin(session, batch, request)
        session.flush()
    return view(session, batch)


def show(session: Session, caller: Caller, uid: UUID) -> BatchView:
    """Return a batch."""
    return view(session, load_own(session, Batch, uid, caller, "batch"))


def list_own(session: Session, caller: Caller, after: str | None) -> Page[BatchView]:
    """Return the caller's batches, newest first."""
    query = select(Batch).where(Batch.owner_uid == caller.uid)
    order = (col(Batch.submitted_at), col(Batch.uid))
    return page(session, query, order, after, lambda batch: view(session, batch))


def cancel(session: Session, caller: Caller, uid: UUID, *, now: datetime) -> BatchView:
    """Cancel a batch with all its jobs that have not ended; doing it twice is doing it once.

    Raises:
        NotFoundError: no batch has this uid, or it is not the caller's.
        IllegalTransitionError: the batch has already ended in another way.
    """
    batch = load_own(session, Batch, uid, caller, "batch")
    status = status_of(session, batch)
    if status is not BatchStatus.CANCELLED:
        if status is not BatchStatus.RUNNING:
            raise IllegalTransitionError(status, Event.CANCELLED)
        batch.cancelled, batch.ended_at = True, now
        searches.stop_jobs(session, batch.uid, now=now)
    session.flush()
    return view(session, batch)


def counts(session: Session, batch_uid: UUID) -> dict[Status, int]:
    """Return how many jobs of a batch are in each status."""
    query = select(Job.status, func.count()).where(Job.batch_uid == batch_uid).group_by(col(Job.status))
    return {Status(status): count for status, count in session.exec(query)}


def status_of(session: Session, batch: Batch) -> BatchStatus:
    """Return where a batch is, from its jobs and its stop rule."""
    if batch.cancelled:
        return BatchStatus.CANCELLED
    if batch.kind is BatchKind.SEARCH:
        return BatchStatus.RUNNING if batch.ended_at is None else BatchStatus.COMPLETED
    return bag_status(counts(session, batch.uid), cancelled=False)


def view(session: Session, batch: Batch) -> BatchView:
    """Return a batch as messages show it."""
    search = searches.view(session, batch.uid) if batch.kind is BatchKind.SEARCH else None
    return BatchView(
        **batch.model_dump(include=set(BatchView.model_fields)),
        status=status_of(session, batch),
        jobs=counts(session, batch.uid),
        search=search,
    )


def note_end(session: Session, batch_uid: UUID, *, now: datetime) -> None:
    """Note when the last job of a bag ends; a search ends by its own rule."""
    batch = session.get(Batch, batch_uid)
    assert batch is not None
    if batch.kind is BatchKind.BAG and batch.ended_at is None and all(is_final(s) for s in counts(session, batch_uid)):
        batch.ended_at = now
