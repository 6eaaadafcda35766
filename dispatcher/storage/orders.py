"""Use cases that wait for the database: what each of them is, and how it is run in a transaction that others share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlmodel import Session

from xwhep.errors.base import XwhepError
from xwhep.sql.prepared import PreparedWrite

F = TypeVar("F", bound=Callable[..., Any])

#: what a use case announces, in `Session.info`: how many attempts became wanted
READY: Final = "ready"

_SAVEPOINT: Final = PreparedWrite(text("SAVEPOINT use_case"))
_ROLLBACK: Final = PreparedWrite(text("ROLLBACK TO SAVEPOINT use_case"))
_RELEASE: Final = PreparedWrite(text("RELEASE SAVEPOINT use_case"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order."""

    value: Any
    failure: BaseException | None
    ready: int = 0  #: how many attempts became wanted


@dataclass(slots=True)
class Order:
    """One use case to run, and who waits for it."""

    work: Callable[[Session], Any]
    future: Future[Any] | asyncio.Future[Any] = field(default_factory=Future)
    is_long: bool = False
    by_statements: bool = False

    def begins(self) -> bool:
        """Tell whether somebody still waits, and from now on to the end."""
        if isinstance(self.future, Future):
            return self.future.set_running_or_notify_cancel()
        return not self.future.cancelled()

    def end(self, answer: Answer) -> None:
        """Tell who waits; one who waits in a loop is told in its thread."""
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
    use_case.by_statements = True  # type: ignore[attr-defined] # functions take attributes
    return use_case


def is_by_statements(use_case: Callable[..., Any]) -> bool:
    """Tell whether a use case is marked so."""
    return getattr(use_case, "by_statements", False)


def attempt_all(session: Session, group: Iterable[Order]) -> list[Answer]:
    """Run use cases one after the other, each in a savepoint; return what became of each.

    Raises:
        DatabaseError: it is the disk or the file: none of them was done.
    """
    return [_attempt(session, order) for order in group]


def tell_here(order: Order, answer: Answer) -> bool:
    """Tell who waits in a thread; return whether the order is of a loop, where who waits is yet to be told."""
    if isinstance(order.future, Future):
        order.end(answer)
        return False
    return True


def tell_all(answers: Iterable[tuple[Order, Answer]]) -> None:
    """Tell those who wait in this thread's loop."""
    for order, answer in answers:
        order.end(answer)


def _attempt(session: Session, order: Order) -> Answer:
    """Run one use case in a savepoint; what it raised has changed nothing.

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
        return Answer(None, failure)
    finally:
        session.expunge_all()  # the next one is to see what statements have changed, and not what this one has read
    ready = session.info.pop(READY, 0)
    return Answer(None, value, ready) if isinstance(value, XwhepError) else Answer(value, None, ready)


def _run(session: Session, order: Order) -> Any:
    """Run one use case; what one that raises has written is taken back."""
    session.info.pop(READY, None)
    if not order.by_statements:
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
