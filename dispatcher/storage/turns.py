"""Turns at the one write transaction: a turn runs all use cases that wait, and commits them at once.

A server's event loop, once it is named in `serve`, takes turns itself: it begins, runs the use cases, and leaves the
commit, which waits for the disk, to the writer's thread. To run use cases there would be slow: SQLite gives up Python's
lock at each step of a statement, and in a thread beside a busy loop a use case would wait for that lock some fifty
times, milliseconds each. A transaction that begins while another process writes does run there, since it may wait for
seconds, and the loop must not.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlmodel import Session

from dispatcher.storage.fair_queue import FairQueue
from dispatcher.storage.faults import in_our_words, stopping
from dispatcher.storage.memory import MEMORY, UseCaseMemory
from dispatcher.storage.orders import QueuedUseCase, Ready, UseCaseResult, attempt_all, tell_all, tell_here
from dispatcher.storage.transactions import Transactions
from xwhep.sql.sqlite import DATA_VERSION

#: use cases that share one commit, at most: bounds how long the first of them waits for the last
GROUP: Final = 64


class WriteTurns:
    """The use cases that wait for the write transaction of a file, and whose turn it is."""

    def __init__(self, file: Path, engine: Engine, *, threaded: bool) -> None:
        """Begin without any; if not `threaded`, whoever orders a use case takes a turn at once."""
        self._file = file
        self._orders = FairQueue[QueuedUseCase]()  #: those that wait for the next turn
        self._turn = threading.Lock()  #: held from before a transaction begins until after its end
        self._steps: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()  #: of the writer's thread
        self._closing = threading.Lock()  # held to order and to close: no order slips in behind the last
        self.is_closed = False
        self._running: int | None = None  #: the thread that runs use cases now
        self.loop: asyncio.AbstractEventLoop | None = None  #: that takes turns
        #: called in the writer's thread with the attempts that became wanted by each commit
        self.on_ready: Callable[[Ready], None] = lambda _: None
        self._memory = UseCaseMemory()
        self._transactions = Transactions(engine, {MEMORY: self._memory})
        self._version: int | None = None  #: changes with each commit of another process
        self._writer = threading.Thread(target=self._write_all, name="writer", daemon=True) if threaded else None
        if self._writer is not None:
            self._writer.start()

    def serve(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Let this loop take turns from now on; None: the writer's thread."""
        if self._writer is not None:
            self.loop = loop

    @property
    def waiting(self) -> int:
        """How many use cases wait for the next turn."""
        return len(self._orders)

    def put(self, order: QueuedUseCase) -> None:
        """Let a use case wait for the next turn.

        Raises:
            UnavailableError: it is closed.
        """
        assert threading.get_ident() != self._running, "a use case that orders another would wait for itself"
        with self._closing:
            if self.is_closed:
                raise stopping()
            self._orders.put(order)
        self._offer()

    def close(self) -> None:
        """Run the use cases that wait, then close the connection; later ones are refused."""
        with self._closing:
            self.is_closed = True
        if self._writer is not None:
            self._steps.put(None)
            self._writer.join()
        self._transactions.drop()

    # --- whose turn it is

    def _offer(self) -> None:
        """Let the loop or the writer's thread take a turn; while another is under way, they leave it at that."""
        if self._writer is None:
            self._take()
            return
        loop = self.loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                (loop.call_soon if _runs_here(loop) else loop.call_soon_threadsafe)(self._take_in_loop)
                return
        self._steps.put(self._take)

    def _write_all(self) -> None:
        """Do what is left to this thread until told to stop; the writer thread's life."""
        while (step := self._steps.get()) is not None:
            step()
        while self._orders or self._turn.locked():  # a turn under way leaves its commit to this thread
            with contextlib.suppress(queue.Empty):
                if (step := self._steps.get(timeout=0.01)) is not None:
                    step()
            self._take()

    def _take(self) -> None:
        """Run and commit what waits, in this thread, which may wait."""
        if group := self._begun():
            self._run(group)

    def _take_in_loop(self) -> None:
        """Run what waits, in the loop's thread; the commit, or all if another process writes, is for the writer's."""
        if not (group := self._begun()):
            return
        try:
            session = self._begin(wait=False)
            step = partial(self._run, group) if session is None else self._commit_of(group, session)
        except BaseException as failure:  # noqa: BLE001 - each of them must hear of it
            step = partial(self._fail, group, failure)
        self._steps.put(step)

    def _begun(self) -> list[QueuedUseCase]:
        """Take the turn, and what waits; nothing if the turn is another's, or nothing waits."""
        while self._orders and self._turn.acquire(blocking=False):
            some = self._orders.take(GROUP)
            # a caller that gave up before its use case began changes nothing; one that gives up now is too late
            if group := [order for order in some if order.begins()]:
                return group
            self._turn.release()
        return []

    # --- a transaction

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
        with in_our_words(self._file):
            session = self._transactions.begin(wait=wait)
            if session is not None:
                self._notice_others(session)
            return session

    def _commit_of(self, group: list[QueuedUseCase], session: Session) -> Callable[[], None]:
        """Run a group in the transaction; return what commits it and answers."""
        self._running = threading.get_ident()
        try:
            with in_our_words(self._file):
                answers = attempt_all(session, group)
        finally:
            self._running = None
        return partial(self._commit, group, answers)

    def _commit(self, group: list[QueuedUseCase], answers: list[UseCaseResult]) -> None:
        try:
            with in_our_words(self._file):
                self._transactions.commit()
        except BaseException as failure:  # noqa: BLE001 - nothing was committed: each of them must hear of it
            self._fail(group, failure)
        else:
            self._end(group, answers)

    def _fail(self, group: list[QueuedUseCase], failure: BaseException) -> None:
        self._transactions.drop()
        self._memory.forget()
        self._end(group, [UseCaseResult(None, failure)] * len(group))

    def _end(self, group: list[QueuedUseCase], answers: list[UseCaseResult]) -> None:
        """Answer whoever waits, and let the next take a turn."""
        self._turn.release()
        ready = sum((answer.ready for answer in answers if answer.ready), Counter())
        in_loop = [pair for pair in zip(group, answers, strict=True) if tell_here(*pair)]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            if ready:
                self.on_ready(ready)
            if in_loop:
                loop = next(order.future.get_loop() for order, _ in in_loop if isinstance(order.future, asyncio.Future))
                loop.call_soon_threadsafe(tell_all, in_loop)
        if self._orders:
            self._offer()

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
