"""The lives of jobs, attempts and batches: which status may follow which, on what event, and whose fault an end is.

A status changes through these tables and nowhere else. This module knows no clock and no database.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from xwhep.errors.requests import IllegalTransitionError


class Status(StrEnum):
    """Where a job is in its life."""

    PENDING = "pending"  #: waits for a host
    RUNNING = "running"  #: leased to a host
    COMPLETED = "completed"  #: has its one accepted result
    FAILED = "failed"  #: ended by its own fault: an exit status, a limit
    ERROR = "error"  #: its attempts are used up
    CANCELLED = "cancelled"  #: its owner, or its batch's stop rule, ended it


class Event(StrEnum):
    """What can happen to a job."""

    LEASED = "leased"
    LEASE_EXPIRED = "lease-expired"  #: the attempt was lost; another may follow
    ATTEMPTS_USED_UP = "attempts-used-up"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Blame(StrEnum):
    """Whose fault it was that an attempt brought no result."""

    JOB = "job"  #: its program ended with an error, or passed a limit: another host would see the same
    HOST = "host"  #: the host fell silent, gave the job back, or lied
    GRID = "grid"  #: the job was cancelled, or another attempt decided it


class AttemptStatus(StrEnum):
    """Where an attempt is in its life."""

    LEASED = "leased"
    FINISHED = "finished"  #: its result was accepted
    FAILED = "failed"  #: the job failed by its own fault
    LOST = "lost"  #: the host fell silent, gave the job back, or lied
    REVOKED = "revoked"  #: taken away: the job was cancelled or the host revoked


class DataStatus(StrEnum):
    """Whether the content of a data is here."""

    AWAITED = "awaited"
    AVAILABLE = "available"


class BatchStatus(StrEnum):
    """Where a batch is; derived from its jobs and its stop rule."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: Final[Mapping[tuple[Status, Event], Status]] = MappingProxyType(
    {
        (Status.PENDING, Event.LEASED): Status.RUNNING,
        (Status.PENDING, Event.CANCELLED): Status.CANCELLED,
        (Status.RUNNING, Event.LEASED): Status.RUNNING,  # a job may have several live attempts
        (Status.RUNNING, Event.LEASE_EXPIRED): Status.PENDING,
        (Status.RUNNING, Event.ATTEMPTS_USED_UP): Status.ERROR,
        (Status.RUNNING, Event.COMPLETED): Status.COMPLETED,
        (Status.RUNNING, Event.FAILED): Status.FAILED,
        (Status.RUNNING, Event.CANCELLED): Status.CANCELLED,
    }
)

#: how an attempt ends, and whose fault it is then; None: nobody's, it brought a result
ATTEMPT_ENDS: Final[Mapping[AttemptStatus, Blame | None]] = MappingProxyType(
    {
        AttemptStatus.FINISHED: None,
        AttemptStatus.FAILED: Blame.JOB,
        AttemptStatus.LOST: Blame.HOST,
        AttemptStatus.REVOKED: Blame.GRID,
    }
)


def advance(status: Status, event: Event) -> Status:
    """Return the status that follows `status` on `event`.

    Raises:
        IllegalTransitionError: the table has no such step.
    """
    try:
        return TRANSITIONS[status, event]
    except KeyError as error:
        raise IllegalTransitionError(status, event) from error


_CHANGING: Final = frozenset(start for start, _ in TRANSITIONS)


def is_final(status: Status) -> bool:
    """Tell whether a job in this status never changes again."""
    return status not in _CHANGING


#: the statuses of a job that has not ended
OPEN: Final = tuple(status for status in Status if not is_final(status))


def leased(status: Status) -> Status:
    """Return the status of a job of which an attempt is leased: one that has ended stays as it ended."""
    return status if is_final(status) else advance(status, Event.LEASED)


def bag_status(counts: Mapping[Status, int]) -> BatchStatus:
    """Return the status of a bag of jobs that nobody cancelled, from how many of them are in each status."""
    present = {status for status, count in counts.items() if count}
    if not all(is_final(status) for status in present):
        return BatchStatus.RUNNING
    return BatchStatus.COMPLETED if present <= {Status.COMPLETED} else BatchStatus.FAILED
