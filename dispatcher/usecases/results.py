"""What hosts bring back: uploaded content, hits, and the end of an attempt, accepted once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from dispatcher.storage.tables import AppTarget, Attempt, AttemptUpload, Host, Job, JobOutput
from dispatcher.usecases import leasing, searches
from dispatcher.usecases.access import body_digest
from dispatcher.usecases.catalogue import store_blob
from dispatcher.usecases.credit import note_rate
from dispatcher.usecases.jobs import close, note_end
from xwhep.errors.jobs import FalseResultError, LeaseLostError
from xwhep.errors.requests import InvalidFieldError, NotFoundError, TooLargeError
from xwhep.lifecycle import AttemptStatus, Event, advance
from xwhep.protocol.attempts import AttemptReply, FinishAttempt, Outcome, ReportHit
from xwhep.protocol.jobs import Output
from xwhep.rights import Caller

#: standard output and standard error, beside the files of the folder `out`
STREAMS = 2


def live(session: Session, caller: Caller, job_uid: UUID, number: int) -> tuple[Attempt, Job]:
    """Return an attempt that is leased to the caller, with its job.

    Raises:
        LeaseLostError: it is not, or not any more.
    """
    attempt = session.get(Attempt, (job_uid, number))
    if attempt is None or attempt.host_uid != caller.uid or attempt.ended_at is not None:
        raise LeaseLostError(job_uid, number)
    return attempt, session.get_one(Job, job_uid)


def check_readable(session: Session, caller: Caller, job_uid: UUID, number: int, digest: str) -> None:
    """Check that a live attempt of the host names this content.

    Raises:
        LeaseLostError: the attempt is not the host's, or not live.
        NotFoundError: the attempt names no such content.
    """
    _, job = live(session, caller, job_uid, number)
    named = {item.digest for item in job.work.inputs} | {job.work.stdin}
    programs = session.exec(select(AppTarget).where(AppTarget.app_uid == job.app_uid))
    if digest not in named | {target.blob for target in programs}:
        raise NotFoundError("content", digest)


def uploadable(session: Session, caller: Caller, job_uid: UUID, number: int, digest: str) -> int:
    """Return how many bytes this output of the attempt may have, asked before they are taken from the wire.

    Raises:
        LeaseLostError: the attempt is not the host's, or not live.
        InvalidFieldError: the attempt may upload no more, or is of a search, which leaves no files.
    """
    _, job = live(session, caller, job_uid, number)
    earlier = _uploads(session, job_uid, number)
    if digest in earlier:
        return earlier[digest]
    if job.unit_number is not None or len(earlier) >= job.limits.files + STREAMS:
        raise InvalidFieldError("outputs", "the attempt has uploaded more than its job's limits allow")
    return _allowed_bytes(job) - sum(earlier.values())


def uploaded(
    session: Session, caller: Caller, job_uid: UUID, number: int, output: tuple[str, int], *, now: datetime
) -> None:
    """Note that an attempt has uploaded content, `output` being its digest and size; twice is once.

    Raises:
        LeaseLostError, InvalidFieldError: as `uploadable`.
        TooLargeError: with it the attempt would pass its job's limits.
    """
    digest, size_bytes = output
    allowed_bytes = uploadable(session, caller, job_uid, number, digest)
    if size_bytes > allowed_bytes:
        raise TooLargeError("the content", allowed_bytes)
    if session.get(AttemptUpload, (job_uid, number, digest)) is None:
        store_blob(session, digest, size_bytes, now=now)
        fields = {"job_uid": job_uid, "attempt": number, "digest": digest, "size_bytes": size_bytes}
        session.add(AttemptUpload.model_validate(fields))


def _allowed_bytes(job: Job) -> int:
    return job.limits.disk_bytes + STREAMS * job.limits.output_bytes


def _uploads(session: Session, job_uid: UUID, number: int) -> dict[str, int]:
    """Return what an attempt has uploaded: the size of each content by its digest."""
    query = select(AttemptUpload).where(AttemptUpload.job_uid == job_uid, col(AttemptUpload.attempt) == number)
    return {upload.digest: upload.size_bytes for upload in session.exec(query)}


def report_hit(
    session: Session, caller: Caller, job_uid: UUID, number: int, report: ReportHit, *, now: datetime
) -> AttemptReply | FalseResultError:
    """Take a share of a search: it is credited to the host, and ends the search if it is what is wanted.

    A false one goes on the host's record.

    Raises:
        LeaseLostError: the attempt is not the host's, or the search has ended.
        NotFoundError: the attempt is not of a search.
        ShareClaimedError: the attempt reported it before.
    """
    attempt, job = live(session, caller, job_uid, number)
    if job.unit_number is None:
        raise NotFoundError("search unit", job_uid)
    leasing.keep_progress(attempt, report, job.unit_keys)
    error = searches.settle_hit(session, attempt, job, report.hit(), now=now)
    session.flush()
    return error or AttemptReply(status=attempt.status, keys_proven=session.get_one(Host, caller.uid).keys_proven)


def finish(
    session: Session, caller: Caller, job_uid: UUID, number: int, end: FinishAttempt, *, now: datetime
) -> AttemptReply:
    """End an attempt as its host reports; the same report again gives the same answer.

    Raises:
        LeaseLostError: the attempt is not the host's, or has ended in another way.
        InvalidFieldError: an output that the attempt has not uploaded.
    """
    digest = body_digest(end)
    attempt = session.get(Attempt, (job_uid, number))
    if attempt is not None and attempt.host_uid == caller.uid and attempt.result_digest == digest:
        return AttemptReply(status=attempt.status)
    attempt, job = live(session, caller, job_uid, number)
    leasing.keep_progress(attempt, end, job.unit_keys)
    attempt.result_digest = digest
    attempt.exit_status, attempt.cpu_s, attempt.max_rss_bytes = end.exit_status, end.cpu_s, end.max_rss_bytes
    if end.outcome is Outcome.LOST or (end.outcome is Outcome.FAILED and job.unit_number is not None):
        leasing.lose(session, attempt, end.reason or "the host gave the job back", now=now)
    elif job.unit_number is not None:
        note_rate(session, attempt, searches.effort_of(session, job), now=now)
        searches.end_unit(session, attempt, job, AttemptStatus.FINISHED, Event.COMPLETED, now=now)
    else:
        _end_native(session, attempt, job, end, now=now)
    session.flush()
    return AttemptReply(status=attempt.status)


def _end_native(session: Session, attempt: Attempt, job: Job, end: FinishAttempt, *, now: datetime) -> None:
    """Accept what a native job has left, also when it failed: its output tells why."""
    _accept_outputs(session, attempt, job, end.outputs)
    finished = end.outcome is Outcome.FINISHED
    close(attempt, AttemptStatus.FINISHED if finished else AttemptStatus.FAILED, end.reason, now=now)
    job.status = advance(job.status, Event.COMPLETED if finished else Event.FAILED)
    job.ended_at = now
    note_end(session, job.batch_uid, now=now)


def _accept_outputs(session: Session, attempt: Attempt, job: Job, outputs: list[Output]) -> None:
    """Keep outputs that were uploaded and stay, as files, within the job's limits.

    Only names that a program can leave: its owner downloads them, and no host is to choose where they end.
    """
    names = {output.name for output in outputs}
    if len(names) != len(outputs):
        raise InvalidFieldError("outputs.name", "two outputs have the same name")
    if any(not name.startswith("out/") for name in names - {"stdout", "stderr"}):
        raise InvalidFieldError("outputs.name", "an output is stdout, stderr, or a file of the folder out")
    if len(names) > job.limits.files + STREAMS or sum(o.size_bytes for o in outputs) > _allowed_bytes(job):
        raise InvalidFieldError("outputs", "the outputs are more than the job's limits allow")
    sizes = _uploads(session, attempt.job_uid, attempt.number)
    for output in outputs:
        if sizes.get(output.digest) != output.size_bytes:
            raise InvalidFieldError("outputs.digest", f"output {output.name} was not uploaded; upload it first")
        session.add(JobOutput.model_validate({"job_uid": job.uid, **output.model_dump()}))
