"""Submitting, reading and cancelling jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.queues import Queue
from dispatcher.storage.orders import by_statements
from dispatcher.storage.tables import NEVER, Attempt, AttemptOutput, Batch, Job
from dispatcher.usecases import ready, waiting
from dispatcher.usecases.access import check_may_make, each, load_own, page
from dispatcher.usecases.catalogue import AppFacts, check_content, usable_app
from dispatcher.usecases.insertion import insert_jobs
from dispatcher.usecases.slices import cancel_jobs
from dispatcher.usecases.submissions import Submission
from xwhep.errors.requests import IdConflictError, IllegalTransitionError, InvalidFieldError
from xwhep.lifecycle import Event, Status
from xwhep.protocol.apps import Limits
from xwhep.protocol.base import Page
from xwhep.protocol.jobs import AttemptView, JobSummary, JobsView, JobView, Output, SubmitJob
from xwhep.rights import Caller
from xwhep.sql.prepared import PreparedRead
from xwhep.sql.sqlite import among

_SUMMARY: Final = tuple(JobSummary.model_fields)
_SUMMARY_COLUMNS: Final = tuple(col(getattr(Job, name)) for name in _SUMMARY)
_SENT: Final = sqlalchemy.select(col(Job.owner_uid), col(Job.body_digest), *_SUMMARY_COLUMNS)
_EARLIER: Final = PreparedRead(_SENT.where(col(Job.uid) == bindparam("job")), lambda *columns: columns)
_EARLIER_OF_MANY: Final = PreparedRead(_SENT.where(among(col(Job.uid), "jobs")), lambda *columns: columns)


@by_statements
def submit(
    session: Session,
    kinds: Kinds,
    caller: Caller,
    submission: Submission,
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
    requests, digests = submission.requests, submission.digests
    check_content(session, caller, submission.content, "inputs.digest")
    earlier = _earlier(session, caller, digests, batch_uid)
    classes: dict[UUID, tuple[AppFacts, int]] = {}
    fresh: list[dict[str, Any]] = []
    common = {"owner_uid": caller.uid, "batch_uid": batch_uid, "submitted_at": now, "priority": 0, "deadline": NEVER}
    for request, digest in zip(requests, digests.values(), strict=True):
        if request.uid not in earlier:
            app, match_class = _app_class(session, kinds, caller, request.app_uid, classes)
            allowed = kinds.of(app.kind).attempts_allowed
            own = {"match_class": match_class, "attempts_allowed": allowed, "body_digest": digest}
            fresh.append(_row(request, app) | own)
    insert_jobs(session, fresh, common)
    _note(session, fresh, common)
    made = _made(fresh, common)
    return JobsView(jobs=[earlier.get(request.uid) or made[request.uid] for request in requests])


def _made(rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any]) -> dict[UUID, JobSummary]:
    """Return jobs that wait from now on, by id."""
    at_first = {"status": Status.PENDING, "ended_at": None}
    shared: dict[str, Any] = {name: common[name] for name in ("batch_uid", "submitted_at")} | at_first
    return {row["uid"]: JobSummary(uid=row["uid"], app_uid=row["app_uid"], **shared) for row in rows}


def _note(session: Session, rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any]) -> None:
    """Take in that jobs are ready."""
    first: dict[int, UUID] = {}  #: of each class, the job that comes first: all else of their places is the same
    for row in rows:
        first[row["match_class"]] = min(row["uid"], first.get(row["match_class"], row["uid"]))
    place = common["priority"], common["deadline"], common["submitted_at"]
    orders = {Queue(number, common["owner_uid"]): ready.order_of(*place, uid) for number, uid in first.items()}
    ready.note_jobs(session, orders, Counter(row["match_class"] for row in rows))


def _row(request: SubmitJob, app: AppFacts) -> dict[str, Any]:
    """Return the columns of a job that its request states."""
    return {"uid": request.uid, "app_uid": app.uid, "work": request, "limits": _limits(request, app)}


def _earlier(
    session: Session, caller: Caller, digests: Mapping[UUID, str], batch_uid: UUID | None
) -> dict[UUID, JobSummary]:
    """Return the jobs that earlier sendings of the same requests made.

    Raises:
        IdConflictError, InvalidFieldError: as `access.repeated`; in a batch a job is another than alone.
    """
    known: dict[UUID, JobSummary] = {}
    for uid in digests:
        check_may_make(caller, uid)
    for owner_uid, digest, *columns in _sent(session, list(digests)):
        job = _summary(columns)
        if (owner_uid, digest, job.batch_uid) != (caller.uid, digests[job.uid], batch_uid):
            raise IdConflictError("job", job.uid)
        known[job.uid] = job
    return known


def _sent(session: Session, uids: Sequence[UUID]) -> Iterable[Sequence[Any]]:
    """Return the jobs that there are with these ids: owner, digest, and the columns of a summary."""
    if len(uids) > 1:
        return _EARLIER_OF_MANY.all(session, jobs=uids)
    return _EARLIER.all(session, job=uids[0])


def _summary(columns: Sequence[Any]) -> JobSummary:
    fields: dict[str, Any] = dict(zip(_SUMMARY, columns, strict=True))
    return JobSummary.model_construct(None, **fields)


def _app_class(
    session: Session, kinds: Kinds, caller: Caller, app_uid: UUID, known: dict[UUID, tuple[AppFacts, int]]
) -> tuple[AppFacts, int]:
    """Return an app that the caller may submit to, with the match class of its jobs."""
    if (found := known.get(app_uid)) is None:
        app = usable_app(session, caller, app_uid)
        for source in kinds.sources.values():
            if source.app_uid == app_uid:
                why = f"app {app.name} gets its jobs from batches: submit a batch of kind {source.name}"
                raise InvalidFieldError("app_uid", why)
        (requirement,) = kinds.app(app.kind).requirements([app.targets])
        found = known[app_uid] = app, ready.class_of(session, requirement)
    return found


def _limits(request: SubmitJob, app: AppFacts) -> Limits:
    if request.limits is None:
        return app.limits
    if not request.limits.within(app.limits):
        raise InvalidFieldError("limits", f"a limit passes that of app {app.name}; ask for less")
    return request.limits


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
    query = sqlalchemy.select(*_SUMMARY_COLUMNS)
    if batch_uid is None:
        query = query.where(col(Job.owner_uid) == caller.uid)
    elif (batch := session.get(Batch, batch_uid)) is None or batch.owner_uid != caller.uid:
        return Page(items=[])
    else:  # all jobs of a batch are its owner's, so that no index has both columns
        query = query.where(col(Job.batch_uid) == batch_uid)
    if status is not None:
        query = query.where(col(Job.status) == status)
    return page(session, query, (col(Job.submitted_at), col(Job.uid)), after, each(_summary))


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
