"""The use cases in the database's queue, and how each is run in a transaction that others share."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self, TypeAlias, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlmodel import Session

from dispatcher.scheduling.matching import Requirement
from dispatcher.storage.memory import memory_of
from xwhep.errors.base import XwhepError
from xwhep.sql.prepared import PreparedWrite

LOG = logging.getLogger("dispatcher")

F = TypeVar("F", bound=Callable[..., Any])

#: how many attempts became wanted of jobs with each requirement
Ready: TypeAlias = Counter[Requirement]

#: a use case that takes many calls at once: it is given what all of them share, the calls, and the time at which it
#: runs, and returns the value or the error of each
ForMany: TypeAlias = Callable[[Session, Any, Sequence[Any], datetime], Sequence[Any]]
#: tells the time
Clock: TypeAlias = Callable[[], datetime]

#: the key in `Session.info` under which a use case announces them
READY: Final = "ready"

_SAVEPOINT: Final = PreparedWrite(text("SAVEPOINT use_case"))
_ROLLBACK: Final = PreparedWrite(text("ROLLBACK TO SAVEPOINT use_case"))
_RELEASE: Final = PreparedWrite(text("RELEASE SAVEPOINT use_case"))


@dataclass(frozen=True, slots=True)
class UseCaseResult:
    """The outcome of a use case: its value, or its failure."""

    value: Any
    failure: BaseException | None
    ready: Ready | None = None  #: attempts that became wanted


@dataclass(slots=True)
class QueuedUseCase:
    """One use case to run, and the future of its caller."""

    work: Callable[[Session], Any]
    future: Future[Any] | asyncio.Future[Any] = field(init=False)  #: given to it by whoever puts it into the queue
    is_by_statements: bool = False  #: it adds no object to the session
    many: tuple[ForMany, Any] | None = None  #: what takes its call together with others, and what these share
    call: Any = None
    clock: Clock | None = None

    @classmethod
    def one_of(cls, use_case: ForMany, shared: Any, call: Any, clock: Clock) -> Self:
        """Return one call of a use case that takes many at once.

        The time is read when it runs, not when it is called: so what is written later has the later time, in whatever
        order those that wait are taken.
        """
        alone = _alone(use_case, shared, call, clock)
        return cls(alone, is_by_statements=True, many=(use_case, shared), call=call, clock=clock)

    @classmethod
    def of(cls, use_case: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Self:
        """Return a use case with its arguments, as it is marked."""
        marked = getattr(use_case, "is_by_statements", False)
        return cls(lambda session: use_case(session, *args, **kwargs), is_by_statements=marked)

    def begins(self) -> bool:
        """Tell whether the caller still waits; from now on the use case is run to its end."""
        if isinstance(self.future, Future):
            return self.future.set_running_or_notify_cancel()
        return not self.future.cancelled()

    def end(self, answer: UseCaseResult) -> None:
        """Tell the caller the outcome; a caller in a loop is told in the loop's thread."""
        if isinstance(self.future, Future) or not self.future.done():
            if answer.failure is not None:
                self.future.set_exception(answer.failure)
            else:
                self.future.set_result(answer.value)


def by_statements(use_case: F) -> F:
    """Mark a use case that changes rows by statements alone, and adds no object to the session.

    Then its savepoint is made by the driver: made by SQLAlchemy it costs more than many a use case. One that adds
    objects needs SQLAlchemy's, since an error while they are written ends the transaction otherwise.
    """
    use_case.is_by_statements = True  # type: ignore[attr-defined] # functions take attributes
    return use_case


class NotTogetherError(Exception):
    """Raised by a use case for many where calls depend on each other, so that each is to be done by itself."""


def attempt_all(session: Session, group: Sequence[QueuedUseCase]) -> list[UseCaseResult]:
    """Run use cases, each in a savepoint; return the outcome of each.

    Calls that one use case takes together are one savepoint's; if anything goes wrong, each of them gets its own.

    Raises:
        DatabaseError: it is the disk or the file: none of them was done.
    """
    results: dict[int, UseCaseResult] = {}
    for places in _together(group):
        some = [group[place] for place in places]
        found = _attempt_together(session, some) if len(some) > 1 else None
        results |= zip(places, found or (_attempt(session, order) for order in some), strict=True)
    return [results[place] for place in range(len(group))]


def _together(group: Sequence[QueuedUseCase]) -> Iterable[list[int]]:
    """Return the places of those that one use case takes together, and each of the others by itself."""
    found: dict[Any, list[int]] = {}
    for place, order in enumerate(group):
        key = place if order.many is None else tuple(map(id, order.many))
        found.setdefault(key, []).append(place)
    return found.values()


def _alone(use_case: ForMany, shared: Any, call: Any, clock: Clock) -> Callable[[Session], Any]:
    return lambda session: use_case(session, shared, [call], clock())[0]


def _attempt_together(session: Session, orders: Sequence[QueuedUseCase]) -> list[UseCaseResult] | None:
    """Run the calls of one use case at once; None if it cannot take them together, which then changes nothing.

    One of them may have failed, or have been second to write a value that must be unique: to run each alone tells.
    """
    many, clock = orders[0].many, orders[0].clock
    assert many is not None, "it takes many"
    assert clock is not None, "such have one"
    (use_case, shared), calls = many, [order.call for order in orders]
    try:
        values = _run(session, lambda session: use_case(session, shared, calls, clock()), by_statements=True)
    except Exception as failure:  # any: whoever of them has caused it hears of it alone
        if _is_fatal(failure):
            raise
        if not isinstance(failure, NotTogetherError | XwhepError | IntegrityError):
            LOG.exception("%d calls failed together, each is done by itself", len(calls))
        return None
    finally:
        _forget_objects(session)
    ready = session.info.pop(READY, None)
    return [_result(value, ready if place == 0 else None) for place, value in enumerate(values)]


def tell_here(order: QueuedUseCase, answer: UseCaseResult) -> bool:
    """Tell a caller that waits in a thread; return True for a caller in a loop, which this leaves to `tell_all`."""
    if isinstance(order.future, Future):
        order.end(answer)
        return False
    return True


def tell_all(answers: Iterable[tuple[QueuedUseCase, UseCaseResult]]) -> None:
    """Tell the callers in this thread's loop."""
    for order, answer in answers:
        order.end(answer)


def _attempt(session: Session, order: QueuedUseCase) -> UseCaseResult:
    """Run one use case in a savepoint; one that raises changes nothing.

    One that was second to write a value that must be unique is run once more: now it sees the first.
    """
    try:
        try:
            value = _run(session, order.work, by_statements=order.is_by_statements)
        except IntegrityError:
            value = _run(session, order.work, by_statements=order.is_by_statements)
    except Exception as failure:
        if _is_fatal(failure):
            raise
        return UseCaseResult(None, failure)
    finally:
        _forget_objects(session)
    return _result(value, session.info.pop(READY, None))


def _is_fatal(failure: Exception) -> bool:
    """Tell whether it is the disk or the file, so that the whole transaction has failed."""
    return isinstance(failure, OperationalError) or type(failure) is DatabaseError


def _forget_objects(session: Session) -> None:
    """Forget objects that were loaded: statements change rows behind the session."""
    if session.identity_map or session.new:
        session.expunge_all()


def _result(value: Any, ready: Ready | None) -> UseCaseResult:
    return UseCaseResult(None, value, ready) if isinstance(value, XwhepError) else UseCaseResult(value, None, ready)


def _run(session: Session, work: Callable[[Session], Any], *, by_statements: bool) -> Any:
    """Run one use case; the changes of one that raises are taken back."""
    session.info.pop(READY, None)
    memory = memory_of(session)
    memory.is_changed = False
    try:
        return _in_savepoint(session, work, by_statements=by_statements)
    except BaseException:
        if memory.is_changed:
            memory.forget()
        raise


def _in_savepoint(session: Session, work: Callable[[Session], Any], *, by_statements: bool) -> Any:
    if not by_statements:
        with session.begin_nested():
            return work(session)
    _SAVEPOINT.one(session)
    try:
        value = work(session)
    except BaseException:
        _ROLLBACK.one(session)
        raise
    finally:
        _RELEASE.one(session)
    return value
