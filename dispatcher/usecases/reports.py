"""What runs have found and their hosts report at once: checked by the attempts' kinds, and counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy
from sqlalchemy import bindparam, exists, insert, update
from sqlmodel import Session, col

from dispatcher.kinds.contract import AppKind, Case, Change, Checked, OwnRows
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.member_tables import Fault, Host
from dispatcher.storage.orders import by_statements
from dispatcher.storage.tables import AttemptClaim
from dispatcher.usecases import own
from dispatcher.usecases.cases import KindAndCase, RowsBeside, by_kind
from dispatcher.usecases.ends import AttemptEnd, settle
from dispatcher.usecases.leasing import keep_progress
from dispatcher.usecases.own import OwnReader
from dispatcher.usecases.results import AttemptName, live_cases
from dispatcher.usecases.slices import end_batch
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import LeaseLostError
from xwhep.errors.requests import NotFoundError
from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import AttemptReply, Report
from xwhep.rights import Caller
from xwhep.sql.prepared import PreparedWrite

_CLAIMS = AttemptClaim.__table__  # type: ignore[attr-defined] # SQLModel gives it to each table
#: unless it was made before
_CLAIM: Final = PreparedWrite(
    insert(_CLAIMS).from_select(
        list(_CLAIMS.columns.keys()),
        sqlalchemy.select(*(bindparam(column.name, type_=column.type) for column in _CLAIMS.columns)).where(
            ~exists().where(*(column == bindparam(column.name, type_=column.type) for column in _CLAIMS.columns))
        ),
    )
)
_ADD_FAULT: Final = PreparedWrite(insert(Fault))
_COUNT_FAULT: Final = PreparedWrite(
    update(Host).where(col(Host.uid) == bindparam("host")).values(false_results=col(Host.false_results) + 1)
)


@by_statements
def report(
    session: Session, kinds: Kinds, caller: Caller, ref: AttemptName, message: Report, *, now: datetime
) -> AttemptReply | XwhepError:
    """Take what a run has found, as `report_all`; an error is returned, so that what is written stays.

    Raises:
        LeaseLostError: the attempt is not the host's, or has ended.
        NotFoundError: attempts of its kind report nothing, or reports of this kind are not theirs.
        FalseResultError: as its kind says.
    """
    return report_all(session, kinds, caller, [(ref, message)], now=now)[0]


def report_all(
    session: Session, kinds: Kinds, caller: Caller, reports: Sequence[tuple[AttemptName, Report]], *, now: datetime
) -> list[AttemptReply | XwhepError]:
    """Take what runs have found, as their kinds say: that may end an attempt, and its batch.

    An error stands for its own report and stops no other. It is `LeaseLostError` where the attempt is not the host's or
    has ended, `NotFoundError` where attempts of its kind report no such thing, and the kind's own where the report is
    false or was made before. A false one goes on the host's record and ends its attempt. Of another that is not
    accepted the attempt's progress may be kept, and nothing else.
    """
    if not reports:
        return []
    begun = live = live_cases(session, kinds, caller, {ref for ref, _ in reports})
    said = _checked(begun, reports)
    _keep_progress(session, begun, reports, said)
    changes: list[Change] = []
    for place, (ref, _) in enumerate(reports):
        one = said[place]
        if isinstance(one, XwhepError):
            continue
        if ref not in live:
            said[place] = LeaseLostError(*ref)
            continue
        if error := one.refused or _claimed_before(session, ref, one):
            said[place] = error
        else:
            changes += one.changes
        if one.refused or (one.decides and not error):
            own.apply(session, changes)
            changes = []
            _end(session, kinds, live[ref][1], one.refused, now=now)
            live = live_cases(session, kinds, caller, live)  # with its batch others may have ended
    own.apply(session, changes)
    return _answers(session, begun, reports, said)


def _checked(
    live: Mapping[AttemptName, KindAndCase], reports: Sequence[tuple[AttemptName, Report]]
) -> list[Checked | XwhepError]:
    """Return what kinds say of reports, in their order; an error where none is asked."""
    said: list[Checked | XwhepError] = [LeaseLostError(*ref) for ref, _ in reports]
    asked: list[tuple[AppKind, tuple[int, Case, Report]]] = []
    for place, (ref, message) in enumerate(reports):
        if ref in live:
            kind, case = live[ref]
            if kind.report is not None and isinstance(message, kind.report):
                asked.append((kind, (place, case, message)))
            else:
                said[place] = NotFoundError(f"attempt that reports as kind {message.kind}", ref[0])

    def check(kind: AppKind, some: Sequence[tuple[int, Case, Report]]) -> list[tuple[int, Checked]]:
        checked = kind.check([(case, message) for _, case, message in some])
        return [(place, one) for (place, _, _), one in zip(some, checked, strict=True)]

    for place, one in by_kind(asked, check):
        said[place] = one
    return said


def _keep_progress(
    session: Session,
    live: Mapping[AttemptName, KindAndCase],
    reports: Sequence[tuple[AttemptName, Report]],
    said: list[Checked | XwhepError],
) -> None:
    """Write down how far attempts are by what was checked; what is said of one that has just ended is an error."""
    places: dict[AttemptName, list[int]] = {}
    for place, (ref, _) in enumerate(reports):
        if isinstance(said[place], Checked):
            places.setdefault(ref, []).append(place)
    for ref, some in places.items():
        case = live[ref][1]
        if not keep_progress(session, case.attempt, [reports[place][1] for place in some], case.job):
            for place in some:
                said[place] = LeaseLostError(*ref)


def _claimed_before(session: Session, ref: AttemptName, checked: Checked) -> XwhepError | None:
    """Note that an attempt has reported this; return what its host is told if it had done so before."""
    if not checked.claim or _CLAIM.one(session, job_uid=ref[0], attempt=ref[1], claim=checked.claim):
        return None
    assert checked.repeated is not None, "a claim that was made before is told in the kind's words"
    return checked.repeated


def _end(session: Session, kinds: Kinds, case: Case, refused: XwhepError | None, *, now: datetime) -> None:
    """End an attempt with its report; of one whose report is false nothing is believed."""
    attempt = case.attempt
    ref = (attempt.job_uid, attempt.number)
    if refused is None:
        settle(session, kinds, [AttemptEnd(*ref, AttemptStatus.FINISHED)], now=now)
        if case.job.batch_uid is not None:
            end_batch(session, kinds, case.job.batch_uid, cancelled=False, now=now)
        return
    settle(session, kinds, [AttemptEnd(*ref, AttemptStatus.LOST, refused.text, {"amount": 0})], now=now)
    about = {"host_uid": attempt.host_uid, "job_uid": attempt.job_uid, "attempt": attempt.number}
    _ADD_FAULT.one(session, id=None, **about, code=refused.code, text=refused.text, at=now)
    _COUNT_FAULT.one(session, host=attempt.host_uid)


def _answers(
    session: Session,
    live: Mapping[AttemptName, KindAndCase],
    reports: Sequence[tuple[AttemptName, Report]],
    said: Sequence[Checked | XwhepError],
) -> list[AttemptReply | XwhepError]:
    """Return what the host is told, from kinds' own rows as they are now."""
    reader = OwnReader(session)
    rows = {ref: RowsBeside(reader, kind, case.job, case.attempt.host_uid) for ref, (kind, case) in live.items()}
    return [
        one if isinstance(one, XwhepError) else _reply(one, rows[ref])
        for (ref, _), one in zip(reports, said, strict=True)
    ]


def _reply(accepted: Checked, rows: OwnRows) -> AttemptReply:
    status = AttemptStatus.FINISHED if accepted.decides else AttemptStatus.LEASED
    return AttemptReply(status=status, details=accepted.answer(rows))
