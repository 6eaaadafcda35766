"""The database: one write transaction at a time that commits many use cases, and readers beside it.

A use case is a plain function `(session, ...)`. One that raises changes nothing; one that *returns* an `XwhepError`
keeps what it wrote, and its caller gets the error raised. `run` returns only after the commit has reached the disk, so
what is answered is never lost. Use cases that wait while a commit is under way share the next one (group commit), each
in a savepoint of its own. A use case `(session, shared, calls, now)` takes many calls at once: `run_one_of` lets a call
be taken with the others of its kind that wait, so that a statement is run for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Engine
from sqlmodel import Session

from dispatcher.storage.faults import in_our_words, stopping
from dispatcher.storage.orders import Clock, QueuedUseCase, Ready
from dispatcher.storage.turns import WriteTurns
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import OverloadedError
from xwhep.sql.sqlite import BEGUN_BY_DRIVER, open_engine

P = ParamSpec("P")
T = TypeVar("T")
CallT = TypeVar("CallT")
SharedT = TypeVar("SharedT")

READERS: Final = 2
#: what callers are asked to wait, at least, when too many use cases wait: some thousands take no longer, seconds
RETRY_AFTER_S: Final = 2.0

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
        #: without a transaction: each of its statements sees all commits before it
        self._glances = Session(self._read_engine.execution_options(**{BEGUN_BY_DRIVER: True}))
        self._turns = WriteTurns(file, self._engine, threaded=threaded)
        #: how many use cases of requests may wait for the writer; 0: any number
        self.most_waiting = 0
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader") if threaded else None

    @property
    def engine(self) -> Engine:
        """The engine that writes; for creating the tables."""
        return self._engine

    def serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run use cases in the thread of this loop from now on; `stop_serving` comes before its end."""
        self._turns.serve(loop)

    def announce_to(self, tell: Callable[[Ready], None]) -> None:
        """Let this be called, in the writer's thread, with the attempts that became wanted by each commit."""
        self._turns.on_ready = tell

    async def stop_serving(self) -> None:
        """Run later use cases in the writer's thread; return when the earlier ones have ended."""
        self._turns.serve(None)
        await self._ordered(QueuedUseCase(lambda _: None))

    async def run(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case in a transaction and return its value once the transaction is on disk.

        It takes milliseconds at most: others wait meanwhile. The dispatcher's own are never refused: `run_own`.

        Raises:
            OverloadedError: too many wait already.
        """
        self._check_room()
        return await self.run_own(use_case, *args, **kwargs)

    async def run_own(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same as `run`, however many wait."""
        order = QueuedUseCase.of(use_case, *args, **kwargs)
        result: T = await self._ordered(order)
        return result

    async def run_one_of(
        self,
        use_case: Callable[[Session, SharedT, Sequence[CallT], datetime], Sequence[T | XwhepError]],
        shared: SharedT,
        call: CallT,
        clock: Clock,
    ) -> T:
        """Do the same as `run` with one call of a use case that takes many: others that wait are taken with it.

        `clock` tells the time, UTC, at which it runs.

        Raises:
            OverloadedError: too many wait already.
        """
        self._check_room()
        result: T = await self._ordered(QueuedUseCase.one_of(use_case, shared, call, clock))
        return result

    @property
    def waiting(self) -> int:
        """How many use cases wait for the writer, without those of the transaction that is under way."""
        return self._turns.waiting

    def _check_room(self) -> None:
        if self.most_waiting and self.waiting >= self.most_waiting:
            raise OverloadedError(self.most_waiting, RETRY_AFTER_S)

    def _ordered(self, order: QueuedUseCase) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        order.future = loop.create_future() if loop is self._turns.loop else Future()
        self._turns.put(order)
        return order.future if isinstance(order.future, asyncio.Future) else asyncio.wrap_future(order.future)

    def run_now(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same without an event loop; for commands beside the server."""
        order = QueuedUseCase.of(use_case, *args, **kwargs)
        order.future = done = Future[Any]()
        self._turns.put(order)
        result: T = done.result()
        return result

    async def read(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that only reads, beside the writer."""

        def work(session: Session) -> T | XwhepError:
            return use_case(session, *args, **kwargs)

        if self._turns.is_closed:
            raise stopping()
        if self._readers is None:
            return self._read(work)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def glance(self, use_case: UseCase[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that reads a few rows by prepared statements, at once, in the thread that asks.

        It waits neither for the writer nor for long readings. One thread at a time glances.
        """
        if self._turns.is_closed:
            raise stopping()
        with in_our_words(self._file):
            return _unless_error(use_case(self._glances, *args, **kwargs))

    def close(self) -> None:
        """Finish what was ordered, then let go of the file; what is ordered later is refused."""
        self._turns.close()
        if self._readers is not None:
            self._readers.shutdown()
        self._glances.close()
        self._engine.dispose()
        self._read_engine.dispose()

    def _read(self, work: Callable[[Session], T | XwhepError]) -> T:
        with in_our_words(self._file), Session(self._read_engine, expire_on_commit=False) as session:
            return _unless_error(work(session))


def _unless_error(value: T | XwhepError) -> T:
    if isinstance(value, XwhepError):
        raise value
    return value
