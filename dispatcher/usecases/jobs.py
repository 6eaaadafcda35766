"""Submitting, reading and cancelling jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.matching import Requirement
from dispatcher.storage.tables import App, Attempt, AttemptOutput, Job, MatchClass
from dispatcher.usecases import waiting
from dispatcher.usecases.access import announce, body_digest, each, load_own, page, repeated
from dispatcher.usecases.catalogue import check_content, load_app, targets_of
from dispatcher.usecases.ends import cancel_jobs
from xwhep.errors.requests import IdConflictError, IllegalTransitionError, InvalidFieldError
from xwhep.lifecycle import Event, Status
from xwhep.protocol.apps import Limits
from xwhep.protocol.base import Page
from xwhep.protocol.jobs import AttemptView, JobSummary, JobsView, JobView, JobWork, Output, SubmitJob
from xwhep.rights import Caller


def submit(
    session: Session,
    kinds: Kinds,
    caller: Caller,
    requests: Sequence[SubmitJob],
    *,
    batch_uid: UUID | None = None,
    now: datetime,
) -> JobsView:
    """Submit jobs, all of them or none; a job sent again is the same job.

    Raises:
        NotFoundError: the caller may not use an app.
        InvalidFieldError: content that is not the caller's, a limit above the app's, or an app that only batches use.
        IdConflictError: an id was used for something else.
    """
    if len({request.uid for request in requests}) != len(requests):
        raise InvalidFieldError("jobs.uid", "two jobs of one request have the same id")
    check_content(session, caller, [digest for request in requests for digest in _content(request)], "inputs.digest")
    common = {"owner_uid": caller.uid, "batch_uid": batch_uid, "submitted_at": now}
    classes: dict[UUID, tuple[App, int]] = {}
    jobs, fresh = [], []
    for request in requests:
        digest = body_digest(request)
        job = repeated(session, Job, caller, request.uid, digest)
        if job is not None and job.batch_uid != batch_uid:
            raise IdConflictError("job", request.uid)  # in a batch a job is another than alone
        if job is None:
            app, match_class = _app_class(session, kinds, caller, request.app_uid, classes)
            job = _job(request, app, match_class=match_class, body_digest=digest, **common)
            job.attempts_allowed = kinds.of(app.kind).attempts_allowed
            fresh.append(job)
        jobs.append(job)
    session.add_all(fresh)
    session.flush()
    announce(session, len(fresh))
    return JobsView(jobs=[JobSummary.model_validate(job) for job in jobs])


def _job(request: SubmitJob, app: App, **fields: Any) -> Job:
    """Return the row of a job that is submitted to an app, with further columns."""
    return Job(
        uid=request.uid,
        app_uid=app.uid,
        work=JobWork(**request.model_dump(include=set(JobWork.model_fields))),
        limits=_limits(request, app),
        **fields,
    )


def _content(request: SubmitJob) -> list[str]:
    return [item.digest for item in request.inputs] + ([request.stdin] if request.stdin else [])


def _app_class(
    session: Session, kinds: Kinds, caller: Caller, app_uid: UUID, known: dict[UUID, tuple[App, int]]
) -> tuple[App, int]:
    """Return an app that the caller may submit to, with the match class of its jobs."""
    if app_uid not in known:
        app = load_app(session, caller, app_uid)
        for source in kinds.sources.values():
            if source.app_uid == app_uid:
                why = f"app {app.name} gets its jobs from batches: submit a batch of kind {source.name}"
                raise InvalidFieldError("app_uid", why)
        (requirement,) = kinds.app(app.kind).requirements([targets_of(session, app_uid)])
        known[app_uid] = app, class_of(session, requirement)
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


def show(session: Session, kinds: Kinds, caller: Caller, uid: UUID, *, now: datetime) -> JobView:
    """Return a job with its attempts and outputs, and why it waits."""
    job = load_own(session, Job, uid, caller, "job")
    attempts = session.exec(select(Attempt).where(Attempt.job_uid == uid).order_by(col(Attempt.number))).all()
    of_result = (AttemptOutput.job_uid == uid, col(AttemptOutput.attempt) == job.result_attempt)
    outputs = session.exec(select(AttemptOutput).where(*of_result).order_by(AttemptOutput.name))
    return JobView(
        **job.model_dump(include=set(JobView.model_fields) - {"limits"}),
        **job.work.model_dump(),
        limits=job.limits,
        waiting=waiting.explain(session, kinds, job, attempts, now=now),
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


def cancel(session: Session, kinds: Kinds, caller: Caller, uid: UUID, *, now: datetime) -> JobSummary:
    """Cancel a job; doing it twice is doing it once.

    Raises:
        NotFoundError: no job has this uid, or it is not the caller's.
        IllegalTransitionError: the job has already ended in another way.
    """
    load_own(session, Job, uid, caller, "job")
    cancel_jobs(session, kinds, col(Job.uid) == uid, now=now)
    job = session.get_one(Job, uid, populate_existing=True)
    if job.status is not Status.CANCELLED:
        raise IllegalTransitionError(job.status, Event.CANCELLED)
    return JobSummary.model_validate(job)


def output_of(session: Session, caller: Caller, uid: UUID, name: str) -> Output | None:
    """Return an output of one of the caller's jobs; None if it has none of this name."""
    job = load_own(session, Job, uid, caller, "job")
    row = None if job.result_attempt is None else session.get(AttemptOutput, (uid, job.result_attempt, name))
    return None if row is None else Output.model_validate(row, from_attributes=True)
