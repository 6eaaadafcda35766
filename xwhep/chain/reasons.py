"""The reasons for which Tasks fail: the oracle writes one's code as a result on the chain, and others read it there."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class FailureReason(StrEnum):
    """Why a Task failed, by the code on the chain; part of the interface. Each has words for people."""

    words: str

    def __new__(cls, code: str, words: str) -> Self:
        """Make a reason of its code and its words."""
        reason = str.__new__(cls, code)
        reason._value_ = code
        reason.words = words
        return reason

    REFUSED_PARAMETERS = "refused-parameters", "what it asks for is not understood"
    REFUSED_APP = "refused-app", "the grid runs no such app"
    TOO_HARD = "too-hard", "the pattern is too hard for this grid"
    KEY_USED = "key-used", "its public key served another search"
    RESULT_TOO_LARGE = "result-too-large", "its result does not fit on the chain"
    JOB_FAILED = "job-failed", "the job on the grid ended with a fault of its own"
    JOB_ERROR = "job-error", "the grid could not carry the job out"  #: every host that tried was lost
    #: by the grid, or with an earlier submission that a reorganisation took away
    JOB_CANCELLED = "job-cancelled", "the job was cancelled on the grid"
    DEADLINE_NEAR = "deadline-near", "too little time was left before its deadline"
    FALSE_RESULT = "false-result", "the grid's result did not stand up to checking"

    @classmethod
    def of(cls, code: str) -> FailureReason | None:
        """Return the reason with this code; None if there is none."""
        return next((reason for reason in cls if reason.value == code), None)
