"""All that a host says of its attempts and asks for, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from dispatcher.kinds.registry import Kinds
from dispatcher.storage.orders import by_statements
from dispatcher.usecases import giving, leasing
from dispatcher.usecases.reports import report_all
from dispatcher.usecases.results import AttemptName, ReportedEnd, finish_all
from xwhep.errors.base import XwhepError
from xwhep.protocol.attempts import AttemptProgress, AttemptRef, AttemptReply, Lease, Report, Work
from xwhep.rights import Caller


@dataclass(frozen=True, slots=True)
class Said:
    """What a host says of its attempts."""

    reports: Sequence[tuple[AttemptName, Report]] = ()
    ends: Sequence[ReportedEnd] = ()
    progress: Sequence[AttemptProgress] = ()


@dataclass(slots=True)
class Exchanged:
    """What became of it, in its order, and what the host was given."""

    reports: list[AttemptReply | XwhepError] = field(default_factory=list)
    ends: list[AttemptReply | XwhepError] = field(default_factory=list)
    live: list[AttemptProgress] = field(default_factory=list)  #: the progress of attempts that go on
    stop: list[AttemptRef] = field(default_factory=list)
    leases: list[Lease[Work]] = field(default_factory=list)


@by_statements
def exchange(
    session: Session, kinds: Kinds, caller: Caller, said: Said, asker: giving.Asker | None, *, now: datetime
) -> Exchanged:
    """Take reports, then ends, then progress, then give work; one that is refused stops no other.

    Raises:
        RevokedError: the host was revoked just now.
    """
    done = Exchanged()
    done.reports = report_all(session, kinds, caller, said.reports, now=now)
    done.ends = finish_all(session, kinds, caller, said.ends, now=now)
    done.live, done.stop = leasing.sorted_out(session, caller, said.progress)
    if asker is not None:
        done.leases = giving.lease(session, kinds, asker, now=now)
    return done


def take_progress(session: Session, caller: Caller, progress: Sequence[AttemptProgress]) -> Exchanged:
    """Take progress alone: this only reads, by one statement."""
    live, stop = leasing.sorted_out(session, caller, progress)
    return Exchanged(live=live, stop=stop)
