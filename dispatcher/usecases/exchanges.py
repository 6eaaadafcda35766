"""All that hosts say of their attempts and ask for, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from sqlmodel import Session

from dispatcher.kinds.registry import Kinds
from dispatcher.storage.orders import NotTogetherError
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


#: of a host without attempts
NOTHING: Final = Said()


@dataclass(slots=True)
class Exchanged:
    """What became of it, in its order, and what the host was given."""

    reports: list[AttemptReply | XwhepError] = field(default_factory=list)
    ends: list[AttemptReply | XwhepError] = field(default_factory=list)
    live: list[AttemptProgress] = field(default_factory=list)  #: the progress of attempts that go on
    stop: list[AttemptRef] = field(default_factory=list)
    leases: list[Lease[Work]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Exchanging:
    """One call of `exchange_all`: the reports of a host, and its request for work."""

    caller: Caller
    said: Said
    asker: giving.Asker | None


def exchange_all(session: Session, kinds: Kinds, calls: Sequence[Exchanging], now: datetime) -> list[Exchanged]:
    """Take reports, then ends, then progress, then give work; one that is refused stops no other.

    Raises:
        RevokedError: a host that asks was revoked just now.
    """
    ends = [end for call in calls for end in call.said.ends]
    if len({end.ref for end in ends}) != len(ends):
        raise NotTogetherError("two calls end the same attempt")
    done = [Exchanged() for _ in calls]
    for one, call in zip(done, calls, strict=True):
        one.reports = report_all(session, kinds, call.caller, call.said.reports, now=now)
    ended = iter(finish_all(session, kinds, ends, now=now))
    for one, call in zip(done, calls, strict=True):
        one.ends = list(islice(ended, len(call.said.ends)))
        one.live, one.stop = leasing.sorted_out(session, call.caller, call.said.progress)
    asking = [(one, call.asker) for one, call in zip(done, calls, strict=True) if call.asker is not None]
    given = giving.lease_all(session, kinds, [asker for _, asker in asking], now=now)
    for (one, _), leases in zip(asking, given, strict=True):
        one.leases = leases
    return done


def take_progress(session: Session, caller: Caller, progress: Sequence[AttemptProgress]) -> Exchanged:
    """Take progress alone: this only reads, by one statement."""
    live, stop = leasing.sorted_out(session, caller, progress)
    return Exchanged(live=live, stop=stop)
