"""What a host can be given now. This only reads: a poll that finds nothing changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam, exists, func, or_
from sqlmodel import Session, col

from dispatcher.kinds.facts import JobFacts
from dispatcher.scheduling.leases import FALSE_RESULTS_ALLOWED, LIVE_ATTEMPTS_ALLOWED, SAME_HOST_PAUSE
from dispatcher.scheduling.queues import JobOrder, Queue
from dispatcher.storage.member_tables import Host
from dispatcher.storage.tables import Attempt, Batch, Job
from dispatcher.usecases.cases import columns_of
from dispatcher.usecases.ready import Ready, in_order, order_columns, order_of, wanted
from xwhep.errors.identity import RevokedError
from xwhep.protocol.base import Cpu, Os
from xwhep.sql.prepared import PreparedRead

#: jobs that a host has just lost from which it is kept, at most: the latest; so a look at a queue is bounded too
LOST_KEPT: Final = 64
#: jobs of ended batches past which a queue is looked at, at most
PAST_ENDED: Final = 300
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
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
    lost_at: datetime | None  #: when an attempt of its own last brought no result


_ASKING: Final = PreparedRead(
    sqlalchemy.select(
        col(Host.os),
        col(Host.cpu),
        col(Host.revoked_at),
        col(Host.false_results),
        sqlalchemy.select(func.count())
        .where(col(Attempt.host_uid) == bindparam("host"), col(Attempt.ended_at).is_(None))
        .scalar_subquery(),
        sqlalchemy.select(func.max(col(Attempt.ended_at)))
        .where(col(Attempt.host_uid) == bindparam("host"), col(Attempt.blame).is_not(None))
        .scalar_subquery(),
    ).where(col(Host.uid) == bindparam("host")),
    Asking,
)
#: the jobs that a host has lost lately, the latest first
_LOST: Final = (
    sqlalchemy.select(col(Attempt.job_uid))
    .where(
        col(Attempt.host_uid) == bindparam("host"),
        col(Attempt.blame).is_not(None),
        # ahead too: the clock may have been set back
        col(Attempt.ended_at).between(bindparam("since"), bindparam("until")),
    )
    .order_by(col(Attempt.ended_at).desc())
    .limit(LOST_KEPT)
)


class Losses(NamedTuple):
    """The jobs that a host has lost so lately that another host shall have them."""

    host: UUID
    since: datetime
    until: datetime


class ReadyJob(NamedTuple):
    """A job of which an attempt is wanted, with its place in its queue."""

    job: JobFacts
    order: JobOrder
    may_run: bool  #: False: it is of a batch that has ended, and will end with it


def _ready_job(may_run: bool, *columns: Any) -> ReadyJob:  # noqa: FBT001 - a column, in its place
    place = len(columns) - len(order_columns())
    return ReadyJob(JobFacts(*columns[:place]), order_of(*columns[place:]), may_run)


_QUEUED: Final = (
    sqlalchemy.select(NOT_CANCELLED.label("may_run"), *columns_of(Job, JobFacts), *order_columns())
    .where(
        col(Job.match_class) == bindparam("match_class"),
        col(Job.owner_uid) == bindparam("owner"),
        wanted(),
    )
    .order_by(*in_order())
    .limit(bindparam("at_most"))
)
_HEAD: Final = PreparedRead(_QUEUED, _ready_job)
_HEAD_BUT_LOST: Final = PreparedRead(_QUEUED.where(col(Job.uid).not_in(_LOST)), _ready_job)


def _served(served_at: datetime | None, uid: UUID) -> tuple[datetime | None, UUID]:
    return served_at, uid


_LEAST_SERVED: Final = PreparedRead(
    sqlalchemy.select(col(Batch.served_at), col(Batch.uid))
    .where(col(Batch.match_class) == bindparam("match_class"), col(Batch.ended_at).is_(None))
    .order_by(col(Batch.served_at).nulls_first())
    .limit(1),
    _served,
)


@dataclass(frozen=True, slots=True)
class Offer:
    """Jobs of one queue that a host can be given now, and the beginning of that queue."""

    queue: Queue
    jobs: list[JobFacts]
    head: list[ReadyJob]

    def left(self, claimed: Collection[UUID]) -> JobOrder | None:
        """Return what the queue begins with when one attempt of each of these jobs is claimed; None: it is empty."""
        left = (one for one in self.head if one.job.attempts_wanted > (one.job.uid in claimed))
        return next((one.order for one in left), None)


def asking(session: Session, host_uids: Iterable[UUID]) -> dict[UUID, Asking]:
    """Return what is known of hosts.

    Raises:
        RevokedError: one of them was revoked while it waited.
    """
    uids = list(dict.fromkeys(host_uids))
    hosts = [host for found in _ASKING.each(session, [{"host": uid} for uid in uids]) for host in found]
    if any(host.revoked_at is not None for host in hosts):
        raise RevokedError
    return dict(zip(uids, hosts, strict=True))


def room(host: Asking) -> int:
    """Return how many more attempts a host may have."""
    return LIVE_ATTEMPTS_ALLOWED - host.live_attempts if host.false_results < FALSE_RESULTS_ALLOWED else 0


def just_lost(host_uid: UUID, host: Asking, *, now: datetime) -> Losses | None:
    """Return the jobs that a host has lost so lately that another host shall have them; None: there are none."""
    since, until = now - SAME_HOST_PAUSE, now + SAME_HOST_PAUSE
    return None if host.lost_at is None or host.lost_at < since else Losses(host_uid, since, until)


def next_jobs(
    session: Session, ready: Ready, classes: frozenset[int], lost: Losses | None, *, at_most: int
) -> Offer | None:
    """Return the jobs of these classes that come first, of one queue; None if none waits.

    Jobs that are `lost` are left to others. What is found of a queue is remembered in `ready`.
    """
    queues, passed = ready.queues, set[Queue]()
    while (first := queues.first(classes, passed)) is not None:
        queue, _ = first
        head = _head(session, queue, None, at_most + 1)
        queues.put(queue, head[0].order if head else None)
        if queues.first(classes, passed) != (queue, head[0].order if head else None):
            continue  # the queue began later than it was thought to
        passed.add(queue)
        if free := _free(session, queue, head, lost, at_most):
            others = queues.first(classes, passed)
            jobs = [one.job for one in free if others is None or one is free[0] or one.order <= others[1]]
            return Offer(queue, jobs, head)
    return None


def _free(session: Session, queue: Queue, head: list[ReadyJob], lost: Losses | None, at_most: int) -> list[ReadyJob]:
    """Return the first jobs of a queue, which has this head, that may run and are not lost."""
    found = head if lost is None else _head(session, queue, lost, at_most)
    if found and not any(one.may_run for one in found):
        # they go away by themselves (`slices`): jobs far behind them wait until then
        found = _head(session, queue, lost, PAST_ENDED)
    return [one for one in found if one.may_run][:at_most]


def _head(session: Session, queue: Queue, lost: Losses | None, at_most: int) -> list[ReadyJob]:
    of_queue = {"match_class": queue.match_class, "owner": queue.owner_uid, "at_most": at_most}
    if lost is None:
        return _HEAD.all(session, **of_queue)
    return _HEAD_BUT_LOST.all(session, **of_queue, **lost._asdict())


def next_source(session: Session, ready: Ready, classes: frozenset[int]) -> UUID | None:
    """Return the batch of these classes whose turn it is to make a job; None if there is none."""
    numbers = sorted(classes & ready.sources)
    found = _LEAST_SERVED.first_of_each(session, [{"match_class": number} for number in numbers])
    ready.sources -= {number for number, batch in zip(numbers, found, strict=True) if batch is None}
    waiting = [batch for batch in found if batch is not None]
    if not waiting:
        return None
    _, uid = min(waiting, key=lambda batch: (batch[0] is not None, batch[0] or _FIRST))
    return uid
