"""The steps of a Task: each asks the hub, the grid or the outbox, and then notes in the ledger what came of it.

A step may be repeated after a crash at any point of it. Between what it asks and what it notes the chain may have taken
the task elsewhere; then the note is void, and the ledger's state says how it goes on.
"""

from __future__ import annotations

import logging
from typing import Protocol, assert_never

from oracle.grid import GridAccount
from oracle.ledger import tasks
from oracle.ledger.file import Ledger
from oracle.ledger.tables import Task
from oracle.settlement.answers import Answer, failed
from oracle.settlement.backoff import AT_ONCE, WAIT_S, look_pause_s
from oracle.settlement.life import Event, Step
from oracle.settlement.quotas import Quotas
from oracle.settlement.requests import GridRequest, OracleTerms, batch_uid
from oracle.settlement.services import request_of
from xwhep.chain.hub import Hub
from xwhep.chain.reasons import FailureReason
from xwhep.chain.values import TaskStatus

log = logging.getLogger(__name__)


class Sender(Protocol):
    """Settles answered tasks: the outbox."""

    async def send(self, task: Task, *, now: int) -> bool:
        """Sign and send the transaction that settles a task; False: not now."""


class Steps:
    """Carries out what `oracle.settlement.life.next_step` says."""

    def __init__(
        self, ledger: Ledger, hub: Hub, grid: GridAccount, sender: Sender, terms: OracleTerms, quotas: Quotas
    ) -> None:
        self._ledger = ledger
        self._hub = hub
        self._grid = grid
        self._sender = sender
        self._terms = terms
        self._quotas = quotas

    async def take(self, task: Task, step: Step, *, now: int) -> float:
        """Take a step of a task; return after how many seconds the next one may follow.

        Raises:
            XwhepError, OSError: it could not be taken now.
        """
        match step:
            case Step.ADMIT if not await self._is_pending(task):
                return WAIT_S  # settled or reorganised since: the follower will tell
            case Step.ADMIT | Step.DISPATCH | Step.LOOK:
                return await self._go_on(task, step, now)
            case Step.RECALL:
                self._ledger.run(tasks.change, task.key, task.state, Event.ANSWERED, now=now)
            case Step.GIVE_UP:
                self._answer(task, failed(FailureReason.DEADLINE_NEAR), now)
            case Step.SEND:
                return AT_ONCE if await self._sender.send(task, now=now) else WAIT_S
            case Step.CANCEL:
                await self._grid.cancel(batch_uid(self._terms.subject, task))
                self._ledger.run(tasks.batch_is_over, task.key)
                log.info("task %d: its batch was taken back", task.id)
            case _:
                assert_never(step)
        return AT_ONCE

    async def _is_pending(self, task: Task) -> bool:
        """Tell whether the hub waits for an answer to this very task."""
        known = await self._hub.task(task.id)
        return known.status is TaskStatus.PENDING and known.commitment == task.commitment

    async def _go_on(self, task: Task, step: Step, now: int) -> float:
        """Take a step that leads a task to the grid and back; refuse the task if it cannot be done."""
        request = request_of(task, self._terms)
        if isinstance(request, FailureReason):  # where it was admitted: the configuration was another one then
            self._answer(task, failed(request), now)
            return AT_ONCE
        if step is Step.ADMIT:
            return self._admit(task, now)
        if step is Step.DISPATCH:
            return await self._dispatch(task, request, now)
        return await self._look(task, request, now)

    def _admit(self, task: Task, now: int) -> float:
        if not self._ledger.run(tasks.admit, task.key, self._quotas, now=now):
            return WAIT_S
        app = self._terms.services[task.app].name
        log.info("task %d: from %s for %s, seen in block %d", task.id, task.requester, app, task.submitted_block)
        return AT_ONCE

    async def _dispatch(self, task: Task, request: GridRequest, now: int) -> float:
        if not self._ledger.run(tasks.expect_batch, task.key):
            return AT_ONCE
        refusal = await self._grid.submit(request)
        if refusal is not None:
            self._answer(task, failed(refusal), now)
        elif self._ledger.run(tasks.change, task.key, task.state, Event.DISPATCHED, now=now):
            log.info("task %d: dispatched as batch %s", task.id, request.batch.uid)
        return AT_ONCE

    async def _look(self, task: Task, request: GridRequest, now: int) -> float:
        answer = await self._grid.answer(request)
        if answer is None:
            return look_pause_s(now - task.changed_at)
        self._answer(task, answer, now, batch_is_over=True)
        return AT_ONCE

    def _answer(self, task: Task, answer: Answer, now: int, *, batch_is_over: bool = False) -> None:
        """Note an answer; a batch that may still run is cancelled by its own step."""
        if self._ledger.run(tasks.answer, task, answer, batch_is_over=batch_is_over, now=now):
            why = f" ({answer.result.decode('ascii')})" if answer.outcome is TaskStatus.FAILED else ""
            log.info("task %d: answered %s%s", task.id, answer.outcome, why)
