"""Where attempts and jobs end, and what follows: for kinds' own rows, other attempts, batches and waiting hosts.

An attempt ends in `end_attempts`, a job in `decide_jobs`, both conditionally: what somebody else ended meanwhile is
left alone. `settle` is the whole way: attempts end, the judge decides their jobs, and all else follows from that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam, delete, literal, update
from sqlmodel import Session, col

from dispatcher.kinds.contract import Case
from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.judge import Finding, JudgedAttempt, Policy, judge
from dispatcher.storage.tables import Attempt, AttemptClaim, Job
from dispatcher.usecases import own, ready
from dispatcher.usecases.cases import KindAndCase, by_kind, load_cases
from dispatcher.usecases.counts import Move, note_ends
from xwhep.errors.jobs import UnavailableError
from xwhep.lifecycle import ATTEMPT_ENDS, OPEN, AttemptStatus, Event, Status, advance, is_final
from xwhep.sql.columns import by_value
from xwhep.sql.prepared import PreparedRead, PreparedWrite

#: how often a decision is made anew because something changed between looking and writing
TRIES: Final = 100


class _OpenJob(NamedTuple):
    """What of a job that is open the judge is told."""

    uid: UUID
    batch_uid: UUID | None
    status: Status
    attempts_made: int
    attempts_allowed: int


#: each status is written out: a list of unknown length is no statement that can be prepared
_IS_OPEN: Final = col(Job.status).in_([literal(status, by_value(Status)) for status in OPEN])
_FORGET_CLAIMS: Final = PreparedWrite(
    delete(AttemptClaim).where(
        col(AttemptClaim.job_uid) == bindparam("job"), col(AttemptClaim.attempt) == bindparam("number")
    )
)
#: a job that is open, once for each of its attempts: in one statement, so that both are of one moment
_OPEN_JOB: Final = PreparedRead(
    sqlalchemy.select(*(col(getattr(Job, name)) for name in _OpenJob._fields), col(Attempt.number), col(Attempt.status))
    .join(Attempt, col(Attempt.job_uid) == col(Job.uid))
    .where(col(Job.uid) == bindparam("job"), _IS_OPEN),
    lambda *columns: (_OpenJob(*columns[:-2]), JudgedAttempt(*columns[-2:])),
)
_DECIDE: Final = PreparedWrite(
    update(Job)
    .where(
        col(Job.uid) == bindparam("job"),
        col(Job.status) == bindparam("seen"),
        col(Job.attempts_made) == bindparam("attempts_seen"),
    )
    .values({name: bindparam(f"new_{name}") for name in ("status", "attempts_wanted", "ended_at", "result_attempt")})
)
_LIVE: Final = PreparedRead(
    sqlalchemy.select(col(Attempt.job_uid), col(Attempt.number)).where(
        col(Attempt.job_uid) == bindparam("job"), col(Attempt.ended_at).is_(None)
    ),
    lambda uid, number: (uid, number),
)

_EVENTS: Final = {
    Finding.ACCEPTED: Event.COMPLETED,
    Finding.FAILED: Event.FAILED,
    Finding.ERROR: Event.ATTEMPTS_USED_UP,
    Finding.UNDECIDED: Event.LEASE_EXPIRED,
}


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt is to end, if it is still leased."""

    job_uid: UUID
    number: int
    status: AttemptStatus
    reason: str | None = None
    report: Mapping[str, Any] = field(default_factory=dict)  #: further columns: what its host reported
    silent_since: datetime | None = None  #: only if its lease still ends before this moment
    loaded: KindAndCase | None = None  #: the attempt, if it was loaded in this transaction

    def columns(self, now: datetime) -> Mapping[str, Any]:
        """Return the columns of the attempt that are set with its end."""
        end = {"status": self.status, "blame": ATTEMPT_ENDS[self.status], "ended_at": now, "reason": self.reason}
        return {**end, **self.report}


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a job that is as it was seen."""

    job_uid: UUID
    seen: Status
    event: Event
    attempts_seen: int
    attempt: int | None = None  #: the number of the one that decided
    wanted: int = 0  #: how many more attempts may be leased now
    batch_uid: UUID | None = None  #: of the job
    has_live: bool = True  #: whether attempts of it may still be under way; no new one begins unseen

    @property
    def status(self) -> Status:
        """What the job's status becomes."""
        return advance(self.seen, self.event)


def settle(session: Session, kinds: Kinds, ends: Sequence[AttemptEnd], *, now: datetime) -> list[Case]:
    """End attempts, and decide what becomes of their jobs; return those that ended by this."""
    cases = end_attempts(session, kinds, ends, now=now)
    if not cases:
        return []
    open_uids = {case.job.uid for case in cases}
    for _ in range(TRIES):
        decisions, unclear = _judged(session, open_uids)
        decided = decide_jobs(session, kinds, decisions, now=now)
        open_uids = unclear | {decision.job_uid for decision in decisions if decision.job_uid not in decided}
        if not open_uids:
            return cases
    raise UnavailableError("others change the same jobs at the same time")


def end_attempts(session: Session, kinds: Kinds, ends: Sequence[AttemptEnd], *, now: datetime) -> list[Case]:
    """End those attempts that are still leased; return these. Their jobs are for `decide_jobs`."""
    ended = _end(session, ends, now)
    if not ended:
        return []
    cases = _cases(session, kinds, ended, now)
    # nothing more is taken from them, so nothing can be repeated
    reporting = [case.attempt for kind, case in cases if kind.report is not None]
    _FORGET_CLAIMS.each(session, [{"job": attempt.job_uid, "number": attempt.number} for attempt in reporting])
    own.apply(session, by_kind(cases, lambda kind, group: kind.account(group)))
    return [case for _, case in cases]


def _cases(session: Session, kinds: Kinds, ended: Iterable[AttemptEnd], now: datetime) -> list[KindAndCase]:
    """Return attempts as they have ended."""
    unknown = [(end.job_uid, end.number) for end in ended if end.loaded is None]
    known = [(*end.loaded, end.columns(now)) for end in ended if end.loaded is not None]
    return [
        *load_cases(session, kinds, unknown),
        *((kind, replace(case, attempt=case.attempt.changed(columns))) for kind, case, columns in known),
    ]


def _end(session: Session, ends: Sequence[AttemptEnd], now: datetime) -> list[AttemptEnd]:
    """End those that are still leased; return these."""
    by_statement: dict[PreparedWrite, tuple[list[AttemptEnd], list[dict[str, Any]]]] = {}
    for end in ends:
        columns = end.columns(now)
        ending = _ending(frozenset(columns), only_silent=end.silent_since is not None)
        values = {f"new_{name}": value for name, value in columns.items()}
        some, rows = by_statement.setdefault(ending, ([], []))
        some.append(end)
        rows.append({"job": end.job_uid, "attempt": end.number, "silent_since": end.silent_since, **values})
    return [
        end
        for ending, (some, rows) in by_statement.items()
        for end, changed in zip(some, ending.each(session, rows), strict=True)
        if changed
    ]


@lru_cache
def _ending(columns: frozenset[str], *, only_silent: bool) -> PreparedWrite:
    """Return the statement that ends one attempt and sets these columns."""
    ending = update(Attempt).where(
        col(Attempt.job_uid) == bindparam("job"),
        col(Attempt.number) == bindparam("attempt"),
        col(Attempt.status) == AttemptStatus.LEASED,
    )
    if only_silent:
        ending = ending.where(col(Attempt.lease_ends_at) < bindparam("silent_since"))
    return PreparedWrite(ending.values({name: bindparam(f"new_{name}") for name in columns}))


def _judged(session: Session, uids: Collection[UUID]) -> tuple[list[Decision], set[UUID]]:
    """Return what the judge says of jobs that are open, and the jobs that somebody else is changing just now."""
    decisions, unclear = [], set()
    for found in _OPEN_JOB.each(session, [{"job": uid} for uid in uids]):
        if not found:
            continue  # somebody else has decided it
        job, outcomes = found[0][0], [attempt for _, attempt in found]
        if len(outcomes) != job.attempts_made:
            unclear.add(job.uid)
        elif (decision := _decision(job, outcomes)) is not None:
            decisions.append(decision)
    return decisions, unclear


def _decision(job: _OpenJob, outcomes: Sequence[JudgedAttempt]) -> Decision | None:
    """Return what follows from the attempts of a job; None if others are under way, so that nothing does."""
    judgement = judge(Policy(job.attempts_allowed), outcomes)
    if judgement.finding is Finding.UNDECIDED and not judgement.wanted:
        return None
    event, decided = _EVENTS[judgement.finding], (judgement.attempt, judgement.wanted)
    has_live = any(attempt.status is AttemptStatus.LEASED for attempt in outcomes)
    return Decision(job.uid, job.status, event, job.attempts_made, *decided, job.batch_uid, has_live=has_live)


def decide_jobs(session: Session, kinds: Kinds, decisions: Sequence[Decision], *, now: datetime) -> set[UUID]:
    """Carry out decisions on jobs that are still as they were seen; return these jobs."""
    changed = _DECIDE.each(session, [_decided(decision, now) for decision in decisions])
    carried_out = [decision for decision, count in zip(decisions, changed, strict=True) if count]
    ended = {one.job_uid: one.event for one in carried_out if is_final(one.status) and one.has_live}
    if ended:
        _revoke_others(session, kinds, ended, now)
    note_ends(session, kinds, [Move(one.batch_uid, one.seen, one.status) for one in carried_out], now=now)
    ready.note_again(session, {decision.job_uid: decision.wanted for decision in carried_out})
    return {decision.job_uid for decision in carried_out}


def _decided(decision: Decision, now: datetime) -> dict[str, Any]:
    status = decision.status
    return {
        "job": decision.job_uid,
        "seen": decision.seen,
        "attempts_seen": decision.attempts_seen,
        "new_status": status,
        "new_attempts_wanted": decision.wanted,
        "new_ended_at": now if is_final(status) else None,
        "new_result_attempt": decision.attempt if is_final(status) else None,
    }


def _revoke_others(session: Session, kinds: Kinds, ended: Mapping[UUID, Event], now: datetime) -> None:
    """Take away what is still under way for jobs that have ended; hosts hear of it with their next heartbeat."""
    live = _LIVE.each(session, [{"job": uid} for uid in ended])
    ends = [AttemptEnd(uid, number, AttemptStatus.REVOKED, _why(ended[uid])) for some in live for uid, number in some]
    end_attempts(session, kinds, ends, now=now)


def _why(event: Event) -> str:
    return "the job was cancelled" if event is Event.CANCELLED else "another attempt has decided the job"
