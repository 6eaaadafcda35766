"""The oracle's loop: read the chain, do what each task needs, settle what is answered.

Steps that ask the grid run beside the loop, a few at a time, so that a dispatcher that is slow or away holds up neither
the chain nor each other; transactions are signed one after the other. What fails is tried again after growing pauses
of its own. An error that is neither the project's nor the system's ends the process: the ledger knows how to go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final, NamedTuple, Protocol

from oracle.ledger import tasks
from oracle.ledger.file import Ledger
from oracle.ledger.tables import Key, Task
from oracle.settlement.backoff import AT_ONCE, Backoff
from oracle.settlement.life import Margins, Step
from oracle.settlement.quotas import Quotas
from xwhep.chain.values import Block
from xwhep.errors.base import XwhepError
from xwhep.errors.chain import NodeUnavailableError
from xwhep.errors.jobs import UnavailableError
from xwhep.errors.ledgers import LedgerBusyError, LedgerFullError
from xwhep.terminal.display import safe
from xwhep.world import REAL, World

log = logging.getLogger(__name__)

#: steps that ask the grid at the same time
AT_A_TIME: Final = 8
#: tasks whose steps wait for their turn in memory, and answers that are signed before the chain is read again
STARTED_AT_MOST: Final = 200
SENT_AT_A_TIME: Final = 50


class ChainReader(Protocol):
    """Reads the chain into the ledger: the follower."""

    async def follow(self) -> Block:
        """Read everything that can be read now, and return the head of the chain."""


class StepTaker(Protocol):
    """Takes the steps of tasks."""

    async def take(self, task: Task, step: Step, *, now: int) -> float:
        """Take a step of a task; return after how many seconds the next one may follow."""


class TransactionKeeper(Protocol):
    """Sees to the transactions that are signed: the outbox."""

    async def step(self, *, now: int) -> None:
        """Send again what is in no block, raise fees, and note what became of the others."""


class Parts(NamedTuple):
    """What a bridge drives."""

    chain: ChainReader
    steps: StepTaker
    transactions: TransactionKeeper


class Bridge:
    """One oracle at work: it decides when each part does its work, and knows no chain and no grid itself."""

    def __init__(self, ledger: Ledger, parts: Parts, margins: Margins, quotas: Quotas, world: World = REAL) -> None:
        self._ledger = ledger
        self._chain, self._steps, self._transactions = parts
        self._world = world
        self._margins = margins
        self._quotas = quotas
        self._now = 0  #: the chain's time, of its newest block
        self._backoff: Backoff[tuple[Key, Step] | str] = Backoff(world.chance)
        self._slots = asyncio.Semaphore(AT_A_TIME)
        self._at_work: dict[Key, asyncio.Task[None]] = {}
        self._away: set[str] = set()  #: whose absence was told, by the code of the error

    async def run(self, stop: asyncio.Event, poll_s: float) -> None:
        """Work until told to stop; what is under way then is left as it is, and taken up at the next start."""
        loop, stopping = asyncio.create_task(self._loop(poll_s)), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([loop, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.cancel()
            stopping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop

    async def _loop(self, poll_s: float) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._turn(group)
                except XwhepError as error:
                    self._failed(_LEDGER, "the ledger", error)  # all else has its own place
                await self._world.sleep(poll_s)

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        """Read what is new on the chain, begin what is to be done on the grid, and see to the transactions."""
        if not await self._read():
            return
        to_do = self._ledger.run(tasks.due, self._margins, self._quotas, now=self._now)
        self._is_back(LedgerBusyError.code, LedgerFullError.code)
        self._backoff.keep([*to_do, _CHAIN, _OUTBOX])
        ready = [item for item in to_do if self._backoff.is_due(item, self._world.monotonic())]
        for key, step in ready:
            if step in _OF_THE_LEDGER:  # before anything that may take its time: deadlines do not wait
                await self._take_if_next(key, step)
            elif step is not Step.SEND:
                self._begin(key, group)
        for key, _ in [item for item in ready if item[1] is Step.SEND][:SENT_AT_A_TIME]:
            await self._take_if_next(key, Step.SEND)
            if NodeUnavailableError.code in self._away:
                return
        await self._see_to_transactions()

    def _begin(self, key: Key, group: asyncio.TaskGroup) -> None:
        """Let a task's steps be taken beside the loop, if that is not under way."""
        if key not in self._at_work and len(self._at_work) < STARTED_AT_MOST:
            self._at_work[key] = group.create_task(self._work(key))

    async def _read(self) -> bool:
        """Follow the chain; False if its node is of no use now."""
        if not self._backoff.is_due(_CHAIN, self._world.monotonic()):
            return False
        try:
            self._now = (await self._chain.follow()).timestamp
        except (XwhepError, OSError) as error:
            self._failed(_CHAIN, "the chain", error)
            return False
        self._went_well(_CHAIN, AT_ONCE, "no-rpc")
        return True

    async def _see_to_transactions(self) -> None:
        if self._backoff.is_due(_OUTBOX, self._world.monotonic()):
            try:
                await self._transactions.step(now=self._now)
            except (XwhepError, OSError) as error:
                self._failed(_OUTBOX, "the transactions", error)
            else:
                self._went_well(_OUTBOX, AT_ONCE)

    async def _work(self, key: Key) -> None:
        """Take the steps of a task that ask the grid, as long as each leads to the next."""
        try:
            async with self._slots:
                for _ in Step:  # a bound: no task has more
                    if not await self._next_step(key):
                        return
        except XwhepError as error:
            self._failed(_LEDGER, "the ledger", error)
        finally:
            del self._at_work[key]

    async def _next_step(self, key: Key) -> bool:
        """Take the step that a task needs now, if it is one to take here; True if another may follow at once."""
        found = self._ledger.run(tasks.step_of, key, self._margins, now=self._now)
        if found is None or found[1] is Step.SEND or not self._backoff.is_due((key, found[1]), self._world.monotonic()):
            return False
        return await self._take(*found)

    async def _take_if_next(self, key: Key, step: Step) -> None:
        """Take a step, if nothing that happened meanwhile has made it the wrong one."""
        found = self._ledger.run(tasks.step_of, key, self._margins, now=self._now)
        if found is not None and found[1] is step:
            await self._take(*found)

    async def _take(self, task: Task, step: Step) -> bool:
        """Take a step; True if another may follow at once. What fails is noted and tried again later."""
        what = (task.key, step)
        try:
            pause_s = await self._steps.take(task, step, now=self._now)
        except (XwhepError, OSError) as error:
            self._failed(what, f"task {task.id}: {step}", error)
            return False
        self._went_well(what, pause_s, "unavailable" if step in _OF_THE_GRID else None)
        return pause_s == AT_ONCE

    def _went_well(self, what: tuple[Key, Step] | str, pause_s: float, code: str | None = None) -> None:
        self._backoff.went_well(what, pause_s, self._world.monotonic())
        if code is not None:
            self._is_back(code)

    def _is_back(self, *codes: str) -> None:
        """Tell people that what was away is there again, if it was."""
        for code in self._away.intersection(codes):
            self._away.remove(code)
            log.info("%s", _THERE_AGAIN[code])

    def _failed(self, what: tuple[Key, Step] | str, doing: str, error: XwhepError | OSError) -> None:
        """Tell people of a failure, of one that all tasks share only once, and pause."""
        asked_s = error.retry_after_s if isinstance(error, XwhepError) else 0.0
        pause_s = self._backoff.failed(what, self._world.monotonic(), asked_s)
        shared = error.code if isinstance(error, _SHARED) else None
        if shared is None:
            log.warning("%s: %s; tried again in %.0f s", doing, safe(str(error)), pause_s)
        elif shared not in self._away:
            self._away.add(shared)
            log.warning("%s: %s; it is tried again until that is over", doing, safe(str(error)))


_CHAIN: Final = "chain"
_OUTBOX: Final = "outbox"
_LEDGER: Final = "ledger"
#: steps that ask nobody
_OF_THE_LEDGER: Final = frozenset({Step.RECALL, Step.GIVE_UP})
_OF_THE_GRID: Final = frozenset({Step.DISPATCH, Step.LOOK, Step.CANCEL})
#: what all tasks need: the dispatcher, the node and the ledger
_SHARED: Final = (UnavailableError, NodeUnavailableError, LedgerBusyError, LedgerFullError)
_THERE_AGAIN: Final = {
    UnavailableError.code: "the grid is there again",
    NodeUnavailableError.code: "the chain's node is there again",
    LedgerBusyError.code: "the ledger can be used again",
    LedgerFullError.code: "there is room for the ledger again",
}
