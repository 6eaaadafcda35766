"""The kind `primes` on a worker: it counts a hundred numbers a step, says how far it is, rests and goes on."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from math import isqrt
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from tests.support.lab.messages import KIND as NAME
from tests.support.lab.messages import PrimesAbility, PrimesWork, ReportPrime
from worker.runs.contract import Assignment, Runner
from xwhep.protocol.attempts import FinishAttempt, Outcome, ProgressFields
from xwhep.protocol.base import Details
from xwhep.protocol.jobs import Output

STEP: Final = 100  #: numbers between two looks whether the owner has paused or stopped the worker
REPORT: Final = 1000  #: numbers between two reports
NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


class Counted(BaseModel):
    """How far the counting is: the checkpoint."""

    number: int = 2  #: the next to look at
    primes: int = 0
    largest: int = 0  #: of the primes so far


class PrimesRunner(Runner[PrimesWork]):
    """Counts primes by trial division."""

    name = NAME
    work = PrimesWork
    report = ReportPrime
    checkpoint = Counted
    pausable = True
    measure = "numbers"
    accepted = 0  #: the prime that the dispatcher accepted last

    async def probe(self) -> None:
        """Every machine can count."""

    async def run(self, assignment: Assignment[PrimesWork]) -> FinishAttempt:
        """Count; a job without a number to count to has failed by its own fault."""
        written = " ".join(assignment.lease.work.arguments)
        if not NUMBER.fullmatch(written):
            return FinishAttempt(outcome=Outcome.FAILED, reason="the argument must be a number below 1000000000")
        below = int(written)
        counted = assignment.checkpoint if isinstance(assignment.checkpoint, Counted) else Counted()
        while counted.number < below:
            await assignment.brake.released()
            await asyncio.sleep(0)
            counted = _count_on(counted, min(counted.number // STEP * STEP + STEP, below))
            assignment.sink.progress(ProgressFields(fraction=counted.number / below, amount=counted.number))
            if counted.number % REPORT == 0:
                await assignment.sink.report(ReportPrime(prime=counted.largest, amount=counted.number))
            assignment.sink.checkpoint(counted)
        output = _written(assignment.place.run, "stdout", f"{counted.primes}\n".encode())
        return FinishAttempt(outcome=Outcome.FINISHED, fraction=1, amount=below, outputs=[output])

    def progress_at(self, work: PrimesWork, checkpoint: BaseModel | None) -> ProgressFields:  # noqa: ARG002 - the contract's
        """Return how many numbers are done at a checkpoint."""
        return ProgressFields(amount=checkpoint.number if isinstance(checkpoint, Counted) else 0)

    def ability(self) -> Details:
        """Return how wide this machine's numbers are."""
        return PrimesAbility(bits=sys.maxsize.bit_length() + 1).model_dump()

    def facts(self) -> Details:
        """Return what `xwhep-worker status` shows."""
        return {"last prime accepted": f"{self.accepted}"} if self.accepted else {}

    def answered(self, details: Details) -> None:
        """Take in what the dispatcher answered to a report."""
        self.accepted = int(str(details["accepted"]))


def _count_on(counted: Counted, end: int) -> Counted:
    found = [n for n in range(counted.number, end) if all(n % divisor for divisor in range(2, isqrt(n) + 1))]
    return Counted(number=end, primes=counted.primes + len(found), largest=max(found, default=counted.largest))


def _written(folder: Path, name: str, content: bytes) -> Output:
    (folder / name).write_bytes(content)
    return Output(name=name, digest=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


KIND: Final = PrimesRunner
