"""Where attempts and jobs end, and what follows: for kinds' own rows, other attempts, batches and waiting hosts.

An attempt ends in `end_attempts`, a job in `decide_jobs`, both conditionally: what somebody else ended meanwhile is
left alone. `settle` is the whole way: attempts end, the judge decides their jobs, and all else follows from that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, tuple_, update
from sqlmodel import Session, col, select

from dispatcher.kinds.contract import Case
from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.judge import Finding, JudgedAttempt, Judgement, Policy, judge
from dispatcher.storage.tables import Attempt, AttemptClaim, Batch, Job
from dispatcher.usecases.access import announce, changed
from dispatcher.usecases.own import apply, by_kind, load_cases
from xwhep.errors.jobs import UnavailableError
from xwhep.lifecycle import ATTEMPT_ENDS, OPEN, AttemptStatus, Event, Status, advance, is_final

#: how often a decision is made anew because something changed between looking and writing
TRIES: Final = 100

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


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a job that is as it was seen."""

    job_uid: UUID
    seen: Status
    event: Event
    attempts_seen: int
    attempt: int | None = None  #: the number of the one that decided
    wanted: int = 0  #: how many more attempts may be leased now


def settle(session: Session, kinds: Kinds, ends: Sequence[AttemptEnd], *, now: datetime) -> list[Case]:
    """End attempts, and decide what becomes of their jobs; return those that ended by this."""
    cases = end_attempts(session, kinds, ends, now=now)
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
    refs = [(end.job_uid, end.number) for end in ends if _end(session, end, now)]
    if not refs:
        return []
    claims = tuple_(col(AttemptClaim.job_uid), col(AttemptClaim.attempt)).in_(refs)
    changed(session, delete(AttemptClaim).where(claims))  # nothing more is taken from them, so nothing can be repeated
    cases = load_cases(session, kinds, refs)
    apply(session, by_kind(cases, lambda kind, group: kind.account(group)))
    return [case for _, case in cases]


def _end(session: Session, end: AttemptEnd, now: datetime) -> int:
    ending = update(Attempt).where(
        col(Attempt.job_uid) == end.job_uid,
        col(Attempt.number) == end.number,
        col(Attempt.status) == AttemptStatus.LEASED,
    )
    if end.silent_since is not None:
        ending = ending.where(col(Attempt.lease_ends_at) < end.silent_since)
    values = {"status": end.status, "blame": ATTEMPT_ENDS[end.status], "ended_at": now, "reason": end.reason}
    return changed(session, ending.values({**values, **end.report}))


def _judged(session: Session, uids: Collection[UUID]) -> tuple[list[Decision], set[UUID]]:
    """Return what the judge says of jobs that are open, and the jobs that somebody else is changing just now."""
    decisions, unclear = [], set()
    columns = (Job.uid, Job.status, Job.attempts_made, Job.attempts_allowed)
    jobs = session.exec(select(*columns).where(col(Job.uid).in_(uids), col(Job.status).in_(OPEN))).all()
    outcomes: dict[UUID, list[JudgedAttempt]] = {uid: [] for uid, *_ in jobs}
    attempts = select(Attempt.job_uid, Attempt.number, Attempt.status).where(col(Attempt.job_uid).in_(outcomes))
    for uid, number, status in session.exec(attempts):
        outcomes[uid].append(JudgedAttempt(number, AttemptStatus(status)))
    for uid, status, made, allowed in jobs:
        judgement = judge(Policy(allowed), outcomes[uid])
        if len(outcomes[uid]) != made:
            unclear.add(uid)
        elif (decision := _decision(uid, Status(status), judgement, made)) is not None:
            decisions.append(decision)
    return decisions, unclear


def _decision(uid: UUID, seen: Status, judgement: Judgement, made: int) -> Decision | None:
    """Return what follows from a judgement; None if others are under way, so that nothing does."""
    if judgement.finding is Finding.UNDECIDED and not judgement.wanted:
        return None
    return Decision(uid, seen, _EVENTS[judgement.finding], made, judgement.attempt, judgement.wanted)


def decide_jobs(session: Session, kinds: Kinds, decisions: Iterable[Decision], *, now: datetime) -> set[UUID]:
    """Carry out decisions on jobs that are still as they were seen; return these jobs."""
    carried_out = [decision for decision in decisions if _decide(session, decision, now)]
    ended = {one.job_uid: one.event for one in carried_out if is_final(advance(one.seen, one.event))}
    if ended:
        _revoke_others(session, kinds, ended, now)
        _end_batches(session, kinds, ended, now)
    announce(session, sum(decision.wanted for decision in carried_out))
    return {decision.job_uid for decision in carried_out}


def _decide(session: Session, decision: Decision, now: datetime) -> int:
    status = advance(decision.seen, decision.event)
    values: dict[str, Any] = {"status": status, "attempts_wanted": decision.wanted}
    if is_final(status):
        values |= {"ended_at": now, "result_attempt": decision.attempt}
    as_seen = (
        col(Job.uid) == decision.job_uid,
        col(Job.status) == decision.seen,
        col(Job.attempts_made) == decision.attempts_seen,
    )
    return changed(session, update(Job).where(*as_seen).values(values))


def _revoke_others(session: Session, kinds: Kinds, ended: Mapping[UUID, Event], now: datetime) -> None:
    """Take away what is still under way for jobs that have ended; hosts hear of it with their next heartbeat."""
    live = select(Attempt.job_uid, Attempt.number).where(
        col(Attempt.job_uid).in_(ended), col(Attempt.ended_at).is_(None)
    )
    ends = [
        AttemptEnd(uid, number, AttemptStatus.REVOKED, _why(ended[uid])) for uid, number in session.exec(live).all()
    ]
    end_attempts(session, kinds, ends, now=now)


def _why(event: Event) -> str:
    return "the job was cancelled" if event is Event.CANCELLED else "another attempt has decided the job"


def _end_batches(session: Session, kinds: Kinds, ended: Collection[UUID], now: datetime) -> None:
    """Note which batches have ended with the last of their jobs; others end by their source's own rule."""
    of_jobs = select(Batch.uid, Batch.kind).join(Job, col(Job.batch_uid) == col(Batch.uid)).distinct()
    for uid, name in session.exec(of_jobs.where(col(Job.uid).in_(ended), col(Batch.ended_at).is_(None))).all():
        source = kinds.source(name)
        if source is None or not source.ends_with_its_jobs:
            continue
        open_job = exists().where(col(Job.batch_uid) == uid, col(Job.status).in_(OPEN))
        ending = update(Batch).where(col(Batch.uid) == uid, col(Batch.ended_at).is_(None), ~open_job)
        changed(session, ending.values(ended_at=now))


def end_batch(session: Session, kinds: Kinds, uid: UUID, *, cancelled: bool, now: datetime) -> bool:
    """End a batch with all its jobs that have not ended; return False if it had ended before."""
    ending = update(Batch).where(col(Batch.uid) == uid, col(Batch.ended_at).is_(None))
    if not changed(session, ending.values(ended_at=now, cancelled=cancelled)):
        return False
    cancel_jobs(session, kinds, col(Job.batch_uid) == uid, now=now)
    return True


def cancel_jobs(session: Session, kinds: Kinds, which: ColumnElement[bool], *, now: datetime) -> None:
    """Cancel the open ones of some jobs and revoke their attempts, until none is open.

    Raises:
        UnavailableError: others changed the same jobs again and again meanwhile.
    """
    columns = (Job.uid, Job.status, Job.attempts_made)
    for _ in range(TRIES):
        found = session.exec(select(*columns).where(which, col(Job.status).in_(OPEN))).all()
        if not found:
            return
        decisions = [Decision(uid, Status(status), Event.CANCELLED, made) for uid, status, made in found]
        decide_jobs(session, kinds, decisions, now=now)
    raise UnavailableError("others change the same jobs at the same time")
