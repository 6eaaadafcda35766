"""The database: one writer thread that commits many use cases at once, and readers beside it.

A use case is a plain function `(session, ...)`. One that raises changes nothing; one that *returns* an `XwhepError`
keeps what it wrote, and its caller gets the error raised. `run` returns only after the commit has reached the disk, so
what is answered is never lost. Use cases that wait while a commit is under way share the next one (group commit), each
in a savepoint of its own.

A server's use cases run in the thread of its event loop, once it is named in `serve`, while the writer's thread begins
and commits their transaction. SQLite gives up Python's lock at each step of a statement; in a thread beside a busy loop
a use case would wait for that lock some fifty times, milliseconds each. One that is long does run in the writer's
thread: slowly, but nobody's request waits for it in the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Engine
from sqlmodel import Session

from dispatcher.storage.memory import MEMORY, UseCaseMemory
from dispatcher.storage.orders import (
    QueuedUseCase,
    Ready,
    UseCaseResult,
    attempt_all,
    is_by_statements,
    tell_all,
    tell_here,
)
from dispatcher.storage.transactions import Transactions
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import OverloadedError, StorageFullError, UnavailableError
from xwhep.sql.sqlite import BEGUN_BY_DRIVER, DATA_VERSION, open_engine, translated

P = ParamSpec("P")
T = TypeVar("T")

#: use cases that share one commit, at most: bounds how long the first of them waits for the last
GROUP: Final = 64
READERS: Final = 2
#: what callers are asked to wait, at least, when too many use cases wait: some thousands take no longer, seconds
RETRY_AFTER_S: Final = 2.0
#: how often the writer looks whether the loop that it waits for was left, seconds
PATIENCE_S: Final = 1.0

UseCase = Callable[Concatenate[Session, P], T | XwhepError]


class Database:
    """The tables of one dispatcher, in an SQLite file."""

    def __init__(self, file: Path, *, threaded: bool = True) -> None:
        """Open a file; if not `threaded`, each use case runs, and is committed, in the thread that asks for it.

        The transactions are the same; a simulation needs them in one order.
        """
        self._file = file
        self._engine = open_engine(file, connections=1)
        self._read_engine = open_engine(file, begin="BEGIN", connections=READERS + 1)
        #: each of its statements sees what is committed then
        self._glances = Session(self._read_engine.execution_options(**{BEGUN_BY_DRIVER: True}))
        self._orders: queue.SimpleQueue[QueuedUseCase | None] = queue.SimpleQueue()
        self._closing = threading.Lock()  # held to order and to close: no order slips in behind the last
        self._closed = False
        self._serving: int | None = None  #: the thread that runs use cases now
        self._loop: asyncio.AbstractEventLoop | None = None
        #: how many use cases of requests may wait for the writer; 0: any number
        self.most_waiting = 0
        #: called in the writer's thread with the attempts that became wanted by what was just committed
        self.on_ready: Callable[[Ready], None] = lambda _: None
        self._memory = UseCaseMemory()
        self._transactions = Transactions(self._engine, {MEMORY: self._memory})
        self._version: int | None = None  #: changes with each commit of another process
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader") if threaded else None
        self._writer = threading.Thread(target=self._write_all, name="writer", daemon=True) if threaded else None
        if self._writer is not None:
            self._writer.start()

    @property
    def engine(self) -> Engine:
        """The engine that writes; for creating the tables."""
        return self._engine

    def serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run use cases in the thread of this loop from now on; `stop_serving` comes before its end."""
        if self._writer is not None:
            self._loop = loop

    async def stop_serving(self) -> None:
        """Run later use cases in the writer's thread; return when the earlier ones have ended."""
        self._loop = None
        await self._ordered(QueuedUseCase(lambda _: None))

    async def run(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case in a transaction and return its value once the transaction is on disk.

        It takes milliseconds at most; for others there is `run_long`. For what the dispatcher does by itself, which is
        never refused, there are `run_own` and `run_own_long`.

        Raises:
            OverloadedError: too many wait already.
        """
        self._check_room()
        return await self.run_own(use_case, *args, **kwargs)

    async def run_long(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same with a use case that may take long."""
        self._check_room()
        return await self.run_own_long(use_case, *args, **kwargs)

    async def run_own(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same as `run`, however many wait."""
        order = QueuedUseCase(
            lambda session: use_case(session, *args, **kwargs), is_by_statements=is_by_statements(use_case)
        )
        result: T = await self._ordered(order)
        return result

    async def run_own_long(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same as `run_long`, however many wait."""
        result: T = await self._ordered(QueuedUseCase(lambda session: use_case(session, *args, **kwargs), is_long=True))
        return result

    @property
    def waiting(self) -> int:
        """How many use cases wait for the writer, without those of the transaction that is under way."""
        return self._orders.qsize()

    def _check_room(self) -> None:
        if self.most_waiting and self.waiting >= self.most_waiting:
            raise OverloadedError(self.most_waiting, RETRY_AFTER_S)

    def _ordered(self, order: QueuedUseCase) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            order.future = loop.create_future()
        self._put(order)
        return order.future if isinstance(order.future, asyncio.Future) else asyncio.wrap_future(order.future)

    def run_now(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same without an event loop; for commands beside the server."""
        order = QueuedUseCase(
            lambda session: use_case(session, *args, **kwargs), is_by_statements=is_by_statements(use_case)
        )
        assert isinstance(order.future, Future), "it is of no loop"
        self._put(order)
        result: T = order.future.result()
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

    def glance(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that reads a few rows by prepared statements, at once, in the thread that asks.

        It waits neither for the writer nor for long readings. One thread at a time glances.
        """
        if self._closed:
            raise _stopping()
        with self._translated():
            return _unless_error(use_case(self._glances, *args, **kwargs))

    def close(self) -> None:
        """Finish what was ordered, then let go of the file; what is ordered later is refused."""
        with self._closing:
            self._closed = True
            self._orders.put(None)
        if self._writer is not None:
            self._writer.join()
        if self._readers is not None:
            self._readers.shutdown()
        self._transactions.close()
        self._glances.close()
        self._engine.dispose()
        self._read_engine.dispose()

    def _put(self, order: QueuedUseCase) -> None:
        assert threading.get_ident() != self._serving, "a use case that orders another would wait for itself"
        with self._closing:
            if self._closed:
                raise _stopping()
            if self._writer is not None:
                self._orders.put(order)
        if self._writer is None:
            self._serve([order])

    def _translated(self) -> translated:
        return translated(self._file, StorageFullError, unusable)

    def _read(self, work: Callable[[Session], T | XwhepError]) -> T:
        with self._translated(), Session(self._read_engine, expire_on_commit=False) as session:
            return _unless_error(work(session))

    def _write_all(self) -> None:
        """Serve orders until told to stop; the writer thread's life."""
        while (first := self._orders.get()) is not None:
            self._serve([first, *self._waiting()])

    def _waiting(self) -> Iterator[QueuedUseCase]:
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

    def _serve(self, orders: list[QueuedUseCase]) -> None:
        self._serving = threading.get_ident()
        try:
            # a caller that gave up before its use case began changes nothing; one that gives up now is too late
            self._commit([order for order in orders if order.begins()])
        finally:
            self._serving = None

    def _commit(self, group: list[QueuedUseCase]) -> None:
        """Run a group in one transaction; whoever waits is answered after the commit."""
        try:
            with self._translated(), self._transactions.begun() as session:
                self._notice_others(session)
                answers = self._executed(session, group)
        except BaseException as failure:  # noqa: BLE001 - nothing was committed: each of them must hear of it
            self._memory.forget()
            answers = [UseCaseResult(None, failure)] * len(group)
        ready = sum((answer.ready for answer in answers if answer.ready), Counter())
        if ready:
            self.on_ready(ready)
        in_loop = [pair for pair in zip(group, answers, strict=True) if tell_here(*pair)]
        if in_loop:
            loop = next(order.future.get_loop() for order, _ in in_loop if isinstance(order.future, asyncio.Future))
            with contextlib.suppress(RuntimeError):  # it is closed: nobody waits there any more
                loop.call_soon_threadsafe(tell_all, in_loop)

    def _notice_others(self, session: Session) -> None:
        """Forget what is remembered if another process, as a command beside the server, has written since.

        The transaction begins here, which may have to wait for that process.
        """
        (version,) = DATA_VERSION.all(session)
        if version != self._version:
            self._version = version
            self._memory.forget()

    def _executed(self, session: Session, group: list[QueuedUseCase]) -> list[UseCaseResult]:
        """Run a group in the thread where it is to run, within the transaction."""
        loop = self._loop
        if loop is None or any(order.is_long for order in group):
            return attempt_all(session, group)
        executed: Future[list[UseCaseResult]] = Future()
        loop.call_soon_threadsafe(self._execute, executed, session, group)
        while True:
            try:
                return executed.result(PATIENCE_S)
            except FutureTimeoutError:
                if self._loop is None and executed.cancel():  # the loop was left before it came to this
                    return attempt_all(session, group)

    def _execute(self, executed: Future[list[UseCaseResult]], session: Session, group: list[QueuedUseCase]) -> None:
        """Run a group in the loop's thread, for the writer's that waits."""
        if not executed.set_running_or_notify_cancel():
            return
        writer, self._serving = self._serving, threading.get_ident()
        try:
            executed.set_result(attempt_all(session, group))
        except BaseException as failure:  # noqa: BLE001 - for the thread that waits
            executed.set_exception(failure)
        finally:
            self._serving = writer


def unusable(name: str) -> UnavailableError:
    """Return the error about a file that cannot be used now, for the reason that SQLite calls `name`."""
    return UnavailableError(f"the database cannot be used now ({name})")


def _stopping() -> UnavailableError:
    return UnavailableError("the dispatcher is stopping")


def _unless_error(value: T | XwhepError) -> T:
    if isinstance(value, XwhepError):
        raise value
    return value
