"""Submitting, reading and cancelling batches; the rules of a search are in `dispatcher.usecases.searches`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from dispatcher.storage.tables import Batch, Job
from dispatcher.usecases import jobs, searches
from dispatcher.usecases.access import body_digest, load_own, page, repeated
from xwhep.errors.identity import ForbiddenError
from xwhep.errors.requests import IllegalTransitionError
from xwhep.lifecycle import BatchStatus, Event, Status, bag_status
from xwhep.protocol.base import Page
from xwhep.protocol.batches import BatchKind, BatchView, SubmitBag, SubmitSearch
from xwhep.rights import Caller
from xwhep.vanity.wanted import Wanted


def submit(
    session: Session,
    caller: Caller,
    request: SubmitBag | SubmitSearch,
    wanted: Wanted | None = None,
    *,
    now: datetime,
) -> BatchView:
    """Submit a batch; sent again, it is the same batch.

    `wanted` is what a search asks for, if its request was parsed before: that may take a second.

    Raises:
        ForbiddenError: it names a requester, and the caller is no bridge.
        IdConflictError: the id was used for something else.
        PatternError, PublicKeyError, KeyUsedError: of a search, see `searches.begin`.
        NotFoundError, NoTargetError, InvalidFieldError: of a bag, see `jobs.submit`.
    """
    if request.requester is not None and not caller.is_bridge:
        raise ForbiddenError(caller.role, "name the requester of a batch; only the service account of a bridge may")
    digest = body_digest(request)
    batch = repeated(session, Batch, caller, request.uid, digest)
    if batch is None:
        fields = request.model_dump(include={"uid", "name", "requester", "kind"})
        batch = Batch(**fields, owner_uid=caller.uid, body_digest=digest, submitted_at=now)
        session.add(batch)
        session.flush()
        match request:
            case SubmitBag():
                jobs.submit(session, caller, request.jobs, batch_uid=batch.uid, now=now)
            case SubmitSearch():
                searches.begin(session, batch, request, wanted or request.wanted())
        session.flush()
    return view(session, batch)


def show(session: Session, caller: Caller, uid: UUID) -> BatchView:
    """Return a batch."""
    return view(session, load_own(session, Batch, uid, caller, "batch"))


def list_own(session: Session, caller: Caller, after: str | None) -> Page[BatchView]:
    """Return the caller's batches, newest first."""
    query = select(Batch).where(Batch.owner_uid == caller.uid)
    order = (col(Batch.submitted_at), col(Batch.uid))
    return page(session, query, order, after, lambda rows: views(session, rows))


def cancel(session: Session, caller: Caller, uid: UUID, *, now: datetime) -> BatchView:
    """Cancel a batch with all its jobs that have not ended; doing it twice is doing it once.

    Raises:
        NotFoundError: no batch has this uid, or it is not the caller's.
        IllegalTransitionError: the batch has already ended in another way.
    """
    batch = load_own(session, Batch, uid, caller, "batch")
    status = status_of(batch, counts(session, [uid])[uid])
    if status is not BatchStatus.CANCELLED:
        if status is not BatchStatus.RUNNING:
            raise IllegalTransitionError(status, Event.CANCELLED)
        batch.cancelled, batch.ended_at = True, now
        searches.stop_jobs(session, batch.uid, now=now)
    session.flush()
    return view(session, batch)


def counts(session: Session, batch_uids: Collection[UUID]) -> dict[UUID, dict[Status, int]]:
    """Return how many jobs of each batch are in each status."""
    query = select(Job.batch_uid, Job.status, func.count()).where(col(Job.batch_uid).in_(batch_uids))
    found: dict[UUID, dict[Status, int]] = {uid: {} for uid in batch_uids}
    for uid, status, count in session.exec(query.group_by(col(Job.batch_uid), col(Job.status))):
        assert uid is not None
        found[uid][Status(status)] = count
    return found


def status_of(batch: Batch, jobs_in: Mapping[Status, int]) -> BatchStatus:
    """Return where a batch is, from its jobs and its stop rule."""
    if batch.cancelled:
        return BatchStatus.CANCELLED
    if batch.kind is BatchKind.SEARCH:
        return BatchStatus.RUNNING if batch.ended_at is None else BatchStatus.COMPLETED
    return bag_status(jobs_in, cancelled=False)


def view(session: Session, batch: Batch) -> BatchView:
    """Return a batch as messages show it."""
    return views(session, [batch])[0]


def views(session: Session, rows: Sequence[Batch]) -> list[BatchView]:
    """Return batches as messages show them."""
    jobs_in = counts(session, [batch.uid for batch in rows])
    found = searches.views(session, [batch.uid for batch in rows if batch.kind is BatchKind.SEARCH])
    return [
        BatchView(
            **batch.model_dump(include=set(BatchView.model_fields)),
            status=status_of(batch, jobs_in[batch.uid]),
            jobs=jobs_in[batch.uid],
            search=found.get(batch.uid),
        )
        for batch in rows
    ]
