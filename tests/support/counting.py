"""A kind of app of a test's own, the worker's half: it counts, tells every tenth number, rests and goes on."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

from pydantic import BaseModel

from worker.runs.contract import Assignment, Runner
from xwhep.errors.base import XwhepError
from xwhep.errors.machines import MachineError
from xwhep.protocol.attempts import FinishAttempt, Outcome, ProgressFields, Report, Work
from xwhep.protocol.base import Details


class CountWork(Work):
    """Count to a number."""

    kind: Literal["count"] = "count"
    to: int
    content: str | None = None  #: a digest to fetch first


class ReportTen(Report):
    """Report a tenth number."""

    kind: Literal["count"] = "count"
    number: int


class Counted(BaseModel):
    """How far the counting is."""

    number: int


class KnownError(XwhepError):
    """A number that was reported before."""

    code = "number-known"
    http_status = 409


class BrokenError(MachineError):
    """A machine that cannot count any more."""

    code = "cannot-count"

    def __init__(self) -> None:
        super().__init__("the abacus in /home/volunteer is broken")


class CountRunner(Runner[CountWork]):
    """Counts."""

    name = "count"
    work = CountWork
    report = ReportTen
    checkpoint = Counted
    pausable = True
    measure = "numbers"
    reported_before = (KnownError,)
    withdrawn_by = (BrokenError,)
    heard: Details | None = None  #: what the dispatcher answered last
    began_at: int | None = None  #: where the latest run began

    async def probe(self) -> None:
        """Every machine can count."""

    async def run(self, assignment: Assignment[CountWork]) -> FinishAttempt:
        """Count on; a number below zero cannot be reached."""
        work = assignment.lease.work
        if work.to < 0:
            raise BrokenError
        if work.content is not None:
            await assignment.provide(work.content, assignment.place.inputs / "content")
        number = self.progress_at(work, assignment.checkpoint).amount
        self.began_at = number
        while number < work.to:
            await assignment.brake.released()
            await asyncio.sleep(0)
            number += 1
            assignment.sink.progress(ProgressFields(amount=number, amount_per_s=1))
            if number % 10 == 0:
                await assignment.sink.report(ReportTen(number=number, amount=number))
            assignment.sink.checkpoint(Counted(number=number))
        return FinishAttempt(outcome=Outcome.FINISHED, amount=number)

    def progress_at(self, work: CountWork, checkpoint: BaseModel | None) -> ProgressFields:  # noqa: ARG002 - as in the contract
        """Return the number."""
        return ProgressFields(amount=checkpoint.number if isinstance(checkpoint, Counted) else 0)

    def ability(self) -> Details:
        """Return how far this machine counts."""
        return {"most": 1000}

    def facts(self) -> Details:
        """Return what was heard last."""
        return self.heard or {}

    def answered(self, details: Details) -> None:
        """Take in how many numbers the dispatcher knows."""
        self.heard = details


KIND: Final = CountRunner
