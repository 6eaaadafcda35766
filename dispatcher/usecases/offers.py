"""What a host can be given now. This only reads: a poll that finds nothing changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam, exists, func, literal_column, or_
from sqlmodel import Session, col

from dispatcher.scheduling.leases import FALSE_RESULTS_ALLOWED, LIVE_ATTEMPTS_ALLOWED, SAME_HOST_PAUSE
from dispatcher.scheduling.matching import Profile, Requirement
from dispatcher.storage.tables import Attempt, Batch, Host, Job, MatchClass
from xwhep.errors.identity import RevokedError
from xwhep.protocol.base import Cpu, Os
from xwhep.sql.prepared import PreparedRead

#: written into the statement: as a value that is bound, it would not tell the planner that the index of `ready` fits
WANTED: Final = col(Job.attempts_wanted) > literal_column("0")
#: a job of a batch that has ended is cancelled, also while its row does not say so yet. One that had ended before may
#: be tried again, unless its owner has cancelled the batch. A job in no batch costs nothing.
NOT_CANCELLED: Final = or_(
    col(Job.batch_uid).is_(None),
    exists().where(
        col(Batch.uid) == col(Job.batch_uid),
        ~col(Batch.cancelled),
        or_(col(Batch.ended_at).is_(None), col(Job.ended_at).is_not(None)),
    ),
)


class Asking(NamedTuple):
    """What is known of a host that asks for work."""

    os: Os | None
    cpu: Cpu | None
    revoked_at: datetime | None
    false_results: int
    live_attempts: int


_ASKING: Final = PreparedRead(
    sqlalchemy.select(
        col(Host.os),
        col(Host.cpu),
        col(Host.revoked_at),
        col(Host.false_results),
        sqlalchemy.select(func.count())
        .where(col(Attempt.host_uid) == bindparam("host"), col(Attempt.ended_at).is_(None))
        .scalar_subquery(),
    ).where(col(Host.uid) == bindparam("host")),
    Asking,
)
_CLASSES: Final = PreparedRead(
    sqlalchemy.select(col(MatchClass.id), col(MatchClass.requirement)), lambda number, text: (number, text)
)
_OLDEST: Final = PreparedRead(
    sqlalchemy.select(col(Job.submitted_at), col(Job.uid))
    .where(
        col(Job.match_class) == bindparam("match_class"),
        WANTED,
        NOT_CANCELLED,
        ~exists().where(
            col(Attempt.job_uid) == col(Job.uid),
            col(Attempt.host_uid) == bindparam("host"),
            # ahead too: the clock may have been set back
            col(Attempt.ended_at).between(bindparam("since"), bindparam("until")),
        ),
    )
    .order_by(col(Job.submitted_at), col(Job.uid))
    .limit(1),
    lambda submitted_at, uid: (submitted_at, uid),
)
_LEAST_SERVED: Final = PreparedRead(
    sqlalchemy.select(col(Batch.served_at), col(Batch.uid))
    .where(col(Batch.match_class) == bindparam("match_class"), col(Batch.ended_at).is_(None))
    .order_by(col(Batch.served_at).nulls_first())
    .limit(1),
    lambda served_at, uid: (served_at, uid),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a host can be given now: a job of which an attempt is wanted, or a batch whose source makes the next one."""

    job_uid: UUID | None = None
    batch_uid: UUID | None = None


def asking(session: Session, host_uid: UUID) -> Asking:
    """Return what is known of a host.

    Raises:
        RevokedError: it was revoked while it waited.
    """
    (host,) = _ASKING.all(session, host=host_uid)
    if host.revoked_at is not None:
        raise RevokedError
    return host


def may_work(host: Asking) -> bool:
    """Tell whether a host may have one more attempt."""
    return host.false_results < FALSE_RESULTS_ALLOWED and host.live_attempts < LIVE_ATTEMPTS_ALLOWED


def fitting_classes(session: Session, profile: Profile) -> list[int]:
    """Return the match classes whose jobs a host of this profile can run."""
    return [number for number, text in _CLASSES.all(session) if _requirement(text).fits(profile)]


@lru_cache(maxsize=10_000)
def _requirement(text: str) -> Requirement:
    return Requirement.parse(text)


def offer(session: Session, host_uid: UUID, profile: Profile, *, now: datetime) -> Offer | None:
    """Return what a host can be given that may work; None if nothing waits that fits.

    Jobs go first, the oldest of all fitting classes; batches that make jobs at the lease take turns with what is left.
    """
    classes: list[dict[str, Any]] = [{"match_class": number} for number in fitting_classes(session, profile)]
    pause = {"host": host_uid, "since": now - SAME_HOST_PAUSE, "until": now + SAME_HOST_PAUSE}
    oldest = [found for some in _OLDEST.each(session, [one | pause for one in classes]) for found in some]
    if oldest:
        return Offer(job_uid=min(oldest)[1])
    waiting = [found for some in _LEAST_SERVED.each(session, classes) for found in some]
    if not waiting:
        return None
    least_served = min(waiting, key=lambda one: (one[0] is not None, one[0] or now))
    return Offer(batch_uid=least_served[1])
