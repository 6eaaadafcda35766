"""The lives of jobs, attempts, data and batches: which status may follow which, and on what event.

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
        (Status.RUNNING, Event.LEASE_EXPIRED): Status.PENDING,
        (Status.RUNNING, Event.ATTEMPTS_USED_UP): Status.ERROR,
        (Status.RUNNING, Event.COMPLETED): Status.COMPLETED,
        (Status.RUNNING, Event.FAILED): Status.FAILED,
        (Status.RUNNING, Event.CANCELLED): Status.CANCELLED,
    }
)

ATTEMPT_ENDS: Final = frozenset(AttemptStatus) - {AttemptStatus.LEASED}


def advance(status: Status, event: Event) -> Status:
    """Return the status that follows `status` on `event`.

    Raises:
        IllegalTransitionError: the table has no such step.
    """
    try:
        return TRANSITIONS[status, event]
    except KeyError as error:
        raise IllegalTransitionError(status, event) from error


def end_attempt(status: AttemptStatus, end: AttemptStatus) -> AttemptStatus:
    """Return `end`; an attempt ends once, and only from its lease.

    Raises:
        IllegalTransitionError: the attempt has ended already, or `end` is no end.
    """
    if status is not AttemptStatus.LEASED or end not in ATTEMPT_ENDS:
        raise IllegalTransitionError(status, end)
    return end


def is_final(status: Status) -> bool:
    """Tell whether a job in this status never changes again."""
    return not any(start is status for start, _ in TRANSITIONS)


#: the statuses of a job that has not ended
OPEN: Final = tuple(status for status in Status if not is_final(status))


def after_loss(attempts_made: int, attempts_allowed: int) -> Event:
    """Return what a lost attempt means for its job: another one, or the end.

    `attempts_made` counts the lost one.
    """
    return Event.LEASE_EXPIRED if attempts_made < attempts_allowed else Event.ATTEMPTS_USED_UP


def bag_status(counts: Mapping[Status, int], *, cancelled: bool) -> BatchStatus:
    """Return the status of a bag of jobs from how many of them are in each status."""
    if cancelled:
        return BatchStatus.CANCELLED
    present = {status for status, count in counts.items() if count}
    if not all(is_final(status) for status in present):
        return BatchStatus.RUNNING
    return BatchStatus.COMPLETED if present <= {Status.COMPLETED} else BatchStatus.FAILED
