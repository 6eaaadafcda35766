"""What waits for hosts, as the dispatcher remembers it: queues of jobs, and classes of which batches make jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from cachetools import LRUCache
from sqlalchemy import ColumnElement, Executable, Uuid, bindparam, insert, literal_column
from sqlmodel import Session, col

from dispatcher.scheduling.matching import FittingClasses, Requirement
from dispatcher.scheduling.queues import JobOrder, Queue, ReadyQueues
from dispatcher.storage.memory import change, memory_of
from dispatcher.storage.tables import Batch, Job, MatchClass
from dispatcher.usecases.access import announce
from xwhep.sql.prepared import PreparedRead, PreparedWrite

#: match classes whose numbers are remembered
MOST_CLASSES: Final = 1000
#: attempts that a batch without a last job can use
ENDLESS: Final = 1_000_000


def wanted() -> ColumnElement[bool]:
    """Return the condition of the index of ready jobs.

    It is written into the statement: as a value that is bound, it would not tell the planner that the index fits.
    """
    return col(Job.attempts_wanted) > literal_column("0")


def order_columns() -> tuple[Any, ...]:
    """Return the columns that make a job's order, as `order_of` takes them."""
    return col(Job.priority), col(Job.deadline), col(Job.submitted_at), col(Job.uid)


def in_order() -> tuple[Any, ...]:
    """Return by what a queue is sorted."""
    return col(Job.priority).desc(), col(Job.deadline), col(Job.submitted_at), col(Job.uid)


def order_of(priority: int, deadline: Any, submitted_at: Any, uid: UUID) -> JobOrder:
    """Return the order of a job."""
    return (-priority, deadline, submitted_at, uid)


@dataclass(slots=True)
class Ready:
    """What may wait; what is named here may be gone, what waits is named here."""

    queues: ReadyQueues = field(default_factory=ReadyQueues)
    sources: set[int] = field(default_factory=set)  #: classes of batches that make jobs at the lease
    fitting: FittingClasses = field(default_factory=FittingClasses)


def _next_queue() -> Executable:
    """Return the statement that finds the first job of the queue that comes after a queue.

    Each queue is sought by the index, however many jobs it holds.
    """
    after = sqlalchemy.tuple_(col(Job.match_class), col(Job.owner_uid)) > sqlalchemy.tuple_(
        bindparam("match_class"), bindparam("owner", type_=Uuid())
    )
    return (
        sqlalchemy.select(col(Job.match_class), col(Job.owner_uid), *order_columns())
        .where(after, wanted())
        .order_by(col(Job.match_class), col(Job.owner_uid), *in_order())
        .limit(1)
    )


_NEXT_QUEUE: Final = PreparedRead(_next_queue(), lambda number, owner, *order: (Queue(number, owner), order_of(*order)))
_SOURCES: Final = PreparedRead(
    sqlalchemy.select(col(Batch.match_class))
    .where(col(Batch.match_class).is_not(None), col(Batch.ended_at).is_(None))
    .distinct(),
    int,
)
_CLASS: Final = PreparedRead(
    sqlalchemy.select(col(MatchClass.requirement)).where(col(MatchClass.id) == bindparam("number")), str
)
_NUMBER: Final = PreparedRead(
    sqlalchemy.select(col(MatchClass.id)).where(col(MatchClass.requirement) == bindparam("requirement")), int
)
_ADD_CLASS: Final = PreparedWrite(insert(MatchClass).values(requirement=bindparam("requirement")))
_PLACE: Final = PreparedRead(
    sqlalchemy.select(col(Job.match_class), col(Job.owner_uid), *order_columns()).where(
        col(Job.uid) == bindparam("job")
    ),
    lambda number, owner, *order: (Queue(number, owner), order_of(*order)),
)


def recall(session: Session) -> Ready:
    """Return what waits."""
    return memory_of(session).recall(Ready, partial(_read, session))


def to_change(session: Session) -> Ready:
    """Return what waits, to change it."""
    return change(session, Ready, partial(_read, session))


def _read(session: Session) -> Ready:
    ready, last = Ready(), Queue(-1, UUID(int=0))
    while found := _NEXT_QUEUE.all(session, match_class=last.match_class, owner=last.owner_uid):
        ((last, order),) = found
        ready.queues.note(last, order)
    ready.sources.update(_SOURCES.all(session))
    for number in ready.queues.classes() | ready.sources:
        ready.fitting.learn(number, _requirement(session, number))
    return ready


def _requirement(session: Session, number: int) -> Requirement:
    (text,) = _CLASS.all(session, number=number)
    return _parsed(text)


@lru_cache(maxsize=10_000)
def _parsed(text: str) -> Requirement:
    return Requirement.parse(text)


class _Classes(LRUCache[str, int]):
    """The match classes that were looked up lately, by the texts of their requirements."""

    def __init__(self) -> None:
        super().__init__(MOST_CLASSES)


def class_of(session: Session, requirement: Requirement) -> int:
    """Return the match class of a requirement, made when it is new."""
    text = requirement.text()
    known = memory_of(session).recall(_Classes, _Classes)
    if text not in known:
        if not (found := _NUMBER.all(session, requirement=text)):
            _ADD_CLASS.one(session, requirement=text)
            found = _NUMBER.all(session, requirement=text)
            change(session, _Classes, _Classes)  # with this use case the class may go again
        known[text] = found[0]
    return known[text]


def note_jobs(session: Session, orders: Mapping[Queue, JobOrder], attempts: Mapping[int, int]) -> None:
    """Take in jobs that became ready: the first of each queue, and how many attempts are wanted of each class."""
    if not orders:
        return
    ready = to_change(session)
    for queue, order in orders.items():
        ready.queues.note(queue, order)
    for number, count in attempts.items():
        announce(session, _learnt(session, ready, number), count)


def note_again(session: Session, wanted_of: Mapping[UUID, int]) -> None:
    """Take in that attempts of jobs, by id, are wanted once more."""
    uids = [uid for uid, count in wanted_of.items() if count]
    for uid, found in zip(uids, _PLACE.each(session, [{"job": uid} for uid in uids]), strict=True):
        for queue, order in found:
            note_jobs(session, {queue: order}, {queue.match_class: wanted_of[uid]})


def note_source(session: Session, number: int) -> None:
    """Take in that a batch of a class makes jobs from now on."""
    ready = to_change(session)
    ready.sources.add(number)
    announce(session, _learnt(session, ready, number), ENDLESS)


def announce_all(session: Session) -> None:
    """Let all hosts look again for which a job may wait."""
    ready = recall(session)
    for number in ready.queues.classes():
        announce(session, ready.fitting[number], ENDLESS)


def _learnt(session: Session, ready: Ready, number: int) -> Requirement:
    if number not in ready.fitting:
        ready.fitting.learn(number, _requirement(session, number))
    return ready.fitting[number]
