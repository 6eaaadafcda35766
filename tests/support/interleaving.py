"""Two callers of use cases at once, statement by statement: each statement commits, and chance says whose is next.

Real transactions of SQLite cannot interleave like this. A use case that is right here is right under any isolation,
since it relies on nothing but the conditions of its own statements.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import random
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from unittest import mock

from sqlalchemy import Update, create_engine, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.pool import NullPool
from sqlmodel import Session

from xwhep.errors.base import XwhepError
from xwhep.sql.prepared import Prepared, Values

#: how long a caller may wait for its turn, seconds: only a caller that hangs passes this
PATIENCE_S: Final = 60.0

#: tells of an update whether its conditions are to be taken out
Which = Callable[[Update], bool]


class Turns:
    """Passes the turn among callers: before each statement, to one that chance picks."""

    def __init__(self, seed: int, callers: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a test's own
        self._condition = threading.Condition()
        self._alive = list(range(callers))
        self._turn = self._random.choice(self._alive)

    def wait(self, caller: int, *, first: bool = False) -> None:
        """Pass the turn on, unless this is the caller's first, and return when it comes back."""
        with self._condition:
            if not first:
                self._pick()
            assert self._condition.wait_for(lambda: self._turn == caller, PATIENCE_S), "a caller hangs"

    def leave(self, caller: int) -> None:
        """Take part no more."""
        with self._condition:
            self._alive.remove(caller)
            if self._alive:
                self._pick()

    def _pick(self) -> None:
        self._turn = self._random.choice(self._alive)
        self._condition.notify_all()


class _Here(threading.local):
    """What the connections of this thread are for."""

    file: Path
    before_statement: Callable[[], None]
    taken_out: Which | None = None


_HERE: Final = _Here()


def _connect() -> sqlite3.Connection:
    connection = sqlite3.connect(_HERE.file, isolation_level=None)  # every statement commits
    for pragma in ("synchronous=OFF", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


#: one for all threads and files, since compiled statements are kept by engine
_ENGINE: Final = create_engine("sqlite://", creator=_connect, poolclass=NullPool, isolation_level="AUTOCOMMIT")


@event.listens_for(_ENGINE, "before_cursor_execute")
def _wait_for_turn(*_: object) -> None:
    _HERE.before_statement()


def _each_in_turn(self: Prepared, session: Session, rows: Iterable[Values], take: Any) -> list[Any]:
    """Do what `Prepared.each_row` does, with a turn before each row and perhaps without conditions."""
    statement: Any = self.statement
    if isinstance(statement, Update) and _HERE.taken_out is not None and _HERE.taken_out(statement):
        self = _bare(self)
    found = []
    for row in rows:
        _HERE.before_statement()
        found += _EACH_ROW(self, session, [row], take)
    return found


@functools.cache
def _bare(prepared: Prepared) -> Prepared:
    bare = copy.copy(prepared)
    bare.statement, bare._text = _without_where(prepared.statement), None
    return bare


_EACH_ROW: Final = Prepared.each_row


class Caller:
    """Runs use cases; every statement of theirs commits."""

    def __init__(self, taken_out: Which | None) -> None:
        self._taken_out = taken_out

    def run(self, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Run a use case; one that was second to write what must be unique is run once more, as the database does."""
        try:
            return self._run(use_case, *args, **named)
        except IntegrityError:
            return self._run(use_case, *args, **named)

    def _run(self, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        with Session(_ENGINE, expire_on_commit=False) as session:
            if self._taken_out is not None:
                event.listen(session, "do_orm_execute", _without_conditions(self._taken_out))
            value = use_case(session, *args, **named)
        if isinstance(value, XwhepError):  # as the database does
            raise value
        return value


def _without_conditions(which: Which) -> Callable[[ORMExecuteState], Any]:
    """Return what takes the conditions out of some updates, but those that name the row: the first of each."""

    def execute(state: ORMExecuteState) -> Any:
        statement: Any = state.statement
        if isinstance(statement, Update) and which(statement):
            return state.invoke_statement(_without_where(statement))
        return None

    return execute


def _without_where(statement: Any) -> Any:
    bare = statement._clone()
    bare._where_criteria = tuple(one for one in statement._where_criteria if _names_the_row(one))
    return bare


def _names_the_row(criterion: Any) -> bool:
    column = getattr(criterion, "left", None)
    return getattr(column, "name", "") in {"uid", "job_uid", "number", "batch_uid", "host_uid"}


def sets(table: str, *columns: str, but: tuple[str, ...] = ()) -> Which:
    """Return what tells updates of a table that set these columns, and not those others."""

    def which(statement: Update) -> bool:
        values = {getattr(column, "name", column) for column in statement._values or {}}
        name = getattr(statement.table, "name", "")
        return name == table and set(columns) <= values and not values & set(but)

    return which


def play(file: Path, seed: int, scripts: Sequence[Callable[[Caller], None]], taken_out: Which | None = None) -> None:
    """Run scripts side by side on a database, to their ends; what one of them raises is raised here."""
    turns = Turns(seed, len(scripts))
    failures: list[BaseException] = []

    def live(number: int, script: Callable[[Caller], None]) -> None:
        _HERE.file, _HERE.before_statement, _HERE.taken_out = file, lambda: turns.wait(number), taken_out
        try:
            turns.wait(number, first=True)
            script(Caller(taken_out))
        except BaseException as failure:  # noqa: BLE001 - raised below, in the test's thread
            failures.append(failure)
        finally:
            turns.leave(number)

    threads = [threading.Thread(target=live, args=item) for item in enumerate(scripts)]
    with mock.patch.object(Prepared, "each_row", _each_in_turn):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


@contextlib.contextmanager
def look(file: Path) -> Iterator[Session]:
    """Return a look at what the callers left."""
    _HERE.file, _HERE.before_statement = file, lambda: None
    with Session(_ENGINE) as session:
        yield session
