"""The database: one writer thread that commits many use cases at once, and readers beside it.

A use case is a plain function `(session, ...)`. One that raises changes nothing; one that *returns* an `XwhepError`
keeps what it wrote, and its caller gets the error raised. `run` returns only after the commit has reached the disk, so
what is answered is never lost. Use cases that wait while a commit is under way share the next one (group commit), each
in a savepoint of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlmodel import Session

from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import StorageFullError, UnavailableError
from xwhep.sql.sqlite import open_engine, translated

#: what a use case announces, in `Session.info`: how many attempts became wanted
READY: Final = "ready"

P = ParamSpec("P")
T = TypeVar("T")

#: use cases that share one commit, at most: bounds how long the first of them waits for the last
GROUP: Final = 128
READERS: Final = 2

UseCase = Callable[Concatenate[Session, P], T | XwhepError]


@dataclass(slots=True)
class _Order:
    """One use case to run, and who waits for it."""

    work: Callable[[Session], Any]
    future: Future[Any] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of an order."""

    value: Any
    failure: BaseException | None
    ready: int = 0  #: how many attempts became wanted


class Database:
    """The tables of one dispatcher, in an SQLite file."""

    def __init__(self, file: Path, *, threaded: bool = True) -> None:
        """Open a file; if not `threaded`, each use case runs, and is committed, in the thread that asks for it.

        The transactions are the same; a simulation needs them in one order.
        """
        self._file = file
        self._engine = open_engine(file, connections=1)
        self._read_engine = open_engine(file, begin="BEGIN", connections=READERS)
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._closing = threading.Lock()  # held to order and to close: no order slips in behind the last
        self._closed = False
        self._serving: int | None = None  #: the thread that runs use cases now
        #: called in the writer's thread with how many attempts became wanted by what was just committed
        self.on_ready: Callable[[int], None] = lambda _: None
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader") if threaded else None
        self._writer = threading.Thread(target=self._write_all, name="writer", daemon=True) if threaded else None
        if self._writer is not None:
            self._writer.start()

    @property
    def engine(self) -> Engine:
        """The engine that writes; for creating the tables."""
        return self._engine

    async def run(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case in a transaction and return what it returned once that is on disk."""
        return await asyncio.wrap_future(self._order(lambda session: use_case(session, *args, **kwargs)))

    def run_now(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same without an event loop; for commands beside the server."""
        result: T = self._order(lambda session: use_case(session, *args, **kwargs)).result()
        return result

    async def read(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that only reads, beside the writer."""

        def work(session: Session) -> T | XwhepError:
            return use_case(session, *args, **kwargs)

        if self._closed:
            raise _stopping()
        if self._readers is None:
            return self._read(work)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def close(self) -> None:
        """Finish what was ordered, then let go of the file; what is ordered later is refused."""
        with self._closing:
            self._closed = True
            self._orders.put(None)
        if self._writer is not None:
            self._writer.join()
        if self._readers is not None:
            self._readers.shutdown()
        self._engine.dispose()
        self._read_engine.dispose()

    def _order(self, work: Callable[[Session], Any]) -> Future[Any]:
        assert threading.get_ident() != self._serving, "a use case that orders another would wait for itself"
        order = _Order(work)
        with self._closing:
            if self._closed:
                raise _stopping()
            if self._writer is not None:
                self._orders.put(order)
        if self._writer is None:
            self._serve([order])
        return order.future

    @contextlib.contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        with translated(self._file, StorageFullError, unusable), Session(engine, expire_on_commit=False) as session:
            yield session

    def _read(self, work: Callable[[Session], T | XwhepError]) -> T:
        with self._session(self._read_engine) as session:
            return _unless_error(work(session))

    def _write_all(self) -> None:
        """Serve orders until told to stop; the writer thread's life."""
        while (first := self._orders.get()) is not None:
            self._serve([first, *self._waiting()])

    def _waiting(self) -> Iterator[_Order]:
        """Yield what may share the next commit."""
        for _ in range(GROUP - 1):
            try:
                following = self._orders.get_nowait()
            except queue.Empty:
                return
            if following is None:
                self._orders.put(None)
                return
            yield following

    def _serve(self, orders: list[_Order]) -> None:
        self._serving = threading.get_ident()
        try:
            # a caller that gave up before its use case began changes nothing; one that gives up now is too late
            self._commit([order for order in orders if order.future.set_running_or_notify_cancel()])
        finally:
            self._serving = None

    def _commit(self, group: list[_Order]) -> None:
        """Run a group in one transaction; whoever waits is answered after the commit."""
        try:
            with self._session(self._engine) as session, session.begin():
                answers = [_attempt(session, order) for order in group]
        except BaseException as failure:  # noqa: BLE001 - nothing was committed: each of them must hear of it
            answers = [_Answer(None, failure)] * len(group)
        ready = sum(answer.ready for answer in answers)
        if ready:
            self.on_ready(ready)
        for order, answer in zip(group, answers, strict=True):
            if answer.failure is not None:
                order.future.set_exception(answer.failure)
            else:
                order.future.set_result(answer.value)


def _attempt(session: Session, order: _Order) -> _Answer:
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
        return _Answer(None, failure)
    ready = session.info.pop(READY, 0)
    return _Answer(None, value, ready) if isinstance(value, XwhepError) else _Answer(value, None, ready)


def _run(session: Session, order: _Order) -> Any:
    session.info.pop(READY, None)
    with session.begin_nested():
        return order.work(session)


def unusable(name: str) -> UnavailableError:
    """Return the error about a file that cannot be used now, for the reason that SQLite calls `name`."""
    return UnavailableError(f"the database cannot be used now ({name})")


def _stopping() -> UnavailableError:
    return UnavailableError("the dispatcher is stopping")


def _unless_error(value: T | XwhepError) -> T:
    if isinstance(value, XwhepError):
        raise value
    return value
