"""What the hub is told of a Task: an outcome, a result, and the result's digest."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from xwhep.chain.reasons import FailureReason
from xwhep.chain.values import MAX_RESULT, TaskStatus

#: what no answer has: the digest of a task that failed
NO_DIGEST: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub is told of a task."""

    outcome: TaskStatus  #: DONE or FAILED
    result: bytes
    digest: bytes


def done(result: bytes) -> Answer:
    """Return the answer with this result; of a result that does not fit on the chain, the answer that says so."""
    if len(result) > MAX_RESULT:
        return failed(FailureReason.RESULT_TOO_LARGE)
    return Answer(TaskStatus.DONE, result, sha256(result).digest())


def failed(reason: FailureReason) -> Answer:
    """Return the answer that gives a reason, and the requester the RLC."""
    return Answer(TaskStatus.FAILED, reason.encode("ascii"), NO_DIGEST)
