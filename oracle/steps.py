"""The steps of one task: each asks the grid or the chain, and then notes in the ledger what came of it.

A step may be repeated after a crash at any point of it. Between what it asks and what it notes the chain may have taken
the task elsewhere; then the note is void, and the ledger's state says how it goes on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from oracle.grid import Grid
from oracle.ledger import tasks
from oracle.ledger.file import Ledger
from oracle.ledger.tables import Task
from oracle.outbox import Outbox
from oracle.settlement.backoff import look_pause_s
from oracle.settlement.life import Event, Step
from oracle.settlement.quotas import Quotas
from oracle.settlement.requests import Answer, Offer, Order, batch_uid, failed, order_for
from xwhep.chain.hub import Hub
from xwhep.chain.reasons import FailureReason
from xwhep.chain.values import Call, TaskStatus

log = logging.getLogger(__name__)

#: before what has to wait for its turn, or for the chain, is looked at again, seconds
WAIT_S: Final = 5.0
#: a step went on: the next one may follow at once
AT_ONCE: Final = 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """Whom this oracle serves, and how many at a time."""

    offer: Offer
    quotas: Quotas


class Steps:
    """Carries out what `oracle.settlement.life.next_step` says."""

    def __init__(self, ledger: Ledger, hub: Hub, outbox: Outbox, grid: Grid, terms: Terms) -> None:
        self._ledger = ledger
        self._hub = hub
        self._outbox = outbox
        self._grid = grid
        self._offer = terms.offer
        self.quotas = terms.quotas
        self._proved: dict[int, bool] = {}  #: whether an app, which never changes, has a verifier

    async def take(self, task: Task, step: Step, *, now: int) -> float:
        """Take a step of a task; return after how many seconds the next one may follow.

        Raises:
            XwhepError, OSError: it could not be taken now.
        """
        match step:
            case Step.ADMIT:
                return await self._admit(task, now)
            case Step.DISPATCH:
                return await self._dispatch(task, now)
            case Step.LOOK:
                return await self._look(task, now)
            case Step.RECALL:
                self._note(task, Event.ANSWERED, now)
            case Step.GIVE_UP:
                self._answer(task, failed(FailureReason.DEADLINE_NEAR), now)
            case Step.SEND:
                sent = await self._outbox.send(task.key, await self._call(task), now=now)
                return AT_ONCE if sent else WAIT_S
            case Step.CANCEL:
                await self._grid.cancel(batch_uid(self._offer.subject, task))
                self._ledger.run(tasks.batch_is_over, task.key)
                log.info("task %d: its batch was taken back", task.id)
        return AT_ONCE

    async def _admit(self, task: Task, now: int) -> float:
        known = await self._hub.task(task.id)
        if known.status is not TaskStatus.PENDING or known.commitment != task.commitment:
            return WAIT_S  # settled or reorganised since: the follower will tell
        order = order_for(task, self._offer)
        if isinstance(order, FailureReason):
            self._answer(task, failed(order), now)
            return AT_ONCE
        if not self._ledger.run(tasks.admit, task.key, self.quotas, now=now):
            return WAIT_S
        app = self._offer.services[task.app].name
        log.info("task %d: from %s for %s, seen in block %d", task.id, task.requester, app, task.submitted_block)
        return AT_ONCE

    async def _dispatch(self, task: Task, now: int) -> float:
        order = order_for(task, self._offer)
        if isinstance(order, FailureReason):  # admitted under an earlier configuration
            self._answer(task, failed(order), now)
        elif self._ledger.run(tasks.expect_batch, task.key):
            await self._hand_in(task, order, now)
        return AT_ONCE

    async def _hand_in(self, task: Task, order: Order, now: int) -> None:
        reason = await self._grid.submit(order)
        if reason is not None:
            self._answer(task, failed(reason), now)
        elif self._note(task, Event.DISPATCHED, now):
            log.info("task %d: dispatched as batch %s", task.id, order.batch.uid)

    async def _look(self, task: Task, now: int) -> float:
        order = order_for(task, self._offer)
        answer = failed(order) if isinstance(order, FailureReason) else await self._grid.answer(task, order)
        if answer is None:
            return look_pause_s(now - task.changed_at)
        self._answer(task, answer, now, batch_is_over=not isinstance(order, FailureReason))
        return AT_ONCE

    async def _call(self, task: Task) -> Call:
        """Return the call that tells the hub the answer."""
        outcome, result, digest = task.outcome, task.result, task.digest
        assert outcome is not None
        assert result is not None
        assert digest is not None
        if outcome is TaskStatus.DONE and await self._is_proved(task.app):
            return self._hub.prove(task.id, task.params, result, digest)
        return self._hub.finish(task.id, task.commitment, outcome, result, digest)

    async def _is_proved(self, app: int) -> bool:
        if app not in self._proved:
            self._proved[app] = (await self._hub.app(app)).verifier is not None
        return self._proved[app]

    def _answer(self, task: Task, answer: Answer, now: int, *, batch_is_over: bool = False) -> None:
        """Note an answer; a batch that may still run is cancelled by its own step."""
        if self._ledger.run(tasks.answer, task, answer, batch_is_over=batch_is_over, now=now):
            why = f" ({answer.result.decode('ascii')})" if answer.outcome is TaskStatus.FAILED else ""
            log.info("task %d: answered %s%s", task.id, answer.outcome, why)

    def _note(self, task: Task, happened: Event, now: int) -> bool:
        return self._ledger.run(tasks.change, task.key, task.state, happened, now=now) is not None
