"""The hands of the agent: performs each instruction and tells what came of it as an event.

Each request, run and delivery is a task of its own.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from worker import events
from worker.cache import Cache
from worker.delivery import Delivery, lost
from worker.events import Cause, Instruction, Ref, ref_of
from worker.probe import operating_system, processor
from worker.runs import native
from worker.spool import Spool, Workplace
from worker.trouble import Mailbox, told
from worker.vanity import process
from xwhep.client.connection import pause_before_retry
from xwhep.client.host import HostClient
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import UnavailableError
from xwhep.errors.machines import CannotContainError
from xwhep.protocol.apps import Kind
from xwhep.protocol.attempts import (
    PROTOCOL,
    AttemptProgress,
    FinishAttempt,
    Heartbeat,
    Lease,
    LeaseRequest,
    NativeWork,
    ProgressFields,
    ReportHit,
    VanityWork,
)
from xwhep.vanity.effort import effort

log = logging.getLogger(__name__)

#: how long a heartbeat may take, seconds
BEAT_TIMEOUT_S: Final = 20.0
#: how often content is asked for again while the dispatcher is away; with the pauses between, some five minutes
FETCH_TRIES: Final = 64
GIVEN_BACK: Final = "the worker stops, or takes no jobs of this kind"


@dataclass(slots=True)
class Run:
    """A run under way; it is also where a search says what it finds."""

    lease: Lease
    delivery: Delivery
    task: asyncio.Task[None] | None = None
    is_working: bool = False  #: from its first step to the last that may be cut short
    stopped: Cause | None = None
    latest: ProgressFields = field(default_factory=ProgressFields)
    hits: int = 0  #: the number of the next one
    bookmark: process.Bookmark = field(default_factory=process.Bookmark)
    saved_step: int = 0  #: up to where the disk knows of it

    def stop(self, cause: Cause) -> None:
        """End the run; it is recorded all the same, with the first cause that there was."""
        self.stopped = self.stopped or cause
        if self.is_working and self.task is not None:
            self.task.cancel()

    def compiling(self) -> None:
        """Take that the search is compiled first."""
        log.info(
            "job %s, attempt %s: compiling the search for this machine, some ten seconds, once", *ref_of(self.lease)
        )

    def progress(self, progress: ProgressFields) -> None:
        """Take how far the run is."""
        self.latest = progress

    async def hit(self, hit: ReportHit) -> None:
        """Take a hit."""
        number, self.hits = self.hits, self.hits + 1
        await self.delivery.keep_hit(ref_of(self.lease), number, hit)


class Shell:
    """Performs instructions; what came of them is in the mailbox."""

    def __init__(
        self, client: HostClient, spool: Spool, cache: Cache, mailbox: Mailbox, tasks: asyncio.TaskGroup
    ) -> None:
        self._client = client
        self._spool = spool
        self._cache = cache
        self._mailbox = mailbox
        self._tasks = tasks
        self._delivery = Delivery(client, spool, mailbox)
        self._os, self._cpu = operating_system(), processor()
        self._poll: asyncio.Task[None] | None = None
        self._others: set[asyncio.Task[None]] = set()
        self.keys_per_s = 0.0  #: compressed ones, of one slot, lately
        self.share = 1.0  #: of a processor's time, for a search
        self.brake = process.Brake()
        self.runs: dict[Ref, Run] = {}

    @property
    def keys_proven(self) -> int | None:
        """What the host's shares have proven, as the dispatcher last told; None until it did."""
        return self._delivery.keys_proven

    def perform(self, instruction: Instruction) -> None:
        """Begin to do what the agent says."""
        match instruction:
            case events.Poll(kinds, wait_s):
                self._poll = self._begin(self._ask(kinds, wait_s))
                self._poll.add_done_callback(self._polled)
            case events.AbandonPoll():
                assert self._poll is not None
                self._poll.cancel()
            case events.StartRun(lease, first_step, first_hit):
                bookmark = process.Bookmark(first_step)
                run = Run(lease, self._delivery, hits=first_hit, bookmark=bookmark, saved_step=first_step)
                if isinstance(lease.work, VanityWork):
                    run.latest = process.progress_at(lease.work, first_step)
                self.runs[ref_of(lease)] = run
                run.task = self._tasks.create_task(self._run(run))
            case events.StopRun(ref, cause):
                self.runs[ref].stop(cause)
            case events.Forget(ref):
                self._tasks.create_task(self._delivery.forget(ref))  # also when all else ends
            case _:
                self._begin(self._request(instruction))

    def close(self) -> None:
        """End all that is under way; runs are recorded."""
        for run in self.runs.values():
            run.stop(Cause.SHUTDOWN)
        for task in self._others:
            task.cancel()

    def _request(self, instruction: Instruction) -> Coroutine[Any, Any, None]:
        match instruction:
            case events.SendHeartbeat(refs):
                return self._beat(refs)
            case events.SaveProgress(refs):
                return self._save(refs)
            case events.GiveBack(lease):
                return self._give_back(lease)
            case events.SendHit(ref, number):
                return self._delivery.send_hit(ref, number)
            case events.SendReport(ref):
                return self._delivery.report(ref)
        raise TypeError(instruction)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)
        return task

    # --- asking

    async def _ask(self, kinds: frozenset[Kind], wait_s: float) -> None:
        request = LeaseRequest(
            protocol=PROTOCOL,
            os=self._os,
            cpu=self._cpu,
            kinds=kinds,
            forms=process.FORMS,
            wait_s=wait_s,
            keys_per_s=self.keys_per_s,
        )
        try:
            reply = await self._client.lease(request)
        except XwhepError as error:
            self._mailbox.note(error, "asking for work")
            self._mailbox.tell(events.PollFailed)
        else:
            if reply.lease is not None:
                self._delivery.keys_proven = reply.lease.keys_proven
            self._mailbox.tell(events.PollAnswered, reply.lease)

    def _polled(self, poll: asyncio.Task[None]) -> None:
        if poll.cancelled():  # perhaps before its first step, so that it could not say so itself
            self._mailbox.tell(events.PollFailed)

    async def _beat(self, refs: tuple[Ref, ...]) -> None:
        heartbeat = Heartbeat(attempts=[self._progress(ref) for ref in refs])
        try:
            async with asyncio.timeout(BEAT_TIMEOUT_S):
                reply = await self._client.heartbeat(heartbeat)
        except (XwhepError, TimeoutError) as error:
            self._mailbox.note(error, "sending a heartbeat")
            self._mailbox.tell(events.HeartbeatFailed)
        else:
            self._mailbox.tell(events.HeartbeatAnswered, frozenset(Ref(ref.job_uid, ref.attempt) for ref in reply.stop))

    def _progress(self, ref: Ref) -> AttemptProgress:
        fields = self.runs[ref].latest if ref in self.runs else ProgressFields()
        return AttemptProgress(job_uid=ref.job_uid, attempt=ref.attempt, **fields.model_dump())

    # --- running

    async def _save(self, refs: tuple[Ref, ...]) -> None:
        """Write down how far searches have come since the last time; a failure is made good with the next time."""
        for run in [self.runs[ref] for ref in refs if ref in self.runs]:
            next_step = run.bookmark.next_step
            if next_step > run.saved_step:
                run.saved_step = next_step
                await self._delivery.keep_progress(ref_of(run.lease), next_step)

    async def _run(self, run: Run) -> None:
        ref = ref_of(run.lease)
        log.info("job %s, attempt %s: started (%s)", *ref, run.lease.work.kind)
        end = await self._end_of(run)
        run.is_working = False
        if isinstance(run.lease.work, VanityWork) and run.latest.keys_per_s > 0:
            self.keys_per_s = run.latest.keys_per_s * effort(run.lease.work.target(), plain=run.lease.work.plain)
        await self._delivery.keep_end(ref, end)
        del self.runs[ref]

    async def _end_of(self, run: Run) -> FinishAttempt:
        run.is_working = True
        try:
            workplace = await asyncio.to_thread(self._spool.open, run.lease)
            if run.stopped is None:
                return await self._work(run, workplace)
        except asyncio.CancelledError:
            if run.stopped is None:
                raise
        except CannotContainError as error:
            log.warning("%s; no more native jobs are taken", error)
            self._mailbox.tell(events.KindWithdrawn, Kind.NATIVE)
            return lost(told(error), run.latest)
        except (XwhepError, OSError) as error:
            log.warning("job %s, attempt %s: %s", *ref_of(run.lease), error)
            return lost(told(error), run.latest)
        assert run.stopped is not None, "a run that nobody stopped has returned its end"
        return lost(run.stopped, run.latest)

    async def _work(self, run: Run, workplace: Workplace) -> FinishAttempt:
        work, ref = run.lease.work, ref_of(run.lease)
        if not isinstance(work, NativeWork):
            return await process.search(work, run, share=self.share, brake=self.brake, bookmark=run.bookmark)

        async def provide(digest: str, destination: Path) -> None:
            await self._cache.provide(digest, destination, fetch)

        async def fetch(digest: str, destination: Path) -> None:
            await self._fetch(ref, digest, destination)

        return await native.run(work, workplace.inputs, workplace.run, provide)

    async def _fetch(self, ref: Ref, digest: str, destination: Path) -> None:
        for attempt in range(FETCH_TRIES):
            try:
                await self._client.fetch(*ref, digest, destination)
            except UnavailableError:
                await asyncio.sleep(pause_before_retry(attempt, random.random))
            else:
                return
        await self._client.fetch(*ref, digest, destination)

    async def _give_back(self, lease: Lease) -> None:
        await asyncio.to_thread(self._spool.open, lease)
        await self._delivery.keep_end(ref_of(lease), lost(GIVEN_BACK, ProgressFields()))
