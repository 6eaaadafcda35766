"""How many jobs of each batch are in each status: counted with each change of a status, never by looking at the jobs.

Whoever changes the status of jobs notes it here in the same transaction: one statement a batch, and none for jobs that
are in no batch. A batch whose source ends it with its jobs ends in the statement that counts its last open job out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy
from sqlalchemy import ColumnElement, and_, bindparam, literal, update
from sqlmodel import Session, col

from dispatcher.kinds.registry import Kinds
from dispatcher.storage.tables import Batch
from xwhep.lifecycle import OPEN, Status
from xwhep.sql.columns import UtcDateTime
from xwhep.sql.prepared import PreparedWrite


class Move(NamedTuple):
    """Jobs of a batch that have changed their status; without one before, they are new."""

    batch_uid: UUID | None  #: None: they are in no batch, and are not counted
    before: Status | None
    after: Status
    jobs: int = 1


def column_of(status: Status) -> Any:
    """Return the column of a batch that counts its jobs in a status."""
    return col(getattr(Batch, f"jobs_{status.value}"))


def open_jobs() -> ColumnElement[int]:
    """Return how many jobs of a batch have not ended; written as the index of ended batches has it."""
    pending, running = map(column_of, OPEN)
    total: ColumnElement[int] = pending + running
    return total


def note_moves(session: Session, moves: Iterable[Move]) -> None:
    """Count jobs that are new or were leased: no batch ends by that."""
    for uid, changes in _by_batch(moves).items():
        _COUNT.one(session, batch=uid, **changes)


def note_ends(session: Session, kinds: Kinds, moves: Iterable[Move], *, now: datetime) -> None:
    """Count jobs of which some may have ended; a batch ends by that if its source says so and none is open any more."""
    by_batch = _by_batch(moves)
    if by_batch:
        counting = _counting_to_the_end(frozenset(kinds.ending_with_their_jobs))
        for uid, changes in by_batch.items():
            counting.one(session, batch=uid, **changes, now=now)


def counts_of(batch: Batch) -> dict[Status, int]:
    """Return how many jobs of a batch are in each status that any is in, by the names of these.

    Those of a batch that has ended count as cancelled, also before their rows say so (`dispatcher.usecases.slices`).
    """
    found = {status: getattr(batch, f"jobs_{status.value}") for status in sorted(Status)}
    if batch.ended_at is not None:
        found[Status.CANCELLED] += sum(found[status] for status in OPEN)
        found |= dict.fromkeys(OPEN, 0)
    return {status: count for status, count in found.items() if count}


def _by_batch(moves: Iterable[Move]) -> Mapping[UUID, Mapping[str, int]]:
    """Return what is to be added to the counts of each batch, by the name of its value in the statements."""
    found: dict[UUID, Counter[str]] = {}
    for batch_uid, before, after, jobs in moves:
        if batch_uid is not None and jobs and before is not after:
            changes = found.setdefault(batch_uid, Counter())
            changes[f"more_{after.value}"] += jobs
            if before is not None:
                changes[f"more_{before.value}"] -= jobs
    return found


def _more(status: Status) -> ColumnElement[int]:
    return bindparam(f"more_{status.value}", 0, type_=sqlalchemy.BigInteger)


_COUNTED: Final = {f"jobs_{status.value}": column_of(status) + _more(status) for status in Status}
_COUNT: Final = PreparedWrite(update(Batch).where(col(Batch.uid) == bindparam("batch")).values(_COUNTED))


@lru_cache
def _counting_to_the_end(kinds: frozenset[str]) -> PreparedWrite:
    """Return the statement that counts, and ends a batch of one of these kinds with its last open job."""
    pending, running = (column_of(status) + _more(status) for status in OPEN)
    ends = and_(
        col(Batch.ended_at).is_(None),
        col(Batch.kind).in_([literal(kind) for kind in sorted(kinds)]),
        pending + running == literal(0),
    )
    ended_at = sqlalchemy.case((ends, bindparam("now", type_=UtcDateTime)), else_=col(Batch.ended_at))
    counting = update(Batch).where(col(Batch.uid) == bindparam("batch"))
    return PreparedWrite(counting.values({**_COUNTED, "ended_at": ended_at}))
