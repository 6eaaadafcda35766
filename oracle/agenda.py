"""What the ledger says is to be done, and what the bridge notes in it before and after it does something.

The functions are for `Ledger.run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from oracle.ledger import Key, change
from oracle.settlement import Event, Margins, Standing, State, Step, next_step
from oracle.tables import Task

#: the states in which something is left to do before a transaction is signed
_UNSENT: Final = (State.SEEN, State.CONFIRMED, State.DISPATCHED, State.ANSWERED)
#: the states of a task that takes a place in the quotas
_IN_WORK: Final = (State.CONFIRMED, State.DISPATCHED, State.ANSWERED, State.SENT)
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many tasks are in work at the same time; others wait in `seen`.

    They are not refused: a refusal costs the oracle gas, and waiting costs it nothing. After its deadline anybody may
    have a task refunded.
    """

    per_requester: int
    per_app: int


def due(session: Session, margins: Margins, *, now: int) -> list[tuple[Key, Step]]:
    """Return the tasks with something to do, the oldest first; a task past its deadline is waited for by nobody."""
    open_tasks = and_(col(Task.state).in_(_UNSENT), col(Task.deadline) >= now)
    columns: Any = (Task.id, Task.commitment, *_STANDING)  # more than the overloads of `select` can say
    rows = session.exec(
        select(*columns).where(or_(col(Task.batch_open), open_tasks)).order_by(col(Task.submitted_block), col(Task.id))
    )
    steps = (((id_, commitment), _step(standing, margins, now)) for id_, commitment, *standing in rows)
    return [(key, step) for key, step in steps if step is not None]


_STANDING: Final = (Task.state, Task.deadline, Task.outcome, Task.batch_open, Task.changed_at)


def _step(values: list[Any], margins: Margins, now: int) -> Step | None:
    state, deadline, outcome, batch_open, changed_at = values
    return next_step(Standing(state, deadline, outcome is not None, batch_open, changed_at), margins, now=now)


def step_of(session: Session, key: Key, margins: Margins, *, now: int) -> tuple[Task, Step] | None:
    """Return a task and what to do for it; None if there is nothing."""
    task = session.get_one(Task, key)
    values = [task.state, task.deadline, task.outcome, task.batch_open, task.changed_at]
    step = _step(values, margins, now)
    return None if step is None else (task, step)


def has_room(session: Session, task: Task, quotas: Quotas, *, now: int) -> bool:
    """Tell whether the quotas let one more task of this requester and this app into work."""
    return (
        _in_work(session, now, col(Task.requester) == task.requester) < quotas.per_requester
        and _in_work(session, now, col(Task.app) == task.app) < quotas.per_app
    )


def _in_work(session: Session, now: int, whose: Any) -> int:
    in_work = (col(Task.state).in_(_IN_WORK), col(Task.deadline) >= now)
    return session.exec(select(func.count()).select_from(Task).where(whose, *in_work)).one()


def admit(session: Session, key: Key, quotas: Quotas, *, now: int) -> bool:
    """Let a task that was seen into work; False if there is no room for it now, or it is not waiting any more."""
    task = session.get_one(Task, key)
    return has_room(session, task, quotas, now=now) and change(session, key, State.SEEN, Event.ADMITTED, now=now)


def note(
    session: Session, key: Key, was: State, happened: Event, columns: Mapping[str, object] = _NOTHING, *, now: int
) -> bool:
    """Note what happened to a task, with the columns that go with it; see `ledger.change`."""
    return change(session, key, was, happened, now=now, **columns)


def expect_batch(session: Session, key: Key) -> bool:
    """Note that the grid may soon be at work on a task; False if it shall not be any more.

    It stands before the grid is asked: else a crash in between would leave a batch that nobody takes back.
    """
    task = session.get_one(Task, key)
    task.batch_open = task.batch_open or task.state is State.CONFIRMED
    return task.state is State.CONFIRMED


def batch_is_over(session: Session, key: Key) -> None:
    """Note that the grid is not at work on a task any more."""
    session.get_one(Task, key).batch_open = False
