"""What the agent hears and what it says: events and instructions, values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from pydantic import BaseModel

from xwhep.protocol.attempts import Lease

#: a lease of whichever kind
AnyLease: TypeAlias = Lease[Any]

#: how long a poll is held open unless the dispatcher says another length, seconds
POLL_S: Final = 25.0


class Ref(NamedTuple):
    """Names one attempt."""

    job_uid: UUID
    attempt: int


def ref_of(lease: AnyLease) -> Ref:
    """Return the name of the attempt that is leased."""
    return Ref(lease.job_uid, lease.attempt)


class Cause(StrEnum):
    """Why a run is stopped, in the words that its end is recorded with."""

    SHUTDOWN = "the worker was stopped"
    REPORTED = "its job has ended with a report from here"
    TAKEN_BACK = "the dispatcher wants no more of it: its job has ended, it was cancelled, or its lease ran out"


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """An attempt that an earlier worker left: it has ended and the dispatcher does not know yet, or it can go on."""

    ref: Ref
    reports: tuple[int, ...]  #: numbers of the reports that are not acknowledged
    size_bytes: int
    lease: AnyLease | None = None  #: of an attempt that was interrupted and can go on
    checkpoint: BaseModel | None = None  #: where that goes on; None: at its beginning


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened, at `now`: seconds of a monotonic clock."""

    now: float


@dataclass(frozen=True, slots=True)
class TimePassed(Event):
    """Nothing happened, but `Agent.wake_at` has come."""


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The worker starts, with what an earlier one left behind."""

    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class PollAnswered(Event):
    """The dispatcher gave work, or none."""

    leases: tuple[AnyLease, ...]
    next_wait_s: float | None = None  #: how long the next poll may wait; None: the dispatcher does not say
    waited: bool = True  #: False: it was asked together with something else, and answered at once


@dataclass(frozen=True, slots=True)
class PollFailed(Event):
    """The dispatcher could not be reached, or asked to wait."""

    retry_after_s: float = 0.0  #: at least, seconds


@dataclass(frozen=True, slots=True)
class HeartbeatAnswered(Event):
    """The dispatcher prolonged the leases, except those to stop."""

    stop: frozenset[Ref]


@dataclass(frozen=True, slots=True)
class HeartbeatFailed(Event):
    """The dispatcher could not be reached, or asked to wait."""

    retry_after_s: float = 0.0  #: at least, seconds


@dataclass(frozen=True, slots=True)
class ReportMade(Event):
    """A run found something that is worth sending at once; it is on the disk."""

    ref: Ref
    number: int


@dataclass(frozen=True, slots=True)
class ReportsAnswered(Event):
    """The dispatcher accepted or refused reports for good; `over`: why, with them or before, the attempt ended."""

    ref: Ref
    numbers: tuple[int, ...]
    over: Cause | None = None
    rest_fails: bool = False  #: others that were sent with them cannot be taken now: that is told next


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """A run is over, by itself or stopped; its end is on the disk."""

    ref: Ref
    size_bytes: int
    by_machine: bool = False  #: this machine could not run it to its end, or not keep what came of it


@dataclass(frozen=True, slots=True)
class EndAnswered(Event):
    """The dispatcher accepted or refused the end of an attempt, for good."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class DeliveryFailed(Event):
    """A report or an end did not reach the dispatcher, or it asked to wait."""

    ref: Ref
    retry_after_s: float = 0.0  #: at least, seconds


@dataclass(frozen=True, slots=True)
class DeliveryPostponed(Event):
    """The dispatcher is there but cannot take this report or end now."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class KindWithdrawn(Event):
    """This machine turned out not to be able to run a kind of app."""

    kind: str


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """The volunteer wants what can rest to rest, or to go on."""

    is_on: bool


@dataclass(frozen=True, slots=True)
class ShutdownRequested(Event):
    """The volunteer stops the worker."""


# --- instructions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask for work of these kinds."""

    kinds: frozenset[str]
    at_most: int = 1  #: attempts that are wanted
    wait_s: float = POLL_S  #: how long it is held open, if nothing else is said with it


@dataclass(frozen=True, slots=True)
class AbandonPoll:
    """Stop asking; the poll under way ends as answered or failed."""


@dataclass(frozen=True, slots=True)
class SendHeartbeat:
    """Prolong these leases."""

    refs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class StartRun:
    """Run an attempt, or go on with one that an earlier worker left."""

    lease: AnyLease
    checkpoint: BaseModel | None = None  #: where to go on; None: at the beginning
    first_report: int = 0  #: the number of the next report; those below may be on the disk


@dataclass(frozen=True, slots=True)
class SaveProgress:
    """Write down how far these runs are, so that they can go on from there."""

    refs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class PauseRuns:
    """Let these runs rest."""

    refs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class ResumeRuns:
    """Let these runs go on."""

    refs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Do not run an attempt: record at once that it is lost; its run counts as ended."""

    lease: AnyLease


@dataclass(frozen=True, slots=True)
class StopRun:
    """End a run now; it ends as `RunEnded`."""

    ref: Ref
    cause: Cause


@dataclass(frozen=True, slots=True)
class SendReports:
    """Send some reports of an attempt, in their order."""

    ref: Ref
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SendEnd:
    """Upload what an attempt left and report its end."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove all that is kept of an attempt: the dispatcher knows, or does not want to."""

    ref: Ref


#: what is said to the dispatcher; what is said and asked at the same moment travels in one request
Saying: TypeAlias = SendReports | SendEnd | SendHeartbeat
#: what is done on this machine
Act: TypeAlias = AbandonPoll | StartRun | PauseRuns | ResumeRuns | StopRun | SaveProgress | GiveBack | Forget
Instruction: TypeAlias = Poll | Saying | Act
