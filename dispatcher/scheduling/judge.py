"""What the attempts of a job say about it. An attempt reports; the judge decides; nothing else does.

Pure: this module knows no clock and no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from xwhep.lifecycle import AttemptStatus


class Finding(Enum):
    """What the attempts of a job say."""

    UNDECIDED = auto()  #: others are under way or wanted
    ACCEPTED = auto()  #: one of them has brought the result
    FAILED = auto()  #: the job failed by its own fault
    ERROR = auto()  #: none has brought a result, and no more are allowed


@dataclass(frozen=True, slots=True)
class Policy:
    """How a job is judged. The simplest: the first result is believed, and so is the first failure of its own."""

    attempts_allowed: int


@dataclass(frozen=True, slots=True)
class JudgedAttempt:
    """How one attempt is or has ended."""

    number: int
    status: AttemptStatus


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to become of a job."""

    finding: Finding
    attempt: int | None = None  #: the number of the one that decided
    wanted: int = 0  #: how many more attempts may be leased now


def judge(policy: Policy, attempts: Sequence[JudgedAttempt]) -> Judgement:
    """Return what all attempts of a job so far say about it."""
    for attempt in sorted(attempts, key=lambda one: one.number):
        if attempt.status is AttemptStatus.FINISHED:
            return Judgement(Finding.ACCEPTED, attempt.number)
        if attempt.status is AttemptStatus.FAILED:
            return Judgement(Finding.FAILED, attempt.number)
    if any(attempt.status is AttemptStatus.LEASED for attempt in attempts):
        return Judgement(Finding.UNDECIDED)
    if len(attempts) < policy.attempts_allowed:
        return Judgement(Finding.UNDECIDED, wanted=1)
    return Judgement(Finding.ERROR)
