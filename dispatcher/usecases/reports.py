"""What runs have found and their hosts report at once: checked by the attempt's kind, and counted once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy
from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col

from dispatcher.kinds.contract import Case, Checked
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.member_tables import Fault, Host
from dispatcher.storage.orders import by_statements
from dispatcher.storage.tables import AttemptClaim
from dispatcher.usecases import own
from dispatcher.usecases.ends import AttemptEnd, settle
from dispatcher.usecases.leasing import keep_progress
from dispatcher.usecases.results import AttemptName, live
from dispatcher.usecases.slices import end_batch
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import LeaseLostError
from xwhep.errors.requests import NotFoundError
from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import AttemptReply, Report
from xwhep.rights import Caller
from xwhep.sql.prepared import PreparedRead, PreparedWrite

_CLAIMED: Final = PreparedRead(
    sqlalchemy.select(col(AttemptClaim.claim)).where(
        col(AttemptClaim.job_uid) == bindparam("job"),
        col(AttemptClaim.attempt) == bindparam("number"),
        col(AttemptClaim.claim) == bindparam("claimed"),
    ),
    str,
)
_CLAIM: Final = PreparedWrite(insert(AttemptClaim))
_ADD_FAULT: Final = PreparedWrite(insert(Fault))
_COUNT_FAULT: Final = PreparedWrite(
    update(Host).where(col(Host.uid) == bindparam("host")).values(false_results=col(Host.false_results) + 1)
)


@by_statements
def report(
    session: Session, kinds: Kinds, caller: Caller, ref: AttemptName, message: Report, *, now: datetime
) -> AttemptReply | XwhepError:
    """Take what a run has found, as its kind says: that may end the attempt, and its batch.

    A false report goes on the host's record, and its error is returned, not raised: what is written here stays.

    Raises:
        LeaseLostError: the attempt is not the host's, or has ended.
        NotFoundError: attempts of its kind report nothing, or reports of this kind are not theirs.
        XwhepError: the attempt reported the same before.
    """
    kind, case = live(session, kinds, caller, *ref)
    if kind.report is None or not isinstance(message, kind.report):
        raise NotFoundError(f"attempt that reports as kind {message.kind}", ref[0])
    (checked,) = kind.check([(case, message)])
    if not keep_progress(session, case.attempt, message, case.job):
        raise LeaseLostError(*ref)
    if checked.refused is not None:
        _refuse(session, kinds, case, checked.refused, now=now)
        return checked.refused
    _accept(session, kinds, case, checked, now=now)
    answer = checked.answer(own.own_of(session, kind, case.job, caller.uid))
    status = AttemptStatus.FINISHED if checked.decides else AttemptStatus.LEASED
    return AttemptReply(status=status, details=answer)


def report_all(
    session: Session, kinds: Kinds, caller: Caller, reports: Sequence[tuple[AttemptName, Report]], *, now: datetime
) -> list[AttemptReply | XwhepError]:
    """Take reports one after the other, as `report`; an error stands for its own report and stops no other.

    Of a report that is not accepted the attempt's progress may be kept, and nothing else.
    """
    answers: list[AttemptReply | XwhepError] = []
    for ref, message in reports:
        try:
            answers.append(report(session, kinds, caller, ref, message, now=now))
        except XwhepError as error:
            answers.append(error)
    return answers


def _accept(session: Session, kinds: Kinds, case: Case, checked: Checked, *, now: datetime) -> None:
    job_uid, number = case.attempt.job_uid, case.attempt.number
    if checked.claim:
        if _CLAIMED.all(session, job=job_uid, number=number, claimed=checked.claim):
            assert checked.repeated is not None, "a claim that was made before is told in the kind's words"
            raise checked.repeated
        _CLAIM.one(session, job_uid=job_uid, attempt=number, claim=checked.claim)
    own.apply(session, checked.changes)
    if checked.decides:
        settle(session, kinds, [AttemptEnd(job_uid, number, AttemptStatus.FINISHED)], now=now)
        if case.job.batch_uid is not None:
            end_batch(session, kinds, case.job.batch_uid, cancelled=False, now=now)


def _refuse(session: Session, kinds: Kinds, case: Case, error: XwhepError, *, now: datetime) -> None:
    """Put a false report on the host's record; nothing that the attempt says is believed."""
    attempt = case.attempt
    nothing = {"amount": 0}
    end = AttemptEnd(attempt.job_uid, attempt.number, AttemptStatus.LOST, error.text, nothing)
    settle(session, kinds, [end], now=now)
    about = {"host_uid": attempt.host_uid, "job_uid": attempt.job_uid, "attempt": attempt.number}
    _ADD_FAULT.one(session, id=None, **about, code=error.code, text=error.text, at=now)
    _COUNT_FAULT.one(session, host=attempt.host_uid)
