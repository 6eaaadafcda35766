"""The vanity search as a kind of app: one unit in a child process of its own."""

from __future__ import annotations

import logging
from typing import Final

from pydantic import BaseModel, Field

from worker.agent.events import ref_of
from worker.config import WorkerSettings
from worker.runs.contract import Assignment, Runner
from worker.vanity import process
from xwhep.protocol.attempts import FinishAttempt, ProgressFields
from xwhep.protocol.base import Details
from xwhep.vanity import messages
from xwhep.vanity.effort import effort
from xwhep.vanity.errors import ShareClaimedError
from xwhep.vanity.messages import ReportShare, ShareReply, VanityAbility, VanityWork
from xwhep.vanity.units import MAX_STEPS

log = logging.getLogger(__name__)


class Checkpoint(BaseModel):
    """How far the search of a unit is: all steps before this one are done, and their shares reported."""

    next_step: int = Field(default=0, ge=0, le=MAX_STEPS)


class VanityRunner(Runner[VanityWork]):
    """Searches units, with the kernel that suits this machine."""

    name = messages.KIND
    work = VanityWork
    report = ReportShare
    checkpoint = Checkpoint
    pausable = True
    measure = "keys"
    reported_before = (ShareClaimedError,)

    def __init__(self, settings: WorkerSettings) -> None:
        super().__init__(settings)
        self.keys_per_s = 0.0  #: compressed ones, of one slot, lately
        self.keys_proven: int | None = None  #: by this host's shares, as the dispatcher last told; None until it did

    async def probe(self) -> None:
        """Compile the kernel; raises as `Runner.probe` does."""
        log.info("the search is compiled for this machine; the first time that takes some seconds")
        compiled = await process.compile_kernel()
        log.info("%s tries %.2f million keys a second in each slot", compiled.kernel, compiled.keys_per_s / 1e6)
        self.keys_per_s = compiled.keys_per_s * self.settings.share

    async def run(self, assignment: Assignment[VanityWork]) -> FinishAttempt:
        """Search a unit to its end, from its checkpoint on; raises as `Runner.run` does."""
        work = assignment.lease.work
        self.keys_proven = work.keys_proven
        telling = _Telling(assignment)
        try:
            return await process.search(
                work, telling, share=self.settings.share, brake=assignment.brake, bookmark=telling.bookmark
            )
        finally:
            if telling.keys_per_s > 0:
                self.keys_per_s = telling.keys_per_s * effort(work.target(), plain=work.plain)

    def progress_at(self, work: VanityWork, checkpoint: BaseModel | None) -> ProgressFields:
        """Return how far a unit is that goes on at a checkpoint."""
        return process.progress_at(work, _next_step(work, checkpoint))

    def ability(self) -> Details:
        """Return what the dispatcher sizes units by."""
        return VanityAbility(forms=process.FORMS, keys_per_s=self.keys_per_s).model_dump(mode="json")

    def facts(self) -> Details:
        """Return the rate of a slot, and the credit once it is known."""
        credit: Details = {} if self.keys_proven is None else {"keys_proven": self.keys_proven}
        return {"keys_per_s": self.keys_per_s, **credit}

    def answered(self, details: Details) -> None:
        """Take in the credit."""
        self.keys_proven = ShareReply.model_validate(details).keys_proven

    def at_once(self) -> int | None:
        """Return how many threads the owner gives the search."""
        return self.settings.threads


class _Telling:
    """Takes what a search says, and says it in the words that all kinds share."""

    def __init__(self, assignment: Assignment[VanityWork]) -> None:
        self.bookmark = process.Bookmark(_next_step(assignment.lease.work, assignment.checkpoint))
        self.keys_per_s = 0.0
        self._assignment = assignment

    def compiling(self) -> None:
        log.info(
            "job %s, attempt %s: compiling the search for this machine, some ten seconds, once",
            *ref_of(self._assignment.lease),
        )

    def progress(self, progress: ProgressFields) -> None:
        self.keys_per_s = progress.amount_per_s
        self._assignment.sink.progress(progress)
        self._assignment.sink.checkpoint(Checkpoint(next_step=self.bookmark.next_step))

    async def hit(self, share: ReportShare) -> None:
        await self._assignment.sink.report(share)


def _next_step(work: VanityWork, checkpoint: BaseModel | None) -> int:
    return min(checkpoint.next_step, work.steps) if isinstance(checkpoint, Checkpoint) else 0


KIND: Final = VanityRunner
