"""What a host can be given now. This only reads: a poll that finds nothing costs no commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import exists, func, literal
from sqlmodel import Session, col, select

from dispatcher.scheduling.leases import FALSE_RESULTS_ALLOWED, LIVE_ATTEMPTS_ALLOWED, SAME_HOST_PAUSE
from dispatcher.scheduling.matching import Profile, Requirement
from dispatcher.storage.tables import Attempt, Batch, Host, Job, MatchClass
from xwhep.errors.identity import RevokedError

#: written into the statement: as a value that is bound, it would not tell the planner that the index of `ready` fits
WANTED: Final = col(Job.attempts_wanted) > literal(0, literal_execute=True)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a host can be given now: a job of which an attempt is wanted, or a batch whose source makes the next one."""

    job_uid: UUID | None = None
    batch_uid: UUID | None = None


def fitting_classes(session: Session, profile: Profile) -> list[int]:
    """Return the match classes whose jobs a host of this profile can run."""
    rows = session.exec(select(MatchClass.id, MatchClass.requirement)).all()
    return [number for number, text in rows if number is not None and Requirement.parse(text).fits(profile)]


def offer(session: Session, host_uid: UUID, profile: Profile, *, now: datetime) -> Offer | None:
    """Return what the host can be given; None if nothing waits that fits.

    Jobs go first, the oldest of all fitting classes; batches that make jobs at the lease take turns with what is left.

    Raises:
        RevokedError: the host was revoked while it waited.
    """
    if not _may_work(session, host_uid):
        return None
    classes = fitting_classes(session, profile)
    oldest = [found for match_class in classes if (found := _oldest(session, match_class, host_uid, now))]
    if oldest:
        return Offer(job_uid=min(oldest)[1])
    open_batches = select(Batch.uid).where(col(Batch.match_class).in_(classes), col(Batch.ended_at).is_(None))
    batch_uid = session.exec(open_batches.order_by(col(Batch.served_at).nulls_first()).limit(1)).first()
    return None if batch_uid is None else Offer(batch_uid=batch_uid)


def _may_work(session: Session, host_uid: UUID) -> bool:
    """Tell whether a host may have one more attempt."""
    known = select(Host.revoked_at, Host.false_results).where(Host.uid == host_uid)
    revoked_at, false_results = session.exec(known).one()
    if revoked_at is not None:
        raise RevokedError
    live = select(func.count()).where(col(Attempt.host_uid) == host_uid, col(Attempt.ended_at).is_(None))
    return false_results < FALSE_RESULTS_ALLOWED and session.exec(live).one() < LIVE_ATTEMPTS_ALLOWED


def _oldest(session: Session, match_class: int, host_uid: UUID, now: datetime) -> tuple[datetime, UUID] | None:
    """Return when the oldest waiting job of a class that this host has not just lost was submitted, and its id."""
    just_had = exists().where(
        col(Attempt.job_uid) == col(Job.uid),
        col(Attempt.host_uid) == host_uid,
        col(Attempt.ended_at).between(now - SAME_HOST_PAUSE, now + SAME_HOST_PAUSE),  # ahead: the clock was set back
    )
    ready = select(Job.submitted_at, Job.uid).where(Job.match_class == match_class, WANTED, ~just_had)
    return session.exec(ready.order_by(col(Job.submitted_at), col(Job.uid)).limit(1)).first()
