"""What is kept of attempts until the dispatcher has it: on the disk or, where that did not take it, in memory."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel

from worker.agent import events
from worker.agent.events import Ref
from worker.spool import Spool
from worker.trouble import Mailbox
from xwhep.errors.jobs import DigestMismatchError
from xwhep.protocol.attempts import FinishAttempt, Outcome, ProgressFields, Report
from xwhep.protocol.jobs import Output

log = logging.getLogger(__name__)

#: how many reports of this worker's runs may be under way; a run that makes more waits
MAX_REPORTS: Final = 64


def lost(reason: str, progress: ProgressFields) -> FinishAttempt:
    """Return the end of an attempt that is given back."""
    return FinishAttempt(outcome=Outcome.LOST, reason=reason[:1000], **progress.model_dump())


class Keeper:
    """The reports and ends of one worker's attempts."""

    def __init__(self, spool: Spool, mailbox: Mailbox) -> None:
        self.spool = spool
        self._mailbox = mailbox
        self._unsaved: dict[Ref, FinishAttempt] = {}  #: ends that are not those on the disk
        self._reports: dict[tuple[Ref, int], Report] = {}
        self._unsaved_reports: set[tuple[Ref, int]] = set()  #: of those, the ones that the disk did not take
        self._room = asyncio.Semaphore(MAX_REPORTS)

    async def keep_report(self, ref: Ref, number: int, report: Report) -> None:
        """Record a report and tell the agent; wait first while many others are under way."""
        await self._room.acquire()
        self._reports[ref, number] = report
        try:
            await asyncio.to_thread(self.spool.add_report, ref, number, report)
        except OSError as error:
            log.warning("a report could not be written to the disk (%s); it is sent all the same", error.strerror)
            self._unsaved_reports.add((ref, number))
        self._mailbox.tell(events.ReportMade, ref, number)

    async def keep_checkpoint(self, ref: Ref, checkpoint: BaseModel) -> None:
        """Record how far a run is, unless a report from before that is in memory alone."""
        if any(known == ref for known, _ in self._unsaved_reports):
            return
        try:
            await asyncio.to_thread(self.spool.save, ref, checkpoint)
        except OSError as error:
            log.debug("how far a run is could not be written to the disk (%s)", error.strerror)

    async def keep_end(self, ref: Ref, end: FinishAttempt) -> None:
        """Record an end and tell the agent; where the disk does not take it, the attempt is given back."""
        size_bytes, by_machine = 0, end.outcome is Outcome.LOST
        try:
            size_bytes = await asyncio.to_thread(self.spool.end, ref, end)
        except OSError as error:
            by_machine = True
            self.give_up(ref, f"the end could not be kept: {error.strerror}")
        log.info("job %s, attempt %s: %s%s", *ref, end.outcome, f" ({end.reason})" if end.reason else "")
        self._mailbox.tell(events.RunEnded, ref, size_bytes, by_machine)

    def give_up(self, ref: Ref, reason: str) -> None:
        """Give an attempt back, whatever its end on the disk says."""
        self._unsaved[ref] = lost(reason, ProgressFields())

    async def report(self, ref: Ref, number: int) -> Report:
        """Return a report.

        Raises:
            OSError, ValidationError: it cannot be read any more.
        """
        report = self._reports.get((ref, number))
        return report if report is not None else await asyncio.to_thread(self.spool.report, ref, number)

    async def end(self, ref: Ref) -> FinishAttempt:
        """Return how an attempt ended; raises as `report` does."""
        end = self._unsaved.get(ref)
        return end if end is not None else await asyncio.to_thread(self.spool.end_of, ref)

    async def contents(self, ref: Ref, outputs: Sequence[Output]) -> list[bytes]:
        """Return the contents of small outputs.

        Raises:
            OSError, DigestMismatchError: one cannot be read any more, or has changed.
        """
        return await asyncio.to_thread(self._read, ref, outputs)

    def _read(self, ref: Ref, outputs: Sequence[Output]) -> list[bytes]:
        contents = []
        for output in outputs:
            with self.spool.output(ref, output.name).open("rb") as stream:
                content = stream.read(output.size_bytes)
            if (found := hashlib.sha256(content).hexdigest()) != output.digest:
                raise DigestMismatchError(output.digest, found)
            contents.append(content)
        return contents

    async def forget_report(self, ref: Ref, number: int, *, others: bool) -> None:
        """Remove a report that the dispatcher has, and from memory the attempt's others if they are not wanted."""
        await asyncio.to_thread(self.spool.forget_report, ref, number)
        for known in [known for known in self._reports if known == (ref, number) or (others and known[0] == ref)]:
            del self._reports[known]
            self._unsaved_reports.discard(known)
            self._room.release()

    async def forget(self, ref: Ref) -> None:
        """Remove all that is kept of an attempt."""
        self._unsaved.pop(ref, None)
        await asyncio.to_thread(self.spool.forget, ref)
