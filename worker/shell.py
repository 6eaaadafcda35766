"""The hands of the agent: performs its instructions and tells what came of them as events.

Each exchange with the dispatcher and each run is a task of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from worker.agent import events
from worker.agent.events import Act, AnyLease, Cause, Instruction, Ref, Saying, ref_of
from worker.brake import Brake
from worker.cache import Cache
from worker.delivery import Delivery
from worker.keeping import Keeper, lost
from worker.runs.contract import Assignment, Workplace
from worker.runs.registry import Runners
from worker.spool import Spool
from worker.trouble import Mailbox, told
from xwhep.client.connection import pause_before_retry
from xwhep.client.host import HostClient
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import UnavailableError
from xwhep.protocol.attempts import FinishAttempt, ProgressFields, Report

log = logging.getLogger(__name__)

#: how often content is asked for again while the dispatcher is away; with the pauses between, some five minutes
FETCH_TRIES: Final = 64
GIVEN_BACK: Final = "the worker stops, or takes no jobs of this kind"


@dataclass(slots=True)
class LiveAttempt:
    """An attempt that runs; it is also where its run says how far it is and what it finds."""

    lease: AnyLease
    keeper: Keeper
    reached: BaseModel | None = None  #: the checkpoint from which it could go on; None: its beginning
    reports: int = 0  #: the number of the next one
    saved: BaseModel | None = None  #: the checkpoint that the disk knows
    brake: Brake = field(default_factory=Brake)
    task: asyncio.Task[None] | None = None
    is_working: bool = False  #: from its first step to the last that may be cut short
    stopped: Cause | None = None
    latest: ProgressFields = field(default_factory=ProgressFields)

    def stop(self, cause: Cause) -> None:
        """End the run; it is recorded all the same, with the first cause that there was."""
        self.stopped = self.stopped or cause
        if self.is_working and self.task is not None:
            self.task.cancel()

    def progress(self, progress: ProgressFields) -> None:
        """Take how far the run is."""
        self.latest = progress

    def checkpoint(self, checkpoint: BaseModel) -> None:
        """Take from where the attempt could go on."""
        self.reached = checkpoint

    async def report(self, report: Report) -> None:
        """Take a report."""
        number, self.reports = self.reports, self.reports + 1
        await self.keeper.keep_report(ref_of(self.lease), number, report)


class Shell:
    """Performs instructions; what came of them is in the mailbox."""

    def __init__(
        self, client: HostClient, spool: Spool, cache: Cache, kinds: Runners, mailbox: Mailbox, tasks: asyncio.TaskGroup
    ) -> None:
        self._client = client
        self._spool = spool
        self._cache = cache
        self._kinds = kinds
        self._mailbox = mailbox
        self._tasks = tasks
        self._keeper = Keeper(spool, mailbox)
        self._delivery = Delivery(client, self._keeper, kinds, mailbox, self._latest)
        self._poll: asyncio.Task[None] | None = None  #: one that nothing is said with
        self._others: set[asyncio.Task[None]] = set()
        self.runs: dict[Ref, LiveAttempt] = {}

    def perform(self, instructions: Sequence[Instruction]) -> None:
        """Begin to do what the agent says; it may speak of runs whose ends it has not heard of yet."""
        sayings, poll = list[Saying](), None
        for instruction in instructions:
            match instruction:
                case events.SendReports() | events.SendEnd() | events.SendHeartbeat():
                    sayings.append(instruction)
                case events.Poll():
                    poll = instruction
                case _:
                    self._act(instruction)
        if sayings:
            self._begin(self._delivery.exchange(sayings, poll))
        elif poll is not None:
            self._poll = self._begin(self._delivery.exchange([], poll))
            self._poll.add_done_callback(self._polled)

    def _act(self, act: Act) -> None:
        match act:
            case events.AbandonPoll():
                self._abandon_poll()
            case events.StartRun(lease, checkpoint, first_report):
                self._start(LiveAttempt(lease, self._keeper, checkpoint, first_report, saved=checkpoint))
            case events.PauseRuns(refs) | events.ResumeRuns(refs):
                self._turn(refs, on=isinstance(act, events.PauseRuns))
            case events.StopRun(ref, cause):
                self._stop(ref, cause)
            case events.SaveProgress(refs):
                self._begin(self._save(refs))
            case events.GiveBack(lease):
                self._begin(self._give_back(lease))
            case events.Forget(ref):
                self._tasks.create_task(self._keeper.forget(ref))  # also when all else ends

    def close(self) -> None:
        """End all that is under way; runs are recorded."""
        for live in self.runs.values():
            live.stop(Cause.SHUTDOWN)
        for task in self._others:
            task.cancel()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)
        return task

    def _start(self, live: LiveAttempt) -> None:
        work = live.lease.work
        live.latest = self._kinds[work.kind].progress_at(work, live.reached)
        self.runs[ref_of(live.lease)] = live
        live.task = self._tasks.create_task(self._run(live))

    def _turn(self, refs: tuple[Ref, ...], *, on: bool) -> None:
        for live in self._live(refs):
            live.brake.turn(on=on)

    def _stop(self, ref: Ref, cause: Cause) -> None:
        for live in self._live((ref,)):
            live.stop(cause)

    def _live(self, refs: tuple[Ref, ...]) -> list[LiveAttempt]:
        return [self.runs[ref] for ref in refs if ref in self.runs]

    # --- asking

    def _abandon_poll(self) -> None:
        if self._poll is not None:  # one with which something is said is answered at once
            self._poll.cancel()

    def _polled(self, poll: asyncio.Task[None]) -> None:
        self._poll = None
        if poll.cancelled():  # perhaps before its first step, so that it could not say so itself
            self._mailbox.tell(events.PollFailed)

    def _latest(self, ref: Ref) -> ProgressFields:
        return self.runs[ref].latest if ref in self.runs else ProgressFields()

    # --- running

    async def _save(self, refs: tuple[Ref, ...]) -> None:
        """Write down how far runs have come since the last time; a failure is made good with the next time."""
        for live in self._live(refs):
            reached = live.reached
            if reached is not None and reached != live.saved:
                live.saved = reached
                await self._keeper.keep_checkpoint(ref_of(live.lease), reached)

    async def _run(self, live: LiveAttempt) -> None:
        ref = ref_of(live.lease)
        log.info("job %s, attempt %s: started (%s)", *ref, live.lease.work.kind)
        end = await self._end_of(live)
        live.is_working = False
        await self._keeper.keep_end(ref, end)
        del self.runs[ref]

    async def _end_of(self, live: LiveAttempt) -> FinishAttempt:
        live.is_working = True
        runner = self._kinds[live.lease.work.kind]
        try:
            place = await asyncio.to_thread(self._spool.open, live.lease)
            if live.stopped is None:
                return await runner.run(self._assignment(live, place))
        except asyncio.CancelledError:
            if live.stopped is None:
                raise
        except (XwhepError, OSError) as error:
            log.warning("job %s, attempt %s: %s", *ref_of(live.lease), error)
            if isinstance(error, runner.withdrawn_by):
                log.warning("no more %s jobs are taken", runner.name)
                self._mailbox.tell(events.KindWithdrawn, runner.name)
            return lost(told(error), live.latest)
        assert live.stopped is not None, "a run that nobody stopped has returned its end"
        return lost(live.stopped, live.latest)

    def _assignment(self, live: LiveAttempt, place: Workplace) -> Assignment[Any]:
        async def provide(digest: str, destination: Path) -> None:
            await self._cache.provide(digest, destination, fetch)

        async def fetch(digest: str, destination: Path) -> None:
            await self._fetch(ref_of(live.lease), digest, destination)

        return Assignment(live.lease, place, provide, live, live.brake, live.reached)

    async def _fetch(self, ref: Ref, digest: str, destination: Path) -> None:
        world = self._mailbox.world
        for attempt in range(FETCH_TRIES):
            try:
                await self._client.fetch(*ref, digest, destination)
            except UnavailableError as error:
                await world.sleep(pause_before_retry(attempt, world.chance, error.retry_after_s))
            else:
                return
        await self._client.fetch(*ref, digest, destination)

    async def _give_back(self, lease: AnyLease) -> None:
        await asyncio.to_thread(self._spool.open, lease)
        await self._keeper.keep_end(ref_of(lease), lost(GIVEN_BACK, ProgressFields()))
