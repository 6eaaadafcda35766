"""The Tasks of the ledger: their changes of state, and which of them have something to do.

The functions are for `Ledger.run`. `change` is the only place where a state is written.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select, update

from oracle.ledger.tables import Key, Task
from oracle.settlement.answers import Answer
from oracle.settlement.life import Event, Margins, Standing, State, Step, advance, next_step
from oracle.settlement.quotas import Quotas, Room
from xwhep.errors.ledgers import LedgerBusyError

#: the states in which something is left to do before a transaction is signed
_UNSENT: Final = (State.SEEN, State.CONFIRMED, State.DISPATCHED, State.ANSWERED)
#: the states of a task that takes a place in the quotas
_IN_WORK: Final = (State.CONFIRMED, State.DISPATCHED, State.ANSWERED, State.SENT)


# --- changes of state ------------------------------------------------------------------------------------------------


def change(session: Session, key: Key, was: State, happened: Event, *, now: int) -> Task | None:
    """Advance a task that is in the state `was`, and return its row; None, and nothing changes, if it is in another.

    The database compares the states. Between a decision and its record the chain may have taken the task elsewhere:
    then the decision is void. Write what goes with the new state into the row that is returned.
    """
    number, commitment = key
    following = {"state": advance(was, happened), "changed_at": now}
    where = (col(Task.id) == number, col(Task.commitment) == commitment, col(Task.state) == was)
    changed = session.exec(update(Task).where(*where).values(**following).execution_options(synchronize_session=False))
    return session.get_one(Task, key, populate_existing=True) if changed.rowcount == 1 else None


def must_change(session: Session, task: Task, happened: Event, *, now: int) -> Task:
    """Advance a task by an event of the chain, which must not be lost.

    Raises:
        LedgerBusyError: another process changed the task meanwhile; the whole transaction is to be tried again.
    """
    changed = change(session, task.key, task.state, happened, now=now)
    if changed is None:
        raise LedgerBusyError(f"another process changed task {task.id} meanwhile")
    return changed


def admit(session: Session, key: Key, quotas: Quotas, *, now: int) -> bool:
    """Let a task that was seen into work; False if there is no room for it now, or it is not waiting any more."""
    task = session.get_one(Task, key)
    if not _room(session, quotas, now).take(task.requester, task.app):
        return False
    return change(session, key, State.SEEN, Event.ADMITTED, now=now) is not None


def expect_batch(session: Session, key: Key) -> bool:
    """Note that the grid may soon be at work on a task; False if it shall not be any more.

    It stands before the grid is asked: else a crash in between would leave a batch that nobody takes back.
    """
    number, commitment = key
    where = (col(Task.id) == number, col(Task.commitment) == commitment, col(Task.state) == State.CONFIRMED)
    return session.exec(update(Task).where(*where).values(batch_open=True)).rowcount == 1


def answer(session: Session, task: Task, told: Answer, *, batch_is_over: bool, now: int) -> bool:
    """Note the answer of a task as it was read; False if it went elsewhere meanwhile."""
    answered = change(session, task.key, task.state, Event.ANSWERED, now=now)
    if answered is None:
        return False
    answered.outcome, answered.result, answered.digest = told.outcome, told.result, told.digest
    answered.batch_open = answered.batch_open and not batch_is_over
    return True


def batch_is_over(session: Session, key: Key) -> None:
    """Note that the grid is not at work on a task any more."""
    session.get_one(Task, key).batch_open = False


# --- what is to be done ----------------------------------------------------------------------------------------------


class DueTask(NamedTuple):
    """A task with something to do."""

    key: Key
    step: Step


def due(session: Session, margins: Margins, quotas: Quotas, *, now: int) -> list[DueTask]:
    """Return the tasks with something to do, the oldest first; a task past its deadline is waited for by nobody.

    Of those that wait to be let in only as many are among them as there is room for, so that nobody's many tasks hold
    up another's one.
    """
    open_tasks = and_(col(Task.state).in_(_UNSENT), col(Task.deadline) >= now)
    columns: Any = (Task.id, Task.commitment, Task.requester, Task.app, *_STANDING)  # more than `select` has types for
    rows = session.exec(
        select(*columns).where(or_(col(Task.batch_open), open_tasks)).order_by(col(Task.submitted_block), col(Task.id))
    )
    room = _room(session, quotas, now)
    found = []
    for number, commitment, requester, app, *standing in rows:
        step = _step(standing, margins, now)
        if step is not None and (step is not Step.ADMIT or room.take(requester, app)):
            found.append(DueTask((number, commitment), step))
    return found


def step_of(session: Session, key: Key, margins: Margins, *, now: int) -> tuple[Task, Step] | None:
    """Return a task and what to do for it; None if there is nothing."""
    task = session.get_one(Task, key)
    values = [task.state, task.deadline, task.outcome, task.batch_open, task.changed_at]
    step = _step(values, margins, now)
    return None if step is None else (task, step)


_STANDING: Final = (Task.state, Task.deadline, Task.outcome, Task.batch_open, Task.changed_at)


def _step(values: list[Any], margins: Margins, now: int) -> Step | None:
    state, deadline, outcome, batch_open, changed_at = values
    return next_step(Standing(state, deadline, outcome is not None, batch_open, changed_at), margins, now=now)


def _room(session: Session, quotas: Quotas, now: int) -> Room:
    return Room(quotas, _in_work(session, col(Task.requester), now), _in_work(session, col(Task.app), now))


def _in_work(session: Session, whose: Any, now: int) -> Counter[Any]:
    """Return how many tasks are in work, by requester or by app."""
    in_work = (col(Task.state).in_(_IN_WORK), col(Task.deadline) >= now)
    return Counter(dict(session.exec(select(whose, func.count()).where(*in_work).group_by(whose)).all()))
