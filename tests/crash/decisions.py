"""Whether each job is as its attempts say: a pure function of the rows in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from dispatcher.storage.tables import Attempt, Job
from tests.crash.rows import Rows
from tests.crash.violation import Violation
from xwhep.lifecycle import AttemptStatus, Status

#: how attempts end that decide their job, and the status that it has then
DECIDES: Final = {AttemptStatus.FINISHED: Status.COMPLETED, AttemptStatus.FAILED: Status.FAILED}


def decisions(rows: Rows) -> Iterator[Violation]:
    """Yield each job that is not as its attempts say."""
    for job in rows.jobs.values():
        yield from _decided(job, _attempts(rows, job))


def _attempts(rows: Rows, job: Job) -> list[Attempt]:
    numbers = range(1, job.attempts_made + 2)  # with one more than there may be
    return [rows.attempts[job.uid, number] for number in numbers if (job.uid, number) in rows.attempts]


def _decided(job: Job, attempts: Sequence[Attempt]) -> Iterator[Violation]:
    """Yield where a job is not as its attempts say, or where two of these were live at one moment."""
    if [attempt.number for attempt in attempts] != list(range(1, job.attempts_made + 1)):
        numbers = [attempt.number for attempt in attempts]
        yield Violation("wrong-count", f"job {job.uid} counts {job.attempts_made} attempts and has {numbers}")
        return
    for one, following in pairwise(attempts):
        if one.ended_at is None or one.ended_at > following.leased_at:
            text = f"attempt {following.number} of job {job.uid} began before attempt {one.number} ended"
            yield Violation("two-hosts", text)
    deciding = [attempt for attempt in attempts if attempt.status in DECIDES]
    if len(deciding) > 1:
        yield Violation("accepted-twice", f"{len(deciding)} attempts of job {job.uid} have decided it")
    elif (is_now := (job.status, job.attempts_wanted, job.result_attempt)) != (due := _due(job, attempts, deciding)):
        yield Violation("wrong-state", f"job {job.uid} is {is_now} and should be {due}: status, wanted, result")


def _due(job: Job, attempts: Sequence[Attempt], deciding: Sequence[Attempt]) -> tuple[Status, int, int | None]:
    """Return status, wanted attempts and the result's attempt of a job with these attempts."""
    if deciding:
        return DECIDES[deciding[0].status], 0, deciding[0].number
    if any(attempt.status is AttemptStatus.LEASED for attempt in attempts):
        return Status.RUNNING, 0, None
    if len(attempts) < job.attempts_allowed:
        return Status.PENDING, 1, None
    return Status.ERROR, 0, None
