"""The database: one write transaction at a time that commits many use cases, and readers beside it.

A use case is a plain function `(session, ...)`. One that raises changes nothing; one that *returns* an `XwhepError`
keeps what it wrote, and its caller gets the error raised. `run` returns only after the commit has reached the disk, so
what is answered is never lost. Use cases that wait while a commit is under way share the next one (group commit), each
in a savepoint of its own.

Whoever has the turn has the transaction. A server's event loop, once it is named in `serve`, takes turns itself: it
begins, runs what waits, and leaves the commit, which waits for the disk, to the writer's thread. There it would be slow
to run use cases: SQLite gives up Python's lock at each step of a statement, and in a thread beside a busy loop a use
case would wait for that lock some fifty times, milliseconds each. What may wait long does run there, since the loop
must not: a long use case, and a transaction that begins while another process writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
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
        self._orders: deque[QueuedUseCase] = deque()  #: what waits for the next turn
        self._turn = threading.Lock()  #: held from before a transaction begins until after its end
        self._steps: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()  #: of the writer's thread
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
        return len(self._orders)

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
        if self._writer is not None:
            self._steps.put(None)
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
            self._orders.append(order)
        self._offer_turn()

    def _translated(self) -> translated:
        return translated(self._file, StorageFullError, unusable)

    def _read(self, work: Callable[[Session], T | XwhepError]) -> T:
        with self._translated(), Session(self._read_engine, expire_on_commit=False) as session:
            return _unless_error(work(session))

    # --- turns

    def _offer_turn(self) -> None:
        """Let somebody take a turn who may; nothing comes of it while another turn is under way."""
        if self._writer is None:
            self._take_turn()
            return
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                (loop.call_soon if _runs_here(loop) else loop.call_soon_threadsafe)(self._take_turn_in_loop)
                return
        self._steps.put(self._take_turn)

    def _write_all(self) -> None:
        """Do what is left to this thread until told to stop; the writer thread's life."""
        while (step := self._steps.get()) is not None:
            step()
        while self._orders or self._turn.locked():  # a turn under way leaves its commit to this thread
            with contextlib.suppress(queue.Empty):
                if (step := self._steps.get(timeout=0.01)) is not None:
                    step()
            self._take_turn()

    def _take_turn(self) -> None:
        """Run and commit what waits, in this thread, which may wait."""
        if group := self._begun_turn():
            self._run(group)

    def _take_turn_in_loop(self) -> None:
        """Run what waits in the loop's thread; what takes long there is left to the writer's."""
        if not (group := self._begun_turn()):
            return
        try:
            session = None if any(order.is_long for order in group) else self._begin(wait=False)
            step = partial(self._run, group) if session is None else self._commit_of(group, session)
        except BaseException as failure:  # noqa: BLE001 - each of them must hear of it
            step = partial(self._fail, group, failure)
        self._steps.put(step)

    def _begun_turn(self) -> list[QueuedUseCase]:
        """Take the turn, and what waits; nothing if the turn is another's, or nothing waits."""
        while self._orders and self._turn.acquire(blocking=False):
            some = [self._orders.popleft() for _ in range(min(GROUP, len(self._orders)))]
            # a caller that gave up before its use case began changes nothing; one that gives up now is too late
            if group := [order for order in some if order.begins()]:
                return group
            self._turn.release()
        return []

    def _run(self, group: list[QueuedUseCase]) -> None:
        try:
            session = self._begin(wait=True)
            assert session is not None, "it waits"
            commit = self._commit_of(group, session)
        except BaseException as failure:  # noqa: BLE001 - each of them must hear of it
            self._fail(group, failure)
        else:
            commit()

    def _begin(self, *, wait: bool) -> Session | None:
        """Begin the transaction; None if another process writes and is not to be waited for."""
        with self._translated():
            session = self._transactions.begin(wait=wait)
            if session is not None:
                self._notice_others(session)
            return session

    def _commit_of(self, group: list[QueuedUseCase], session: Session) -> Callable[[], None]:
        """Run a group in the transaction; return what commits it and answers."""
        self._serving = threading.get_ident()
        try:
            with self._translated():
                answers = attempt_all(session, group)
        finally:
            self._serving = None
        return partial(self._commit, group, answers)

    def _commit(self, group: list[QueuedUseCase], answers: list[UseCaseResult]) -> None:
        try:
            with self._translated():
                self._transactions.commit()
        except BaseException as failure:  # noqa: BLE001 - nothing was committed: each of them must hear of it
            self._fail(group, failure)
        else:
            self._end_turn(group, answers)

    def _fail(self, group: list[QueuedUseCase], failure: BaseException) -> None:
        self._transactions.close()
        self._memory.forget()
        self._end_turn(group, [UseCaseResult(None, failure)] * len(group))

    def _end_turn(self, group: list[QueuedUseCase], answers: list[UseCaseResult]) -> None:
        """Answer whoever waits, and let the next take a turn."""
        self._turn.release()
        ready = sum((answer.ready for answer in answers if answer.ready), Counter())
        if ready:
            self.on_ready(ready)
        in_loop = [pair for pair in zip(group, answers, strict=True) if tell_here(*pair)]
        if in_loop:
            loop = next(order.future.get_loop() for order, _ in in_loop if isinstance(order.future, asyncio.Future))
            with contextlib.suppress(RuntimeError):  # it is closed: nobody waits there any more
                loop.call_soon_threadsafe(tell_all, in_loop)
        if self._orders:
            self._offer_turn()

    def _notice_others(self, session: Session) -> None:
        """Forget what is remembered if another process, as a command beside the server, has written since."""
        (version,) = DATA_VERSION.all(session)
        if version != self._version:
            self._version = version
            self._memory.forget()


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def unusable(name: str) -> UnavailableError:
    """Return the error about a file that cannot be used now, for the reason that SQLite calls `name`."""
    return UnavailableError(f"the database cannot be used now ({name})")


def _stopping() -> UnavailableError:
    return UnavailableError("the dispatcher is stopping")


def _unless_error(value: T | XwhepError) -> T:
    if isinstance(value, XwhepError):
        raise value
    return value
