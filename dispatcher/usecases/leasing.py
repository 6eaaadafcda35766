"""Leases: given to polling hosts, prolonged by heartbeats, taken back from the silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists
from sqlmodel import Session, col, select

from dispatcher.leases import FALSE_RESULTS_ALLOWED, LEASE, SAME_HOST_PAUSE, lease_end
from dispatcher.matching import Profile, Requirement, best_target
from dispatcher.tables import Attempt, Batch, Host, Job, MatchClass
from dispatcher.usecases import batches, searches
from dispatcher.usecases.catalogue import targets_of
from dispatcher.usecases.jobs import close
from xwhep.errors import RevokedError
from xwhep.lifecycle import AttemptStatus, Event, Status, advance, after_loss
from xwhep.model.attempts import (
    HEARTBEAT_S,
    AttemptProgress,
    AttemptRef,
    Lease,
    LeaseRequest,
    NativeWork,
    ProgressFields,
)
from xwhep.rights import Caller


@dataclass(frozen=True, slots=True)
class Offer:
    """What a host can be given now: a waiting job, or the next unit of a search."""

    job_uid: UUID | None = None
    search_uid: UUID | None = None


def fitting_classes(session: Session, profile: Profile) -> list[int]:
    """Return the match classes whose jobs a host of this profile can run."""
    rows = session.exec(select(MatchClass)).all()
    return [row.id for row in rows if row.id is not None and Requirement.parse(row.requirement).fits(profile)]


def offer(session: Session, host_uid: UUID, profile: Profile, *, now: datetime) -> Offer | None:
    """Return what the host can be given; None if nothing waits that fits. Only reads.

    Jobs go first, the oldest of all fitting classes; searches have no last unit, and take turns with what is left.
    """
    host = session.get(Host, host_uid)
    if host is None or host.revoked_at is not None or host.false_results >= FALSE_RESULTS_ALLOWED:
        return None
    classes = fitting_classes(session, profile)
    oldest = [job for match_class in classes if (job := _oldest(session, match_class, host_uid, now))]
    if oldest:
        return Offer(job_uid=min(oldest, key=lambda job: (job.submitted_at, job.uid)).uid)
    open_searches = select(Batch).where(col(Batch.match_class).in_(classes), col(Batch.ended_at).is_(None))
    batch = session.exec(open_searches.order_by(col(Batch.served_at).nulls_first()).limit(1)).first()
    return None if batch is None else Offer(search_uid=batch.uid)


def _oldest(session: Session, match_class: int, host_uid: UUID, now: datetime) -> Job | None:
    """Return the oldest waiting job of a class that this host has not just lost or failed."""
    just_had = exists().where(
        col(Attempt.job_uid) == col(Job.uid),
        col(Attempt.host_uid) == host_uid,
        col(Attempt.ended_at) > now - SAME_HOST_PAUSE,
    )
    ready = select(Job).where(Job.match_class == match_class, Job.status == Status.PENDING, ~just_had)
    return session.exec(ready.order_by(col(Job.submitted_at), col(Job.uid)).limit(1)).first()


def lease(session: Session, caller: Caller, request: LeaseRequest, *, now: datetime) -> Lease | None:
    """Lease what fits best to a host; None if nothing waits.

    Raises:
        RevokedError: the host was revoked while it waited.
    """
    host = session.get_one(Host, caller.uid)
    if host.revoked_at is not None:
        raise RevokedError
    host.os, host.cpu, host.keys_per_s, host.seen_at = request.os, request.cpu, request.keys_per_s, now
    profile = Profile(request.kinds, request.os, request.cpu)
    found = offer(session, caller.uid, profile, now=now)
    if found is None:
        return None
    if found.job_uid is not None:
        job = session.get_one(Job, found.job_uid)
    else:
        job = searches.next_unit(session, session.get_one(Batch, found.search_uid), request.keys_per_s, now=now)
    return _give(session, job, profile, caller.uid, now=now)


def _give(session: Session, job: Job, profile: Profile, host_uid: UUID, *, now: datetime) -> Lease:
    job.status = advance(job.status, Event.LEASED)
    job.attempts_made += 1
    attempt = Attempt(
        job_uid=job.uid, number=job.attempts_made, host_uid=host_uid, leased_at=now, lease_ends_at=lease_end(now)
    )
    session.add(attempt)
    session.flush()
    work = searches.work_of(session, job) if job.unit_number is not None else _native_work(session, job, profile)
    return Lease(
        job_uid=job.uid,
        attempt=attempt.number,
        lease_s=LEASE.total_seconds(),
        heartbeat_s=HEARTBEAT_S,
        work=work,
    )


def _native_work(session: Session, job: Job, profile: Profile) -> NativeWork:
    targets = {(target.os, target.cpu): target for target in targets_of(session, job.app_uid)}
    best = best_target(targets, profile)
    assert best is not None, "the match class fits, so one of the app's targets does"
    return NativeWork(program=targets[best].blob, entry=targets[best].entry, limits=job.limits, **job.work.model_dump())


# --- heartbeats ------------------------------------------------------------------------------------------------------


def no_longer_live(session: Session, caller: Caller, refs: Iterable[AttemptRef]) -> list[AttemptRef]:
    """Return which of these attempts the host must stop. Only reads."""
    live = select(Attempt).where(Attempt.host_uid == caller.uid, col(Attempt.ended_at).is_(None))
    known = {(attempt.job_uid, attempt.number) for attempt in session.exec(live)}
    return [AttemptRef(job_uid=r.job_uid, attempt=r.attempt) for r in refs if (r.job_uid, r.attempt) not in known]


@dataclass(frozen=True, slots=True)
class Heard:
    """A host was heard of an attempt."""

    host_uid: UUID
    at: datetime
    progress: AttemptProgress


def prolong(session: Session, heard: Sequence[Heard], hosts: dict[UUID, datetime]) -> None:
    """Prolong the leases of attempts that were heard of, keep their progress, and note which hosts were seen."""
    for report in heard:
        attempt = session.get(Attempt, (report.progress.job_uid, report.progress.attempt))
        if attempt is None or attempt.host_uid != report.host_uid or attempt.ended_at is not None:
            continue  # ended meanwhile
        attempt.lease_ends_at = max(attempt.lease_ends_at, lease_end(report.at))
        keep_progress(attempt, report.progress)
    for host_uid, seen_at in hosts.items():
        host = session.get(Host, host_uid)
        if host is not None:
            host.seen_at = seen_at


def keep_progress(attempt: Attempt, progress: ProgressFields) -> None:
    """Write down how far an attempt is; what it tried never shrinks."""
    attempt.fraction = progress.fraction
    attempt.keys_tried = max(attempt.keys_tried, progress.keys_tried)
    attempt.keys_per_s = progress.keys_per_s


# --- loss ------------------------------------------------------------------------------------------------------------


def lose(session: Session, attempt: Attempt, reason: str, *, now: datetime) -> None:
    """End an attempt that brings no result; its job waits again, or ends when its attempts are used up."""
    job = session.get_one(Job, attempt.job_uid)
    event = after_loss(job.attempts_made, job.attempts_allowed)
    if job.unit_number is not None:
        attempt.reason = reason
        searches.end_unit(session, attempt, job, AttemptStatus.LOST, event, now=now)
        return
    close(attempt, AttemptStatus.LOST, reason, now=now)
    job.status = advance(job.status, event)
    if event is Event.ATTEMPTS_USED_UP:
        job.ended_at = now
        session.flush()
        if job.batch_uid is not None:
            batches.note_end(session, job.batch_uid, now=now)


def expire(session: Session, *, now: datetime, at_most: int = 1000) -> int:
    """Take back the leases that have ended; return how many."""
    ended = select(Attempt).where(col(Attempt.ended_at).is_(None), col(Attempt.lease_ends_at) < now)
    attempts = session.exec(ended.order_by(col(Attempt.lease_ends_at)).limit(at_most)).all()
    for attempt in attempts:
        lose(session, attempt, "the host fell silent and the lease ended", now=now)
    session.flush()
    return len(attempts)


def prolong_all(session: Session, *, now: datetime) -> int:
    """Prolong every live lease after a start, since no host could send a heartbeat meanwhile; return how many."""
    live = session.exec(select(Attempt).where(col(Attempt.ended_at).is_(None))).all()
    for attempt in live:
        attempt.lease_ends_at = max(attempt.lease_ends_at, lease_end(now))
    session.flush()
    return len(live)


def take_back(session: Session, host_uid: UUID, *, now: datetime) -> None:
    """Take all attempts from a host that was revoked."""
    live = select(Attempt).where(Attempt.host_uid == host_uid, col(Attempt.ended_at).is_(None))
    for attempt in session.exec(live).all():
        lose(session, attempt, "the host was revoked", now=now)
