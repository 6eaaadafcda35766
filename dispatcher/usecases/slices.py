"""Ends of many rows, slice by slice: the jobs of a batch that has ended, the attempts of a host that was revoked.

The row of the batch or of the host is the fact, and is committed first, with one slice: from then on no job of the
batch is leased, and none to the host. The others follow in `follow_up`, a slice a transaction, and other use cases run
in between. The rows tell what is left to do, so that a dispatcher that was killed goes on with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from sqlalchemy import ColumnElement, bindparam, literal_column, update
from sqlmodel import Session, col

from dispatcher.kinds.registry import Kinds
from dispatcher.storage.member_tables import Host
from dispatcher.storage.tables import Attempt, Batch, Job
from dispatcher.usecases import ready
from dispatcher.usecases.access import changed
from dispatcher.usecases.counts import Move, note_ends, open_jobs
from dispatcher.usecases.ends import TRIES, AttemptEnd, Decision, decide_jobs, settle
from xwhep.errors.jobs import UnavailableError
from xwhep.lifecycle import OPEN, AttemptStatus, Event, Status, advance
from xwhep.sql.prepared import PreparedRead, PreparedWrite

#: jobs that wait, changed by one statement: some 30 us each
PENDING_AT_A_TIME: Final = 250
#: attempts that end, some 100 us each with all that follows
LIVE_AT_A_TIME: Final = 100

_WAITING: Final = (
    sqlalchemy.select(col(Job.uid))
    .where(col(Job.batch_uid) == bindparam("batch"), col(Job.status) == Status.PENDING)
    .limit(bindparam("at_most"))
)
_CANCEL_WAITING: Final = PreparedWrite(
    update(Job)
    .where(col(Job.uid).in_(_WAITING), col(Job.status) == Status.PENDING)
    .values(status=advance(Status.PENDING, Event.CANCELLED), attempts_wanted=0, ended_at=bindparam("now"))
)
#: a batch that has ended before its jobs, by `ix_batches_unfinished`
_UNFINISHED: Final[PreparedRead[UUID]] = PreparedRead(
    sqlalchemy.select(col(Batch.uid))
    .where(col(Batch.ended_at).is_not(None), open_jobs() > literal_column("0"))
    .limit(1),
    lambda uid: uid,
)
_OF_REVOKED: Final = PreparedRead(
    sqlalchemy.select(col(Attempt.job_uid), col(Attempt.number))
    .where(
        col(Attempt.host_uid).in_(sqlalchemy.select(col(Host.uid)).where(col(Host.revoked_at).is_not(None))),
        col(Attempt.ended_at).is_(None),
    )
    .limit(bindparam("at_most")),
    lambda uid, number: (uid, number),
)


def end_batch(session: Session, kinds: Kinds, uid: UUID, *, cancelled: bool, now: datetime) -> bool:
    """End a batch, and the first of its jobs that have not ended; return False if it had ended before."""
    ending = update(Batch).where(col(Batch.uid) == uid, col(Batch.ended_at).is_(None))
    if not changed(session, ending.values(ended_at=now, cancelled=cancelled)):
        return False
    cancel_some(session, kinds, uid, now=now)
    return True


def cancel_some(session: Session, kinds: Kinds, batch_uid: UUID, *, now: datetime) -> int:
    """Cancel open jobs of a batch, those that wait first; return how many."""
    waiting = _CANCEL_WAITING.one(session, batch=batch_uid, at_most=PENDING_AT_A_TIME, now=now)
    note_ends(session, kinds, [Move(batch_uid, Status.PENDING, Status.CANCELLED, waiting)], now=now)
    if waiting == PENDING_AT_A_TIME:
        return waiting
    return waiting + len(_cancel_open(session, kinds, col(Job.batch_uid) == batch_uid, now=now))


def cancel_jobs(session: Session, kinds: Kinds, which: ColumnElement[bool], *, now: datetime) -> None:
    """Cancel the open ones of a few jobs and revoke their attempts, until none is open.

    Raises:
        UnavailableError: others changed the same jobs again and again meanwhile.
    """
    for _ in range(TRIES):
        if not _open(session, which):
            return
        _cancel_open(session, kinds, which, now=now)
    raise UnavailableError("others change the same jobs at the same time")


def _open(session: Session, which: ColumnElement[bool]) -> Sequence[Any]:
    columns = sqlalchemy.select(col(Job.uid), col(Job.status), col(Job.attempts_made), col(Job.batch_uid))
    return session.execute(columns.where(which, col(Job.status).in_(OPEN)).limit(LIVE_AT_A_TIME)).all()


def _cancel_open(session: Session, kinds: Kinds, which: ColumnElement[bool], *, now: datetime) -> set[UUID]:
    decisions = [
        Decision(uid, Status(status), Event.CANCELLED, made, batch_uid=batch_uid)
        for uid, status, made, batch_uid in _open(session, which)
    ]
    return decide_jobs(session, kinds, decisions, now=now)


def take_back(session: Session, kinds: Kinds, *, now: datetime) -> int:
    """Take attempts from hosts that were revoked; return how many."""
    reason = "the host was revoked"
    found = _OF_REVOKED.all(session, at_most=LIVE_AT_A_TIME)
    ends = [AttemptEnd(uid, number, AttemptStatus.LOST, reason) for uid, number in found]
    return len(settle(session, kinds, ends, now=now)) if ends else 0


def follow_up(session: Session, kinds: Kinds, *, now: datetime) -> int:
    """Do a slice of what is left to do; return how many jobs or attempts have ended, 0 when nothing is left."""
    for batch_uid in _UNFINISHED.all(session):
        done = cancel_some(session, kinds, batch_uid, now=now)
        if done < PENDING_AT_A_TIME:
            ready.announce_all(session)  # jobs that were behind those of the batch in their queue
        return done
    return take_back(session, kinds, now=now)
