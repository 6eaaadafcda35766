"""Submitting, reading and cancelling batches; what makes a batch's jobs, and when it has ended, its source says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from dispatcher.kinds.contract import Begun, Shown
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.tables import Attempt, Batch, Job
from dispatcher.usecases import jobs, ready
from dispatcher.usecases.access import load_own, page, repeated
from dispatcher.usecases.counts import counts_of
from dispatcher.usecases.own import own_rows
from dispatcher.usecases.slices import end_batch
from dispatcher.usecases.submissions import BatchSubmission
from xwhep.errors.identity import ForbiddenError
from xwhep.errors.requests import IllegalTransitionError
from xwhep.lifecycle import BatchStatus, Event, Status
from xwhep.protocol.base import Details, Page
from xwhep.protocol.batches import BatchView
from xwhep.rights import Caller


def submit(
    session: Session,
    kinds: Kinds,
    caller: Caller,
    submission: BatchSubmission,
    *,
    now: datetime,
) -> BatchView:
    """Submit a batch; sent again, it is the same batch.

    Raises:
        ForbiddenError: it names a requester, and the caller is no bridge.
        IdConflictError: the id was used for something else.
        XwhepError: its source finds something taken, or `jobs.submit` refuses one of its jobs.
    """
    request, begun = submission.request, submission.begun
    if request.requester is not None and not caller.is_bridge:
        raise ForbiddenError(caller.role, "name the requester of a batch; only the service account of a bridge may")
    batch = repeated(session, Batch, caller, request.uid, submission.digest)
    if batch is None:
        fields = request.model_dump(include={"uid", "name", "requester", "kind"})
        batch = Batch(**fields, owner_uid=caller.uid, body_digest=submission.digest, submitted_at=now)
        if begun.requirement is not None:
            batch.match_class = ready.class_of(session, begun.requirement)
            ready.note_source(session, batch.match_class)
        session.add(batch)
        session.flush()
        _begin(session, begun)
        if begun.jobs:
            jobs.submit(session, kinds, caller, submission.jobs, batch_uid=batch.uid, now=now)
            session.refresh(batch)  # its jobs were counted by a statement
    return view(session, kinds, batch)


def _begin(session: Session, begun: Begun) -> None:
    """Write down the source's own row, unless a value that must be unique is taken."""
    if begun.own is None:
        return
    session.add(begun.own)
    try:
        session.flush()
    except IntegrityError as error:
        raise begun.taken or error from error


def show(session: Session, kinds: Kinds, caller: Caller, uid: UUID) -> BatchView:
    """Return a batch."""
    return view(session, kinds, load_own(session, Batch, uid, caller, "batch"))


def list_own(session: Session, kinds: Kinds, caller: Caller, after: str | None) -> Page[BatchView]:
    """Return the caller's batches, newest first."""
    query = select(Batch).where(Batch.owner_uid == caller.uid)
    order = (col(Batch.submitted_at), col(Batch.uid))
    return page(session, query, order, after, lambda rows: views(session, kinds, rows))


def cancel(session: Session, kinds: Kinds, caller: Caller, uid: UUID, *, now: datetime) -> BatchView:
    """Cancel a batch with all its jobs that have not ended; doing it twice is doing it once.

    Of many jobs the rows follow (`dispatcher.usecases.slices`); none of them is leased from now on.

    Raises:
        NotFoundError: no batch has this uid, or it is not the caller's.
        IllegalTransitionError: the batch has already ended in another way.
    """
    load_own(session, Batch, uid, caller, "batch")
    end_batch(session, kinds, uid, cancelled=True, now=now)
    batch = session.get_one(Batch, uid, populate_existing=True)
    if not batch.cancelled:
        raise IllegalTransitionError(view(session, kinds, batch).status, Event.CANCELLED)
    return view(session, kinds, batch)


def _status(kinds: Kinds, batch: Batch) -> BatchStatus:
    """Return where a batch is, from its jobs and its source's rule."""
    if batch.cancelled:
        return BatchStatus.CANCELLED
    source = kinds.source(batch.kind)
    if source is None:
        return BatchStatus.RUNNING if batch.ended_at is None else BatchStatus.COMPLETED
    return source.status(counts_of(batch), ended=batch.ended_at is not None)


def view(session: Session, kinds: Kinds, batch: Batch) -> BatchView:
    """Return a batch as messages show it."""
    return views(session, kinds, [batch])[0]


def views(session: Session, kinds: Kinds, rows: Sequence[Batch]) -> list[BatchView]:
    """Return batches as messages show them."""
    details = _details(session, kinds, rows)
    return [
        BatchView(
            **batch.model_dump(include=set(BatchView.model_fields)),
            status=_status(kinds, batch),
            jobs=counts_of(batch),
            details=details.get(batch.uid),
        )
        for batch in rows
    ]


def _details(session: Session, kinds: Kinds, rows: Sequence[Batch]) -> dict[UUID, Details | None]:
    """Return what sources tell of their batches, by batch."""
    found: dict[UUID, Details | None] = {}
    for source in kinds.sources.values():
        uids = [batch.uid for batch in rows if batch.kind == source.name]
        if source.own is None or not uids:
            continue
        at_work, own = _at_work(session, uids), own_rows(session, source.own, uids)
        shown = [Shown(own[uid], *at_work.get(uid, ())) for uid in uids]
        found |= dict(zip(uids, source.details(shown), strict=True))
    return found


def _at_work(session: Session, uids: Collection[UUID]) -> dict[UUID | None, tuple[int, int, float]]:
    """Return what live attempts of batches do: how many hosts are at it, the amount done, and how fast."""
    hosts = func.count(func.distinct(Attempt.host_uid))
    query = select(Job.batch_uid, hosts, func.sum(Attempt.amount), func.sum(Attempt.amount_per_s))
    live = query.join(Attempt, col(Attempt.job_uid) == col(Job.uid)).where(
        col(Job.batch_uid).in_(uids), col(Job.status) == Status.RUNNING, col(Attempt.ended_at).is_(None)
    )
    return {uid: (count, amount, rate) for uid, count, amount, rate in session.exec(live.group_by(col(Job.batch_uid)))}
