"""What hosts bring back: uploaded content, and the end of an attempt, accepted once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam, insert
from sqlmodel import Session, col, select

from dispatcher.kinds.contract import AppKind, Case, Concluded
from dispatcher.kinds.facts import JobFacts
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.orders import by_statements
from dispatcher.storage.tables import AppTarget, AttemptOutput, AttemptUpload
from dispatcher.usecases import own
from dispatcher.usecases.access import body_digest
from dispatcher.usecases.cases import KindAndCase, load_cases
from dispatcher.usecases.catalogue import store_blob
from dispatcher.usecases.ends import AttemptEnd, settle
from dispatcher.usecases.leasing import progress_of
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import LeaseLostError
from xwhep.errors.requests import InvalidFieldError, NotFoundError, TooLargeError
from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import AttemptReply, FinishAttempt
from xwhep.rights import Caller
from xwhep.sql.prepared import PreparedRead, PreparedWrite

_UPLOADS: Final = PreparedRead(
    sqlalchemy.select(col(AttemptUpload.digest), col(AttemptUpload.size_bytes)).where(
        col(AttemptUpload.job_uid) == bindparam("job"), col(AttemptUpload.attempt) == bindparam("number")
    ),
    lambda digest, size_bytes: (digest, size_bytes),
)
_ADD_UPLOAD: Final = PreparedWrite(insert(AttemptUpload))
_ADD_OUTPUT: Final = PreparedWrite(insert(AttemptOutput))

#: names an attempt: its job and number
AttemptName: TypeAlias = tuple[UUID, int]

#: standard output and standard error, beside the files of the folder `out`
STREAMS = 2


def live(session: Session, kinds: Kinds, caller: Caller, job_uid: UUID, number: int) -> KindAndCase:
    """Return an attempt that is leased to the caller, with its kind.

    Raises:
        LeaseLostError: it is not, or not any more.
    """
    found = live_cases(session, kinds, caller, [(job_uid, number)])
    if not found:
        raise LeaseLostError(job_uid, number)
    return found[job_uid, number]


def live_cases(
    session: Session, kinds: Kinds, caller: Caller, refs: Collection[AttemptName]
) -> dict[AttemptName, KindAndCase]:
    """Return those of these attempts that are leased to the caller, with their kinds."""
    return {
        (case.job.uid, case.attempt.number): (kind, case)
        for kind, case in load_cases(session, kinds, refs)
        if case.attempt.host_uid == caller.uid and case.attempt.ended_at is None
    }


def check_readable(session: Session, kinds: Kinds, caller: Caller, ref: AttemptName, digest: str) -> None:
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


def uploadable(session: Session, kinds: Kinds, caller: Caller, ref: AttemptName, digest: str) -> int:
    """Return how many bytes this output of the attempt may have, asked before they are taken from the wire.

    Raises:
        LeaseLostError: the attempt is not the host's, or not live.
        InvalidFieldError: the attempt may upload no more, or is of a kind that leaves no files.
    """
    return _room(session, live(session, kinds, caller, *ref), digest)[0]


@by_statements
def uploaded(
    session: Session, kinds: Kinds, caller: Caller, ref: AttemptName, output: tuple[str, int], *, now: datetime
) -> None:
    """Note that an attempt has uploaded content, `output` being its digest and size; twice is once.

    Raises:
        LeaseLostError, InvalidFieldError: as `uploadable`.
        TooLargeError: with it the attempt would pass its job's limits.
    """
    digest, size_bytes = output
    allowed_bytes, is_new = _room(session, live(session, kinds, caller, *ref), digest)
    if size_bytes > allowed_bytes:
        raise TooLargeError("the content", allowed_bytes)
    if is_new:
        store_blob(session, digest, size_bytes, now=now)
        _ADD_UPLOAD.one(session, job_uid=ref[0], attempt=ref[1], digest=digest, size_bytes=size_bytes)


def _room(session: Session, attempt: KindAndCase, digest: str) -> tuple[int, bool]:
    """Return how many bytes content of a live attempt may have, and whether it has not uploaded it before.

    Raises:
        InvalidFieldError: the attempt may upload no more, or is of a kind that leaves no files.
    """
    kind, case = attempt
    earlier = _uploads(session, (case.attempt.job_uid, case.attempt.number))
    if digest in earlier:
        return earlier[digest], False
    if not kind.leaves_files or len(earlier) >= case.job.limits.files + STREAMS:
        raise InvalidFieldError("outputs", "the attempt has uploaded more than its job's limits allow")
    return _allowed_bytes(case.job) - sum(earlier.values()), True


def _allowed_bytes(job: JobFacts) -> int:
    return job.limits.disk_bytes + STREAMS * job.limits.output_bytes


def _uploads(session: Session, ref: AttemptName) -> dict[str, int]:
    """Return what an attempt has uploaded: the size of each content by its digest."""
    return dict(_UPLOADS.all(session, job=ref[0], number=ref[1]))


# --- ends -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportedEnd:
    """The end of an attempt as a host reports it."""

    host_uid: UUID
    ref: AttemptName
    message: FinishAttempt
    contents: Mapping[str, bytes] = field(
        default_factory=dict
    )  #: of small outputs, by digest; others were uploaded before


class _Ending(NamedTuple):
    """An end that changes something."""

    end: ReportedEnd
    kind: AppKind
    case: Case
    concluded: Concluded
    attempt: AttemptEnd


@by_statements
def finish(
    session: Session, kinds: Kinds, caller: Caller, ref: AttemptName, end: FinishAttempt, *, now: datetime
) -> AttemptReply | XwhepError:
    """End one attempt as its host reports; the same report again gives the same answer.

    Raises:
        LeaseLostError: the attempt is not the host's, or has ended in another way.
        InvalidFieldError: an output is not here or not allowed.
    """
    return finish_all(session, kinds, [ReportedEnd(caller.uid, ref, end)], now=now)[0]


def finish_all(
    session: Session, kinds: Kinds, ends: Sequence[ReportedEnd], *, now: datetime
) -> list[AttemptReply | XwhepError]:
    """End attempts as their hosts report, each named once; an error stands for its own end and stops no other.

    The same report again gives the same answer. Errors are `LeaseLostError` for an attempt that is not the host's or
    that has ended in another way, and `InvalidFieldError` for an output that is not here or not allowed.
    """
    answers: dict[AttemptName, AttemptReply | XwhepError] = {end.ref: LeaseLostError(*end.ref) for end in ends}
    ending: list[_Ending] = []
    found = {(case.job.uid, case.attempt.number): (kind, case) for kind, case in _cases(session, kinds, ends)}
    for end in ends:
        kind, case = found.get(end.ref, (None, None))
        if kind is None or case is None or case.attempt.host_uid != end.host_uid:
            continue
        digest = body_digest(end.message, FinishAttempt)
        if case.attempt.ended_at is None:
            try:
                ending.append(_judged(session, kind, case, end, digest, now))
            except XwhepError as error:
                answers[end.ref] = error
        elif case.attempt.result_digest == digest:
            answers[end.ref] = AttemptReply(status=case.attempt.status)
    ended = settle(session, kinds, [one.attempt for one in ending], now=now)
    done = {(case.job.uid, case.attempt.number) for case in ended}
    kept = [one for one in ending if one.end.ref in done]
    _keep(session, kept, now)
    answers |= {one.end.ref: AttemptReply(status=one.concluded.status) for one in kept}
    return [answers[end.ref] for end in ends]


def _cases(session: Session, kinds: Kinds, ends: Sequence[ReportedEnd]) -> list[tuple[AppKind, Case]]:
    return load_cases(session, kinds, [end.ref for end in ends])


def _judged(session: Session, kind: AppKind, case: Case, end: ReportedEnd, digest: str, now: datetime) -> _Ending:
    """Return what an end of a live attempt means.

    Raises:
        InvalidFieldError: an output is not here or not allowed.
    """
    message = end.message
    (concluded,) = kind.conclude([(case, message)], now)
    if _leaves(kind, concluded):
        _check_outputs(session, case.job, end)
    reported = {
        **progress_of(case.attempt, message, case.job.amount),
        "result_digest": digest,
        "exit_status": message.exit_status,
        "cpu_s": message.cpu_s,
        "max_rss_bytes": message.max_rss_bytes,
    }
    reason = message.reason or ("the host gave the job back" if concluded.status is AttemptStatus.LOST else None)
    ending = AttemptEnd(*end.ref, concluded.status, reason, reported, loaded=(kind, case))
    return _Ending(end, kind, case, concluded, ending)


def _leaves(kind: AppKind, concluded: Concluded) -> bool:
    """Tell whether outputs are kept: also where the job has failed, since its output tells why."""
    return kind.leaves_files and concluded.status is not AttemptStatus.LOST


def _keep(session: Session, ended: Sequence[_Ending], now: datetime) -> None:
    """Write down what follows from attempts that have just ended."""
    leaving = [one.end for one in ended if _leaves(one.kind, one.concluded)]
    for digest, content in {digest: content for end in leaving for digest, content in end.contents.items()}.items():
        store_blob(session, digest, len(content), content=content, now=now)
    outputs = [
        {"job_uid": end.ref[0], "attempt": end.ref[1], **output.model_dump()}
        for end in leaving
        for output in end.message.outputs
    ]
    _ADD_OUTPUT.each(session, outputs)
    own.apply(session, [change for one in ended for change in one.concluded.changes])


def _check_outputs(session: Session, job: JobFacts, end: ReportedEnd) -> None:
    """Check that outputs are here and stay, as files, within the job's limits.

    Only names that a program can leave: its owner downloads them, and no host is to choose where they end.

    Raises:
        InvalidFieldError: they do not.
    """
    outputs = end.message.outputs
    names = {output.name for output in outputs}
    if len(names) != len(outputs):
        raise InvalidFieldError("outputs.name", "two outputs have the same name")
    if any(not name.startswith("out/") for name in names - {"stdout", "stderr"}):
        raise InvalidFieldError("outputs.name", "an output is stdout, stderr, or a file of the folder out")
    if len(names) > job.limits.files + STREAMS or sum(o.size_bytes for o in outputs) > _allowed_bytes(job):
        raise InvalidFieldError("outputs", "the outputs are more than the job's limits allow")
    if unnamed := end.contents.keys() - {output.digest for output in outputs}:
        raise InvalidFieldError("contents", f"no output has the content with SHA-256 {min(unnamed)}")
    sizes = {digest: len(content) for digest, content in end.contents.items()}
    if any(output.digest not in sizes for output in outputs):
        sizes |= _uploads(session, end.ref)
    for output in outputs:
        if sizes.get(output.digest) != output.size_bytes:
            raise InvalidFieldError("outputs.digest", f"output {output.name} was not uploaded; upload it first")
