"""The use cases in the database's queue, and how each is run in a transaction that others share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeAlias, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlmodel import Session

from dispatcher.scheduling.matching import Requirement
from dispatcher.storage.memory import memory_of
from xwhep.errors.base import XwhepError
from xwhep.sql.prepared import PreparedWrite

F = TypeVar("F", bound=Callable[..., Any])

#: how many attempts became wanted of jobs with each requirement
Ready: TypeAlias = Counter[Requirement]

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
    future: Future[Any] | asyncio.Future[Any] = field(default_factory=Future)
    is_by_statements: bool = False  #: it adds no object to the session

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


def attempt_all(session: Session, group: Iterable[QueuedUseCase]) -> list[UseCaseResult]:
    """Run use cases one after the other, each in a savepoint; return the outcome of each.

    Raises:
        DatabaseError: it is the disk or the file: none of them was done.
    """
    return [_attempt(session, order) for order in group]


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
            value = _run(session, order)
        except IntegrityError:
            value = _run(session, order)
    except Exception as failure:
        if isinstance(failure, OperationalError) or type(failure) is DatabaseError:
            raise  # the disk or the file: the whole group has failed
        return UseCaseResult(None, failure)
    finally:
        if not order.is_by_statements or session.identity_map:
            session.expunge_all()  # statements change rows behind the session: the next use case reads its own
    ready = session.info.pop(READY, None)
    return UseCaseResult(None, value, ready) if isinstance(value, XwhepError) else UseCaseResult(value, None, ready)


def _run(session: Session, order: QueuedUseCase) -> Any:
    """Run one use case; the changes of one that raises are taken back."""
    session.info.pop(READY, None)
    memory = memory_of(session)
    memory.is_changed = False
    try:
        return _in_savepoint(session, order)
    except BaseException:
        if memory.is_changed:
            memory.forget()
        raise


def _in_savepoint(session: Session, order: QueuedUseCase) -> Any:
    if not order.is_by_statements:
        with session.begin_nested():
            return order.work(session)
    _SAVEPOINT.one(session)
    try:
        value = order.work(session)
    except BaseException:
        _ROLLBACK.one(session)
        raise
    finally:
        _RELEASE.one(session)
    return value
