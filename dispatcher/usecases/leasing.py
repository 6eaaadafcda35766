"""Leases: given to polling hosts, prolonged by heartbeats, taken back from the silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import exists, func, literal
from sqlmodel import Session, col, select

from dispatcher.scheduling.leases import (
    FALSE_RESULTS_ALLOWED,
    LEASE,
    LIVE_ATTEMPTS_ALLOWED,
    SAME_HOST_PAUSE,
    credited_keys,
    lease_end,
    may_go_on,
    sizing_rate,
)
from dispatcher.scheduling.matching import Profile, Requirement, best_target
from dispatcher.storage.tables import Attempt, Batch, Host, Job, MatchClass
from dispatcher.usecases import searches
from dispatcher.usecases.catalogue import targets_of
from dispatcher.usecases.jobs import close, note_end
from xwhep.errors.identity import RevokedError
from xwhep.lifecycle import AttemptStatus, Event, Status, advance, after_loss
from xwhep.protocol.attempts import (
    HEARTBEAT_S,
    AttemptProgress,
    AttemptRef,
    Lease,
    LeaseRequest,
    NativeWork,
    ProgressFields,
)
from xwhep.rights import Caller
from xwhep.sql.columns import by_value

#: ids that one query names, well under the number of values that a statement may have
IDS_A_QUERY: Final = 1000
#: written into the statement: as a value that is bound, it would not tell the planner that the index of `ready` fits
PENDING: Final = col(Job.status) == literal(Status.PENDING, by_value(Status), literal_execute=True)


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

    Raises:
        RevokedError: the host was revoked while it waited.
    """
    if not _may_work(session, host_uid):
        return None
    classes = fitting_classes(session, profile)
    oldest = [found for match_class in classes if (found := _oldest(session, match_class, host_uid, now))]
    if oldest:
        return Offer(job_uid=min(oldest)[1])
    open_searches = select(Batch).where(col(Batch.match_class).in_(classes), col(Batch.ended_at).is_(None))
    batch = session.exec(open_searches.order_by(col(Batch.served_at).nulls_first()).limit(1)).first()
    return None if batch is None else Offer(search_uid=batch.uid)


def _may_work(session: Session, host_uid: UUID) -> bool:
    """Tell whether a host may have one more attempt."""
    host = session.get_one(Host, host_uid)
    if host.revoked_at is not None:
        raise RevokedError
    live = select(func.count()).where(col(Attempt.host_uid) == host_uid, col(Attempt.ended_at).is_(None))
    return host.false_results < FALSE_RESULTS_ALLOWED and session.exec(live).one() < LIVE_ATTEMPTS_ALLOWED


def _oldest(session: Session, match_class: int, host_uid: UUID, now: datetime) -> tuple[datetime, UUID] | None:
    """Return when the oldest waiting job of a class that this host has not just lost was submitted, and its id."""
    just_had = exists().where(
        col(Attempt.job_uid) == col(Job.uid),
        col(Attempt.host_uid) == host_uid,
        col(Attempt.ended_at).between(now - SAME_HOST_PAUSE, now + SAME_HOST_PAUSE),  # ahead: the clock was set back
    )
    ready = select(Job.submitted_at, Job.uid).where(Job.match_class == match_class, PENDING, ~just_had)
    return session.exec(ready.order_by(col(Job.submitted_at), col(Job.uid)).limit(1)).first()


def lease(session: Session, caller: Caller, request: LeaseRequest, *, now: datetime) -> Lease | None:
    """Lease what fits best to a host; None if nothing waits.

    Raises:
        RevokedError: the host was revoked while it waited.
    """
    profile = Profile(request.kinds, request.os, request.cpu, request.forms)
    found = offer(session, caller.uid, profile, now=now)
    host = session.get_one(Host, caller.uid)
    host.os, host.cpu, host.keys_per_s, host.seen_at = request.os, request.cpu, request.keys_per_s, now
    if found is None:
        return None
    if found.job_uid is not None:
        job = session.get_one(Job, found.job_uid)
    else:
        keys_per_s = sizing_rate(request.keys_per_s, host.proven_keys_per_s)
        job = searches.next_unit(session, session.get_one(Batch, found.search_uid), keys_per_s, now=now)
    return _give(session, job, profile, host, now=now)


def _give(session: Session, job: Job, profile: Profile, host: Host, *, now: datetime) -> Lease:
    job.status = advance(job.status, Event.LEASED)
    job.attempts_made += 1
    attempt = Attempt(
        job_uid=job.uid, number=job.attempts_made, host_uid=host.uid, leased_at=now, lease_ends_at=lease_end(now)
    )
    if job.unit_number is not None:
        # as before, until a heartbeat says how fast it is now
        attempt.keys_per_s = host.keys_per_s / searches.effort_of(session, job)
    session.add(attempt)
    session.flush()
    work = searches.work_of(session, job) if job.unit_number is not None else _native_work(session, job, profile)
    return Lease(
        job_uid=job.uid,
        attempt=attempt.number,
        lease_s=LEASE.total_seconds(),
        heartbeat_s=HEARTBEAT_S,
        work=work,
        keys_proven=host.keys_proven,
    )


def _native_work(session: Session, job: Job, profile: Profile) -> NativeWork:
    targets = {(target.os, target.cpu): target for target in targets_of(session, job.app_uid)}
    best = best_target(targets, profile)
    assert best is not None, "the match class fits, so one of the app's targets does"
    return NativeWork(program=targets[best].blob, entry=targets[best].entry, limits=job.limits, **job.work.model_dump())


# --- heartbeats ------------------------------------------------------------------------------------------------------


def sorted_out(
    session: Session, caller: Caller, reports: Iterable[AttemptProgress]
) -> tuple[list[AttemptProgress], list[AttemptRef]]:
    """Return which reports are of live attempts of the host, and which attempts it must stop. Only reads."""
    live = select(Attempt.job_uid, Attempt.number).where(
        Attempt.host_uid == caller.uid, col(Attempt.ended_at).is_(None)
    )
    known = set(session.exec(live))
    believed, stop = [], []
    for report in reports:
        if (report.job_uid, report.attempt) in known:
            believed.append(report)
        else:
            stop.append(AttemptRef(job_uid=report.job_uid, attempt=report.attempt))
    return believed, stop


@dataclass(frozen=True, slots=True)
class Heard:
    """A host was heard of an attempt."""

    host_uid: UUID
    at: datetime
    progress: AttemptProgress


def prolong(session: Session, heard: Sequence[Heard], hosts: dict[UUID, datetime]) -> None:
    """Prolong the leases of attempts that were heard of, keep their progress, and note which hosts were seen."""
    reports = {(report.host_uid, report.progress.job_uid, report.progress.attempt): report for report in heard}
    reporting = list({report.host_uid for report in heard})
    for some in _in_parts(reporting):
        live = select(Attempt, Job).join(Job, col(Job.uid) == col(Attempt.job_uid))
        live = live.where(col(Attempt.host_uid).in_(some), col(Attempt.ended_at).is_(None))
        for attempt, job in session.exec(live).all():
            report = reports.get((attempt.host_uid, attempt.job_uid, attempt.number))
            if report is not None and may_go_on(attempt.leased_at, job.limits.wall_s, report.at):
                attempt.lease_ends_at = max(attempt.lease_ends_at, lease_end(report.at))
                keep_progress(attempt, report.progress, job.unit_keys)
    for some in _in_parts(list(hosts)):
        for host in session.exec(select(Host).where(col(Host.uid).in_(some))).all():
            host.seen_at = hosts[host.uid]


def _in_parts(uids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """Yield ids in parts of which a query can name all."""
    return (uids[start : start + IDS_A_QUERY] for start in range(0, len(uids), IDS_A_QUERY))


def keep_progress(attempt: Attempt, progress: ProgressFields, unit_keys: int | None) -> None:
    """Write down how far an attempt is; what it tried never shrinks, and is never more than its unit has."""
    attempt.fraction = progress.fraction
    attempt.keys_tried = max(attempt.keys_tried, credited_keys(progress.keys_tried, unit_keys))
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
        note_end(session, job.batch_uid, now=now)


def expire(session: Session, *, now: datetime, at_most: int = 1000) -> int:
    """Take back the leases that have ended; return how many."""
    ended = select(Attempt).where(col(Attempt.ended_at).is_(None), col(Attempt.lease_ends_at) < now)
    attempts = session.exec(ended.order_by(col(Attempt.lease_ends_at)).limit(at_most)).all()
    for attempt in attempts:
        lose(session, attempt, "the host fell silent and the lease ended", now=now)
    session.flush()
    return len(attempts)


def prolong_all(session: Session, *, now: datetime) -> int:
    """Give every live lease its full length from now, whatever the clock was before; return how many there are.

    This is for a start, and for a gap or a jump in time: no host could send a heartbeat meanwhile.
    """
    live = session.exec(select(Attempt).where(col(Attempt.ended_at).is_(None))).all()
    for attempt in live:
        attempt.lease_ends_at = lease_end(now)
    session.flush()
    return len(live)


def take_back(session: Session, host_uid: UUID, *, now: datetime) -> None:
    """Take all attempts from a host that was revoked."""
    live = select(Attempt).where(Attempt.host_uid == host_uid, col(Attempt.ended_at).is_(None))
    for attempt in session.exec(live).all():
        lose(session, attempt, "the host was revoked", now=now)
