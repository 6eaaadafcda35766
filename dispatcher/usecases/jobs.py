"""Submitting, reading and cancelling jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from dispatcher.scheduling.matching import Requirement
from dispatcher.storage.tables import App, Attempt, Batch, Job, JobOutput, MatchClass
from dispatcher.usecases import waiting
from dispatcher.usecases.access import body_digest, each, load_own, page, repeated
from dispatcher.usecases.catalogue import check_content, load_app, targets_of
from xwhep.errors.jobs import NoTargetError
from xwhep.errors.requests import IdConflictError, InvalidFieldError
from xwhep.lifecycle import OPEN, AttemptStatus, Event, Status, advance, end_attempt
from xwhep.protocol.apps import Kind, Limits
from xwhep.protocol.base import Page
from xwhep.protocol.batches import BatchKind
from xwhep.protocol.jobs import (
    ATTEMPTS_ALLOWED,
    AttemptView,
    JobSummary,
    JobsView,
    JobView,
    JobWork,
    Output,
    SubmitJob,
)
from xwhep.rights import Caller


def submit(
    session: Session, caller: Caller, requests: Sequence[SubmitJob], *, batch_uid: UUID | None = None, now: datetime
) -> JobsView:
    """Submit jobs, all of them or none; a job sent again is the same job.

    Raises:
        NotFoundError: the caller may not use an app.
        NoTargetError: an app has no program for any platform.
        InvalidFieldError: content that is not the caller's, or a limit above the app's.
        IdConflictError: an id was used for something else.
    """
    if len({request.uid for request in requests}) != len(requests):
        raise InvalidFieldError("jobs.uid", "two jobs of one request have the same id")
    check_content(session, caller, [digest for request in requests for digest in _content(request)], "inputs.digest")
    classes: dict[UUID, tuple[App, int]] = {}
    jobs = []
    for request in requests:
        digest = body_digest(request)
        job = repeated(session, Job, caller, request.uid, digest)
        if job is not None and job.batch_uid != batch_uid:
            raise IdConflictError("job", request.uid)  # in a batch a job is another than alone
        if job is None:
            app, match_class = _app_class(session, caller, request.app_uid, classes)
            job = Job(
                uid=request.uid,
                owner_uid=caller.uid,
                app_uid=app.uid,
                batch_uid=batch_uid,
                match_class=match_class,
                work=JobWork(**request.model_dump(include=set(JobWork.model_fields))),
                limits=_limits(request, app),
                attempts_allowed=ATTEMPTS_ALLOWED,
                body_digest=digest,
                submitted_at=now,
            )
            session.add(job)
        jobs.append(job)
    session.flush()
    return JobsView(jobs=[JobSummary.model_validate(job) for job in jobs])


def _content(request: SubmitJob) -> list[str]:
    return [item.digest for item in request.inputs] + ([request.stdin] if request.stdin else [])


def _app_class(session: Session, caller: Caller, app_uid: UUID, known: dict[UUID, tuple[App, int]]) -> tuple[App, int]:
    """Return an app that the caller may submit to, with the match class of its jobs."""
    if app_uid not in known:
        app = load_app(session, caller, app_uid)
        if app.kind is not Kind.NATIVE:
            raise InvalidFieldError("app_uid", f"app {app.name} is a search: submit a batch of kind search")
        platforms = frozenset((target.os, target.cpu) for target in targets_of(session, app_uid))
        if not platforms:
            raise NoTargetError(app.name)
        known[app_uid] = app, class_of(session, Requirement(app.kind, platforms))
    return known[app_uid]


def class_of(session: Session, requirement: Requirement) -> int:
    """Return the match class of a requirement, made when it is new."""
    text = requirement.text()
    row = session.exec(select(MatchClass).where(MatchClass.requirement == text)).first()
    if row is None:
        row = MatchClass(requirement=text)
        session.add(row)
        session.flush()
    assert row.id is not None
    return row.id


def _limits(request: SubmitJob, app: App) -> Limits:
    limits = request.limits or app.limits
    if not limits.within(app.limits):
        raise InvalidFieldError("limits", f"a limit passes that of app {app.name}; ask for less")
    return limits


def show(session: Session, caller: Caller, uid: UUID, *, now: datetime) -> JobView:
    """Return a job with its attempts and outputs, and why it waits."""
    job = load_own(session, Job, uid, caller, "job")
    attempts = session.exec(select(Attempt).where(Attempt.job_uid == uid).order_by(col(Attempt.number))).all()
    outputs = session.exec(select(JobOutput).where(JobOutput.job_uid == uid).order_by(JobOutput.name))
    return JobView(
        **job.model_dump(include=set(JobView.model_fields) - {"limits"}),
        **job.work.model_dump(),
        limits=job.limits,
        waiting=waiting.explain(session, job, attempts, now=now),
        attempts=[AttemptView.model_validate(attempt) for attempt in attempts],
        outputs=[Output.model_validate(output, from_attributes=True) for output in outputs],
    )


def list_own(
    session: Session, caller: Caller, *, status: Status | None, batch_uid: UUID | None, after: str | None
) -> Page[JobSummary]:
    """Return the caller's jobs, newest first."""
    query = select(Job).where(Job.owner_uid == caller.uid)
    if status is not None:
        query = query.where(Job.status == status)
    if batch_uid is not None:
        query = query.where(Job.batch_uid == batch_uid)
    return page(session, query, (col(Job.submitted_at), col(Job.uid)), after, each(JobSummary.model_validate))


def cancel(session: Session, caller: Caller, uid: UUID, *, now: datetime) -> JobSummary:
    """Cancel a job; doing it twice is doing it once.

    Raises:
        NotFoundError: no job has this uid, or it is not the caller's.
        IllegalTransitionError: the job has already ended in another way.
    """
    job = load_own(session, Job, uid, caller, "job")
    if job.status is not Status.CANCELLED:
        live = select(Attempt).where(Attempt.job_uid == uid, col(Attempt.ended_at).is_(None))
        stop(job, session.exec(live).first(), now=now)
        note_end(session, job.batch_uid, now=now)
    session.flush()
    return JobSummary.model_validate(job)


def stop(job: Job, live: Attempt | None, *, now: datetime) -> None:
    """Cancel a job that has not ended, and revoke its live attempt, of which it has one or none."""
    job.status = advance(job.status, Event.CANCELLED)
    job.ended_at = now
    if live is not None:
        close(live, AttemptStatus.REVOKED, "the job was cancelled", now=now)


def note_end(session: Session, batch_uid: UUID | None, *, now: datetime) -> None:
    """Note when the last job of a bag has ended; a search ends by its own rule, and a job may be in no batch."""
    if batch_uid is None:
        return
    batch = session.get_one(Batch, batch_uid)
    open_jobs = select(Job.uid).where(Job.batch_uid == batch_uid, col(Job.status).in_(OPEN))
    if batch.kind is BatchKind.BAG and batch.ended_at is None and session.exec(open_jobs.limit(1)).first() is None:
        batch.ended_at = now


def close(attempt: Attempt, end: AttemptStatus, reason: str | None, *, now: datetime) -> None:
    """End an attempt."""
    attempt.status = end_attempt(attempt.status, end)
    attempt.ended_at = now
    attempt.reason = reason
    attempt.claimed = []  # nothing more is taken from it, so nothing can be claimed again


def output_of(session: Session, caller: Caller, uid: UUID, name: str) -> Output | None:
    """Return an output of one of the caller's jobs; None if it has none of this name."""
    load_own(session, Job, uid, caller, "job")
    row = session.get(JobOutput, (uid, name))
    return None if row is None else Output.model_validate(row, from_attributes=True)
