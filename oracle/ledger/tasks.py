"""What the ledger says is to be done, and what the bridge notes in it before and after it does something.

The functions are for `Ledger.run`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from oracle.ledger.file import Key, change
from oracle.ledger.tables import Task
from oracle.settlement.life import Event, Margins, Standing, State, Step, next_step

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


def due(session: Session, margins: Margins, quotas: Quotas, *, now: int) -> list[tuple[Key, Step]]:
    """Return the tasks with something to do, the oldest first; a task past its deadline is waited for by nobody.

    Of those that wait to be let in only as many are among them as there is room for, so that nobody's many tasks hold
    up another's one.
    """
    open_tasks = and_(col(Task.state).in_(_UNSENT), col(Task.deadline) >= now)
    columns: Any = (Task.id, Task.commitment, Task.requester, Task.app, *_STANDING)  # more than `select` has types for
    rows = session.exec(
        select(*columns).where(or_(col(Task.batch_open), open_tasks)).order_by(col(Task.submitted_block), col(Task.id))
    )
    room = _Room(session, quotas, now)
    found = []
    for number, commitment, requester, app, *standing in rows:
        step = _step(standing, margins, now)
        if step is not None and (step is not Step.ADMIT or room.take(requester, app)):
            found.append(((number, commitment), step))
    return found


class _Room:
    """How many more tasks may come into work."""

    def __init__(self, session: Session, quotas: Quotas, now: int) -> None:
        self._quotas = quotas
        self._of_requester = _in_work(session, col(Task.requester), now)
        self._of_app = _in_work(session, col(Task.app), now)

    def take(self, requester: str, app: int) -> bool:
        """Count one more task in; False if there is no room for it."""
        if self._of_requester[requester] >= self._quotas.per_requester or self._of_app[app] >= self._quotas.per_app:
            return False
        self._of_requester[requester] += 1
        self._of_app[app] += 1
        return True


def _in_work(session: Session, whose: Any, now: int) -> Counter[Any]:
    """Return how many tasks are in work, by requester or by app."""
    in_work = (col(Task.state).in_(_IN_WORK), col(Task.deadline) >= now)
    return Counter(dict(session.exec(select(whose, func.count()).where(*in_work).group_by(whose)).all()))


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


def admit(session: Session, key: Key, quotas: Quotas, *, now: int) -> bool:
    """Let a task that was seen into work; False if there is no room for it now, or it is not waiting any more."""
    task = session.get_one(Task, key)
    if not _Room(session, quotas, now).take(task.requester, task.app):
        return False
    return change(session, key, State.SEEN, Event.ADMITTED, now=now)


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
