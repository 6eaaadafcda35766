"""Why a job waits, for its owner: read off the hosts that were heard of lately and the job's own attempts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, tuple_
from sqlmodel import Session, col, select

from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.leases import FALSE_RESULTS_ALLOWED, LEASE, SAME_HOST_PAUSE
from dispatcher.scheduling.matching import Requirement
from dispatcher.storage.member_tables import Host
from dispatcher.storage.tables import Attempt, Job, MatchClass
from xwhep.lifecycle import Status
from xwhep.protocol.attempts import MAX_WAIT_S
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.jobs import WaitingView

#: polls and heartbeats come more often than this: a host that was not heard of for so long is away
HEARD_OF: Final = LEASE + timedelta(seconds=MAX_WAIT_S)


def explain(
    session: Session, kinds: Kinds, job: Job, attempts: Sequence[Attempt], *, now: datetime
) -> WaitingView | None:
    """Return since when a job, which had these attempts, waits, and why nobody has taken it; None if it is not pending.

    What kinds of app a host takes only the host knows: one whose platform fits may still take no such job.
    """
    if job.status is not Status.PENDING:
        return None
    ends = {attempt.host_uid: attempt.ended_at for attempt in attempts if attempt.ended_at is not None}
    since = max([job.submitted_at, *ends.values()])
    requirement = Requirement.parse(session.get_one(MatchClass, job.match_class).requirement)
    if requirement.kind not in kinds.apps:
        return WaitingView(since=since, reason=f"this grid runs no more jobs of kind {requirement.kind}")
    fitting = _fitting(requirement, now)
    hosts = session.exec(select(func.count()).select_from(Host).where(*fitting)).one()
    losers = session.exec(select(Host.uid).where(col(Host.uid).in_(ends), *fitting))
    ago_s = [(now - ends[uid]).total_seconds() for uid in losers]
    return WaitingView(since=since, reason=_reason(hosts, ago_s))


def _fitting(requirement: Requirement, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return what holds for the hosts that are there and whose platform fits."""
    platforms = [(os, cpu) for os in Os for cpu in Cpu if requirement.fits_platform(os, cpu)]
    return (
        tuple_(col(Host.os), col(Host.cpu)).in_(platforms),
        col(Host.seen_at) > now - HEARD_OF,
        col(Host.revoked_at).is_(None),
        col(Host.false_results) < FALSE_RESULTS_ALLOWED,
    )


def _reason(hosts: int, lost_s: Sequence[float]) -> str:
    """Return a sentence about so many fitting hosts, of which some lost the job so many seconds ago."""
    pause_s = SAME_HOST_PAUSE.total_seconds()
    resting_s = [ago_s for ago_s in lost_s if abs(ago_s) < pause_s]  # as for a lease: the clock may have been set back
    who = "the only host that fits" if hosts == 1 else f"each of the {hosts} hosts that fit"
    if not hosts:
        return "no host that fits was heard of lately"
    if len(resting_s) < hosts:
        return f"{who} is busy, or takes no jobs of this kind"
    return f"{who} has just lost it; the next try is in {pause_s - max(resting_s):.0f} s"
