"""Bringing reports and ends to the dispatcher, from the disk or, where that did not take them, from memory.

What the dispatcher refuses for good is dropped with a line in the log: it knows why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import BaseModel, ValidationError

from worker.agent import events
from worker.agent.events import Cause, Ref
from worker.runs.registry import Runners
from worker.spool import Spool
from worker.trouble import Mailbox, code_of, is_fatal, status_of, told
from xwhep.client.host import HostClient
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import LeaseLostError, StorageFullError
from xwhep.lifecycle import ATTEMPT_ENDS
from xwhep.protocol.attempts import FinishAttempt, Outcome, ProgressFields, Report

log = logging.getLogger(__name__)

#: how many reports of this worker's runs may be under way; a run that makes more waits
MAX_REPORTS: Final = 64
_DAMAGED: Final = frozenset({"digest-mismatch", "too-large", "invalid-field"})


def lost(reason: str, progress: ProgressFields) -> FinishAttempt:
    """Return the end of an attempt that is given back."""
    return FinishAttempt(outcome=Outcome.LOST, reason=reason[:1000], **progress.model_dump())


class Delivery:
    """What is kept of the attempts of one worker, and the way of it to the dispatcher."""

    def __init__(self, client: HostClient, spool: Spool, kinds: Runners, mailbox: Mailbox) -> None:
        self._client = client
        self._kinds = kinds
        self._spool = spool
        self._mailbox = mailbox
        self._unsaved: dict[Ref, FinishAttempt] = {}  #: ends that the disk did not take
        self._reports: dict[tuple[Ref, int], Report] = {}
        self._unsaved_reports: set[tuple[Ref, int]] = set()  #: of those, the ones that the disk did not take
        self._room = asyncio.Semaphore(MAX_REPORTS)

    async def keep_report(self, ref: Ref, number: int, report: Report) -> None:
        """Record a report and tell the agent; wait first while many others are under way."""
        await self._room.acquire()
        self._reports[ref, number] = report
        try:
            await asyncio.to_thread(self._spool.add_report, ref, number, report)
        except OSError as error:
            log.warning("a report could not be written to the disk (%s); it is sent all the same", error.strerror)
            self._unsaved_reports.add((ref, number))
        self._mailbox.tell(events.ReportMade, ref, number)

    async def keep_checkpoint(self, ref: Ref, checkpoint: BaseModel) -> None:
        """Record how far a run is, unless a report from before that is in memory alone."""
        if any(known == ref for known, _ in self._unsaved_reports):
            return
        try:
            await asyncio.to_thread(self._spool.save, ref, checkpoint)
        except OSError as error:
            log.debug("how far a run is could not be written to the disk (%s)", error.strerror)

    async def keep_end(self, ref: Ref, end: FinishAttempt) -> None:
        """Record an end and tell the agent; where the disk does not take it, the attempt is given back."""
        size_bytes, by_machine = 0, end.outcome is Outcome.LOST
        try:
            size_bytes = await asyncio.to_thread(self._spool.end, ref, end)
        except OSError as error:
            by_machine = True
            self._unsaved[ref] = lost(f"the end could not be kept: {error.strerror}", ProgressFields())
        log.info("job %s, attempt %s: %s%s", *ref, end.outcome, f" ({end.reason})" if end.reason else "")
        self._mailbox.tell(events.RunEnded, ref, size_bytes, by_machine)

    async def send_report(self, ref: Ref, number: int) -> None:
        """Send a report."""
        over: Cause | None = None

        async def send() -> None:
            nonlocal over
            report = self._reports.get((ref, number))
            if report is None:
                report = await asyncio.to_thread(self._spool.report, ref, number)
            try:
                is_over = await self._send(ref, report)
            except LeaseLostError:
                over = Cause.TAKEN_BACK
                raise
            over = Cause.REPORTED if is_over else None

        if await self._is_settled(ref, send, "a report"):
            await asyncio.to_thread(self._spool.forget_report, ref, number)
            self._mailbox.tell(events.ReportAnswered, ref, number, over)
            for known in [known for known in self._reports if known == (ref, number) or (over and known[0] == ref)]:
                del self._reports[known]
                self._unsaved_reports.discard(known)
                self._room.release()

    async def _send(self, ref: Ref, report: Report) -> bool:
        """Send a report, unless the dispatcher has it; tell whether the attempt has ended with it."""
        runner = self._kinds.get(report.kind)
        try:
            reply = await self._client.report(*ref, report)
        except XwhepError as error:
            if runner is not None and isinstance(error, runner.reported_before):
                return False  # its answer was lost
            raise
        if runner is not None and reply.details is not None:
            runner.answered(reply.details)
        log.debug("job %s, attempt %s: a report was accepted", *ref)
        return reply.status in ATTEMPT_ENDS

    async def send_end(self, ref: Ref) -> None:
        """Upload the outputs of an attempt and report its end."""

        async def send() -> None:
            end = self._unsaved.get(ref)
            if end is None:
                end = await asyncio.to_thread(self._spool.end_of, ref)
            try:
                for output in end.outputs:
                    await self._client.store(*ref, output, self._spool.output(ref, output.name))
            except (OSError, XwhepError) as error:
                if isinstance(error, XwhepError) and code_of(error) not in _DAMAGED:
                    raise
                end = lost(f"a result could not be delivered: {told(error)}", ProgressFields())
            await self._client.finish(*ref, end)

        if await self._is_settled(ref, send, "its end"):
            self._mailbox.tell(events.EndAnswered, ref)

    async def forget(self, ref: Ref) -> None:
        """Remove all that is kept of an attempt."""
        self._unsaved.pop(ref, None)
        await asyncio.to_thread(self._spool.forget, ref)

    async def _is_settled(self, ref: Ref, send: Callable[[], Awaitable[None]], what: str) -> bool:
        """Send something; tell whether it is accepted or refused, for good. If not, the agent is told."""
        try:
            await send()
        except StorageFullError:
            self._mailbox.tell(events.DeliveryPostponed, ref)
            return False
        except XwhepError as error:
            if is_fatal(error) or status_of(error) >= 500:
                self._mailbox.note(error, "delivering a result")
                self._mailbox.tell(events.DeliveryFailed, ref, error.retry_after_s)
                return False
            log.warning("job %s, attempt %s: %s was refused: %s", *ref, what, error)
        except (OSError, ValidationError) as error:
            log.warning("job %s, attempt %s: %s cannot be read any more (%s)", *ref, what, error)
        return True
