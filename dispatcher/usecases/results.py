"""What hosts bring back: uploaded content, reports, and the end of an attempt, accepted once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col, select

from dispatcher.kinds.contract import AppKind, Case, Checked, JobFacts
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.orders import by_statements
from dispatcher.storage.tables import (
    AppTarget,
    Attempt,
    AttemptClaim,
    AttemptOutput,
    AttemptUpload,
    Fault,
    Host,
)
from dispatcher.usecases import own
from dispatcher.usecases.access import body_digest, changed
from dispatcher.usecases.catalogue import store_blob
from dispatcher.usecases.ends import AttemptEnd, settle
from dispatcher.usecases.leasing import keep_progress, progress_of
from dispatcher.usecases.slices import end_batch
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import LeaseLostError
from xwhep.errors.requests import InvalidFieldError, NotFoundError, TooLargeError
from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import AttemptReply, FinishAttempt, Report
from xwhep.protocol.jobs import Output
from xwhep.rights import Caller
from xwhep.sql.prepared import PreparedRead, PreparedWrite

_UPLOADS: Final = PreparedRead(
    sqlalchemy.select(col(AttemptUpload.digest), col(AttemptUpload.size_bytes)).where(
        col(AttemptUpload.job_uid) == bindparam("job"), col(AttemptUpload.attempt) == bindparam("number")
    ),
    lambda digest, size_bytes: (digest, size_bytes),
)
_SAME_END: Final = PreparedRead(
    sqlalchemy.select(col(Attempt.status)).where(
        col(Attempt.job_uid) == bindparam("job"),
        col(Attempt.number) == bindparam("number"),
        col(Attempt.host_uid) == bindparam("host"),
        col(Attempt.result_digest) == bindparam("result"),
    ),
    AttemptStatus,
)
_ADD_UPLOAD: Final = PreparedWrite(insert(AttemptUpload))
_ADD_OUTPUT: Final = PreparedWrite(insert(AttemptOutput))

#: standard output and standard error, beside the files of the folder `out`
STREAMS = 2


def live(session: Session, kinds: Kinds, caller: Caller, job_uid: UUID, number: int) -> tuple[AppKind, Case]:
    """Return an attempt that is leased to the caller, with its kind.

    Raises:
        LeaseLostError: it is not, or not any more.
    """
    found = own.load_cases(session, kinds, [(job_uid, number)])
    if not found or found[0][1].attempt.host_uid != caller.uid or found[0][1].attempt.ended_at is not None:
        raise LeaseLostError(job_uid, number)
    return found[0]


def check_readable(session: Session, kinds: Kinds, caller: Caller, ref: tuple[UUID, int], digest: str) -> None:
    """Check that a live attempt of the host, named by job and number, names this content.

    Raises:
        LeaseLostError: the attempt is not the host's, or not live.
        NotFoundError: the attempt names no such content.
    """
    _, case = live(session, kinds, caller, *ref)
    named = {item.digest for item in case.job.work.inputs} | {case.job.work.stdin}
    programs = session.exec(select(AppTarget.blob).where(AppTarget.app_uid == case.job.app_uid))
    if digest not in named | set(programs):
        raise NotFoundError("content", digest)


def uploadable(session: Session, kinds: Kinds, caller: Caller, ref: tuple[UUID, int], digest: str) -> int:
    """Return how many bytes this output of the attempt may have, asked before they are taken from the wire.

    Raises:
        LeaseLostError: the attempt is not the host's, or not live.
        InvalidFieldError: the attempt may upload no more, or is of a kind that leaves no files.
    """
    kind, case = live(session, kinds, caller, *ref)
    earlier = _uploads(session, ref)
    if digest in earlier:
        return earlier[digest]
    if not kind.leaves_files or len(earlier) >= case.job.limits.files + STREAMS:
        raise InvalidFieldError("outputs", "the attempt has uploaded more than its job's limits allow")
    return _allowed_bytes(case.job) - sum(earlier.values())


@by_statements
def uploaded(
    session: Session, kinds: Kinds, caller: Caller, ref: tuple[UUID, int], output: tuple[str, int], *, now: datetime
) -> None:
    """Note that an attempt has uploaded content, `output` being its digest and size; twice is once.

    Raises:
        LeaseLostError, InvalidFieldError: as `uploadable`.
        TooLargeError: with it the attempt would pass its job's limits.
    """
    digest, size_bytes = output
    allowed_bytes = uploadable(session, kinds, caller, ref, digest)
    if size_bytes > allowed_bytes:
        raise TooLargeError("the content", allowed_bytes)
    if digest not in _uploads(session, ref):
        store_blob(session, digest, size_bytes, now=now)
        _ADD_UPLOAD.one(session, job_uid=ref[0], attempt=ref[1], digest=digest, size_bytes=size_bytes)


def _allowed_bytes(job: JobFacts) -> int:
    return job.limits.disk_bytes + STREAMS * job.limits.output_bytes


def _uploads(session: Session, ref: tuple[UUID, int]) -> dict[str, int]:
    """Return what an attempt has uploaded: the size of each content by its digest."""
    return dict(_UPLOADS.all(session, job=ref[0], number=ref[1]))


# --- reports ----------------------------------------------------------------------------------------------------------


def report(
    session: Session, kinds: Kinds, caller: Caller, ref: tuple[UUID, int], message: Report, *, now: datetime
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


def _accept(session: Session, kinds: Kinds, case: Case, checked: Checked, *, now: datetime) -> None:
    job_uid, number = case.attempt.job_uid, case.attempt.number
    if checked.claim:
        if session.get(AttemptClaim, (job_uid, number, checked.claim)) is not None:
            assert checked.repeated is not None, "a claim that was made before is told in the kind's words"
            raise checked.repeated
        session.add(AttemptClaim(job_uid=job_uid, attempt=number, claim=checked.claim))
        session.flush()
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
    text, code = error.text, error.code
    fault = Fault(
        host_uid=attempt.host_uid, job_uid=attempt.job_uid, attempt=attempt.number, code=code, text=text, at=now
    )
    session.add(fault)
    session.flush()
    more = {"false_results": col(Host.false_results) + 1}
    changed(session, update(Host).where(col(Host.uid) == attempt.host_uid).values(more))


# --- ends -------------------------------------------------------------------------------------------------------------


@by_statements
def finish(
    session: Session, kinds: Kinds, caller: Caller, ref: tuple[UUID, int], end: FinishAttempt, *, now: datetime
) -> AttemptReply:
    """End an attempt as its host reports; the same report again gives the same answer.

    Raises:
        LeaseLostError: the attempt is not the host's, or has ended in another way.
        InvalidFieldError: an output that the attempt has not uploaded.
    """
    digest = body_digest(end)
    for status in _SAME_END.all(session, job=ref[0], number=ref[1], host=caller.uid, result=digest):
        return AttemptReply(status=status)
    kind, case = live(session, kinds, caller, *ref)
    (concluded,) = kind.conclude([(case, end)], now)
    outputs = _candidates(session, case, kind, end, concluded.status)
    reported = {
        **progress_of(case.attempt, end, case.job.amount),
        "result_digest": digest,
        "exit_status": end.exit_status,
        "cpu_s": end.cpu_s,
        "max_rss_bytes": end.max_rss_bytes,
    }
    reason = end.reason or ("the host gave the job back" if concluded.status is AttemptStatus.LOST else None)
    if not settle(session, kinds, [AttemptEnd(*ref, concluded.status, reason, reported)], now=now):
        raise LeaseLostError(*ref)
    _ADD_OUTPUT.each(session, outputs)
    own.apply(session, concluded.changes)
    return AttemptReply(status=concluded.status)


def _candidates(
    session: Session, case: Case, kind: AppKind, end: FinishAttempt, status: AttemptStatus
) -> list[dict[str, Any]]:
    """Return the rows of what an attempt has left, also where its job has failed: its output tells why."""
    if not kind.leaves_files or status is AttemptStatus.LOST:
        return []
    ref = case.attempt.job_uid, case.attempt.number
    _check_outputs(session, ref, case.job, end.outputs)
    return [{"job_uid": ref[0], "attempt": ref[1], **output.model_dump()} for output in end.outputs]


def _check_outputs(session: Session, ref: tuple[UUID, int], job: JobFacts, outputs: list[Output]) -> None:
    """Check that outputs were uploaded and stay, as files, within the job's limits.

    Only names that a program can leave: its owner downloads them, and no host is to choose where they end.
    """
    names = {output.name for output in outputs}
    if len(names) != len(outputs):
        raise InvalidFieldError("outputs.name", "two outputs have the same name")
    if any(not name.startswith("out/") for name in names - {"stdout", "stderr"}):
        raise InvalidFieldError("outputs.name", "an output is stdout, stderr, or a file of the folder out")
    if len(names) > job.limits.files + STREAMS or sum(o.size_bytes for o in outputs) > _allowed_bytes(job):
        raise InvalidFieldError("outputs", "the outputs are more than the job's limits allow")
    sizes = _uploads(session, ref)
    for output in outputs:
        if sizes.get(output.digest) != output.size_bytes:
            raise InvalidFieldError("outputs.digest", f"output {output.name} was not uploaded; upload it first")
