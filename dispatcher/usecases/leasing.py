"""Leases after they were given (`giving`): prolonged by heartbeats, taken back from the silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam, tuple_, update
from sqlmodel import Session, col, select

from dispatcher.kinds.facts import AttemptFacts, JobFacts
from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.leases import LEASE, believed_amount, lease_end, may_go_on
from dispatcher.storage.member_tables import Host
from dispatcher.storage.orders import by_statements
from dispatcher.storage.tables import Attempt, Job
from dispatcher.usecases.ends import AttemptEnd, settle
from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import AttemptProgress, AttemptRef, ProgressFields
from xwhep.rights import Caller
from xwhep.sql.prepared import PreparedRead, PreparedWrite

#: ids that one query names, well under the number of values that a statement may have
IDS_A_QUERY: Final = 1000
#: statements of each heartbeat and each flush, built once: building one costs as much as running it
_LIVE_OF_HOST: Final = PreparedRead(
    sqlalchemy.select(col(Attempt.job_uid), col(Attempt.number)).where(
        col(Attempt.host_uid) == bindparam("host"), col(Attempt.ended_at).is_(None)
    ),
    lambda uid, number: (uid, number),
)
#: in columns: rows of the session would be older than what is written beside it
_LIVE_OF_HOSTS: Final[sqlalchemy.Executable] = (
    sqlalchemy.select(
        col(Attempt.job_uid),
        col(Attempt.number),
        col(Attempt.host_uid),
        col(Attempt.leased_at),
        col(Attempt.lease_ends_at),
        col(Attempt.amount),
        col(Attempt.fraction),
        col(Job.limits),
        col(Job.amount).label("job_amount"),
    )
    .join(Job, col(Job.uid) == col(Attempt.job_uid))
    .where(col(Attempt.host_uid).in_(bindparam("hosts", expanding=True)), col(Attempt.ended_at).is_(None))
)
_AS_LEASED: Final = update(Attempt).where(
    col(Attempt.job_uid) == bindparam("job"),
    col(Attempt.number) == bindparam("attempt"),
    col(Attempt.status) == AttemptStatus.LEASED,
)
_MOVED: Final[dict[str, Any]] = {name: bindparam(f"new_{name}") for name in ("fraction", "amount", "amount_per_s")}
_PROGRESS: Final = PreparedWrite(_AS_LEASED.values(_MOVED))
_PROLONGED: Final = PreparedWrite(_AS_LEASED.values({**_MOVED, "lease_ends_at": bindparam("new_lease_ends_at")}))
_SEEN: Final = PreparedWrite(update(Host).where(col(Host.uid) == bindparam("host")).values(seen_at=bindparam("at")))
_SILENT: Final = (
    select(Attempt.job_uid, Attempt.number)
    .where(col(Attempt.ended_at).is_(None), col(Attempt.lease_ends_at) < bindparam("now"))
    .order_by(col(Attempt.lease_ends_at))
    .limit(bindparam("at_most"))
)
#: attempts that `prolong_all` changes at a time, some 10 us each
PROLONGED_AT_A_TIME: Final = 500
_LIVE_REFS: Final = (
    sqlalchemy.select(col(Attempt.job_uid), col(Attempt.number))
    .where(col(Attempt.ended_at).is_(None))
    .limit(bindparam("at_most"))
)
_SHORT: Final = _LIVE_REFS.where(col(Attempt.lease_ends_at) < bindparam("end"))
_LONG: Final = _LIVE_REFS.where(col(Attempt.lease_ends_at) > bindparam("bound"))
_PROLONG_SHORT, _CUT_LONG = (
    PreparedWrite(
        update(Attempt)
        .where(tuple_(col(Attempt.job_uid), col(Attempt.number)).in_(some), col(Attempt.ended_at).is_(None))
        .values(lease_ends_at=bindparam("end"))
    )
    for some in (_SHORT, _LONG)
)


# --- heartbeats ------------------------------------------------------------------------------------------------------


def sorted_out(
    session: Session, caller: Caller, reports: Sequence[AttemptProgress]
) -> tuple[list[AttemptProgress], list[AttemptRef]]:
    """Return which reports are of live attempts of the host, and which attempts it must stop. Only reads."""
    if not reports:
        return [], []
    known = set(_LIVE_OF_HOST.all(session, host=caller.uid))
    believed, stop = [], []
    for report in reports:
        if (report.job_uid, report.attempt) in known:
            believed.append(report)
        else:
            stop.append(AttemptRef(job_uid=report.job_uid, attempt=report.attempt))
    return believed, stop


@dataclass(frozen=True, slots=True)
class Heard:
    """A host was heard of an attempt."""

    host_uid: UUID
    at: datetime
    progress: AttemptProgress


@by_statements
def prolong(session: Session, heard: Sequence[Heard], hosts: dict[UUID, datetime]) -> None:
    """Prolong the leases of attempts that were heard of, keep their progress, and note which hosts were seen."""
    reports = {(report.host_uid, report.progress.job_uid, report.progress.attempt): report for report in heard}
    reporting = list({report.host_uid for report in heard})
    prolonged, connection = [], session.connection()
    for some in _in_parts(reporting):
        for live in connection.execute(_LIVE_OF_HOSTS, {"hosts": some}):
            report = reports.get((live.host_uid, live.job_uid, live.number))
            if report is not None and may_go_on(live.leased_at, live.limits.wall_s, report.at):
                prolonged.append(_prolonged(live, report))
    if prolonged:
        _PROLONGED.each(session, prolonged)
    _SEEN.each(session, [{"host": uid, "at": hosts[uid]} for uid in hosts])


def _prolonged(live: sqlalchemy.Row[Any], report: Heard) -> dict[str, Any]:
    values = progress_of(live, report.progress, live.job_amount)
    values["lease_ends_at"] = max(live.lease_ends_at, lease_end(report.at))
    new = {f"new_{name}": value for name, value in values.items()}
    return {"job": live.job_uid, "attempt": live.number, **new}


def _in_parts(uids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """Yield ids in parts of which a query can name all."""
    return (uids[start : start + IDS_A_QUERY] for start in range(0, len(uids), IDS_A_QUERY))


def keep_progress(session: Session, attempt: AttemptFacts, said: Iterable[ProgressFields], job: JobFacts) -> bool:
    """Write down how far a live attempt is, by what was said of it in turn; tell whether it is still live."""
    for progress in said:
        attempt = attempt._replace(**progress_of(attempt, progress, job.amount))
    new = {f"new_{name}": getattr(attempt, name) for name in _MOVED}
    return bool(_PROGRESS.one(session, job=attempt.job_uid, attempt=attempt.number, **new))


def progress_of(
    before: AttemptFacts | sqlalchemy.Row[Any], progress: ProgressFields, job_amount: int | None
) -> dict[str, Any]:
    """Return how far an attempt is, as columns; what it did never shrinks, and is never more than its job has.

    `before` is how far it was. A message without a fraction does not change it: a report is of something else.
    """
    amount = max(before.amount, believed_amount(progress.amount, job_amount))
    fraction = before.fraction if progress.fraction is None else progress.fraction
    return {"fraction": fraction, "amount": amount, "amount_per_s": progress.amount_per_s}


# --- loss ------------------------------------------------------------------------------------------------------------


@by_statements
def expire(session: Session, kinds: Kinds, *, now: datetime, at_most: int = 1000) -> int:
    """Take back the leases that have ended; return how many."""
    found = session.exec(_SILENT, params={"now": now, "at_most": at_most}).all()
    reason = "the host fell silent and the lease ended"
    ends = [AttemptEnd(uid, number, AttemptStatus.LOST, reason, silent_since=now) for uid, number in found]
    return len(settle(session, kinds, ends, now=now)) if ends else 0


@by_statements
def prolong_all(session: Session, *, now: datetime) -> int:
    """Give some of the live leases their full length from now, whatever the clock was before; return how many.

    This is for a start, and for a gap or a jump in time: no host could send a heartbeat meanwhile. It is to be called
    until it returns 0, so that others need not wait for it. Leases that are given meanwhile are left alone.
    """
    end = lease_end(now)
    short = _PROLONG_SHORT.one(session, end=end, at_most=PROLONGED_AT_A_TIME)
    return short + _CUT_LONG.one(session, end=end, bound=end + LEASE / 2, at_most=PROLONGED_AT_A_TIME)
