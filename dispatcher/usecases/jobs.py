"""Submitting, reading and cancelling jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from dispatcher.kinds.registry import Kinds
from dispatcher.scheduling.queues import Queue
from dispatcher.storage.orders import NotTogetherError, by_statements
from dispatcher.storage.tables import NEVER, Attempt, AttemptOutput, Batch, Job
from dispatcher.usecases import ready, waiting
from dispatcher.usecases.access import check_may_make, each, load_own, page
from dispatcher.usecases.catalogue import AppFacts, check_content, usable_app
from dispatcher.usecases.insertion import insert_jobs
from dispatcher.usecases.slices import cancel_jobs
from dispatcher.usecases.submissions import Submission
from xwhep.errors.base import XwhepError
from xwhep.errors.requests import IdConflictError, IllegalTransitionError, InvalidFieldError
from xwhep.lifecycle import Event, Status
from xwhep.protocol.base import Page
from xwhep.protocol.jobs import AttemptView, JobSummary, JobsView, JobView, Output, SubmitJob
from xwhep.rights import Caller
from xwhep.sql.prepared import PreparedRead
from xwhep.sql.sqlite import among

_SUMMARY: Final = tuple(JobSummary.model_fields)
_SUMMARY_COLUMNS: Final = tuple(col(getattr(Job, name)) for name in _SUMMARY)


class _Sent(NamedTuple):
    """A job that there is: who sent what, and the job."""

    owner_uid: UUID
    body_digest: str
    job: JobSummary


_SENT: Final = sqlalchemy.select(col(Job.owner_uid), col(Job.body_digest), *_SUMMARY_COLUMNS)
_SENT_OF_ONE, _SENT_OF_MANY = (
    PreparedRead(_SENT.where(which), lambda owner, digest, *columns: _Sent(owner, digest, _summary(columns)))
    for which in (col(Job.uid) == bindparam("job"), among(col(Job.uid), "jobs"))
)
#: columns that all jobs begin with
_AT_FIRST: Final[Mapping[str, Any]] = MappingProxyType({"priority": 0, "deadline": NEVER})


@dataclass(frozen=True, slots=True)
class Submitting:
    """One call of `submit_all`."""

    caller: Caller
    submission: Submission
    batch_uid: UUID | None = None


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
    (answer,) = submit_all(session, kinds, [Submitting(caller, submission, batch_uid)], now)
    if isinstance(answer, XwhepError):
        raise answer
    return answer


def submit_all(
    session: Session, kinds: Kinds, calls: Sequence[Submitting], now: datetime
) -> list[JobsView | XwhepError]:
    """Submit jobs of several callers, each call as `submit`; one that is refused stops no other.

    Raises:
        NotFoundError, InvalidFieldError, IdConflictError: as `submit`; returned in the place of the call.
    """
    uids = [uid for call in calls for uid in call.submission.digests]
    if len(set(uids)) != len(uids):
        raise NotTogetherError("two calls send a job with the same id")
    sent = _sent(session, uids)
    checked = [_checked(session, kinds, call, sent) for call in calls]
    rows: list[list[dict[str, Any]]] = [
        [] if isinstance(some, XwhepError) else _rows(session, kinds, call, some, now)
        for call, some in zip(calls, checked, strict=True)
    ]
    insert_jobs(session, [row for some in rows for row in some], _AT_FIRST)
    for some in rows:
        _note(session, some)
    return [
        error if isinstance(error, XwhepError) else _view(call, sent, some, now)
        for call, error, some in zip(calls, checked, rows, strict=True)
    ]


def _checked(
    session: Session, kinds: Kinds, call: Submitting, sent: Mapping[UUID, _Sent]
) -> list[tuple[SubmitJob, AppFacts]] | XwhepError:
    """Return the jobs of a call that were not sent before, with their apps; or why it is refused. This only reads."""
    try:
        check_content(session, call.caller, call.submission.content, "inputs.digest")
        for uid, digest in call.submission.digests.items():
            check_may_make(call.caller, uid)
            if uid in sent:
                _check_same(call, sent[uid], digest)
        fresh = [request for request in call.submission.requests if request.uid not in sent]
        apps = {uid: _app(session, kinds, call.caller, uid) for uid in dict.fromkeys(one.app_uid for one in fresh)}
        for request in fresh:
            _check_limits(request, apps[request.app_uid])
    except XwhepError as error:
        return error
    return [(request, apps[request.app_uid]) for request in fresh]


def _check_same(call: Submitting, sent: _Sent, digest: str) -> None:
    """Check that a job that there is was sent by the same request.

    Raises:
        IdConflictError: it was not; in a batch a job is another than alone.
    """
    before = sent.owner_uid, sent.body_digest, sent.job.batch_uid
    if before != (call.caller.uid, digest, call.batch_uid):
        raise IdConflictError("job", sent.job.uid)


def _rows(
    session: Session, kinds: Kinds, call: Submitting, fresh: Sequence[tuple[SubmitJob, AppFacts]], now: datetime
) -> list[dict[str, Any]]:
    """Return the columns of new jobs that are not the same in all."""
    of_call = {"owner_uid": call.caller.uid, "batch_uid": call.batch_uid, "submitted_at": now}
    apps = {app.uid: app for _, app in fresh}
    of_app = {uid: _columns_of(session, kinds, app) | of_call for uid, app in apps.items()}  # once for each app
    return [
        {
            "uid": request.uid,
            "work": request,
            "limits": request.limits or app.limits,
            "body_digest": call.submission.digests[request.uid],
            **of_app[app.uid],
        }
        for request, app in fresh
    ]


def _columns_of(session: Session, kinds: Kinds, app: AppFacts) -> dict[str, Any]:
    """Return the columns that all jobs of an app have in common."""
    kind = kinds.app(app.kind)
    (requirement,) = kind.requirements([app.targets])
    match_class = ready.class_of(session, requirement)
    return {"app_uid": app.uid, "match_class": match_class, "attempts_allowed": kind.attempts_allowed}


def _view(call: Submitting, sent: Mapping[UUID, _Sent], rows: Sequence[Mapping[str, Any]], now: datetime) -> JobsView:
    """Return the jobs of a call: those that there were, and the new ones, which wait."""
    found = {
        row["uid"]: JobSummary(
            uid=row["uid"],
            app_uid=row["app_uid"],
            batch_uid=call.batch_uid,
            status=Status.PENDING,
            submitted_at=now,
            ended_at=None,
        )
        for row in rows
    }
    return JobsView(jobs=[found[uid] if uid in found else sent[uid].job for uid in call.submission.digests])


def _note(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Take in that jobs of one call are ready."""
    first: dict[int, Mapping[str, Any]] = {}  #: of each class; of these jobs the ids alone tell which comes first
    for row in rows:
        known = first.setdefault(row["match_class"], row)
        if row["uid"] < known["uid"]:
            first[row["match_class"]] = row
    orders = {
        Queue(number, row["owner_uid"]): ready.order_of(
            _AT_FIRST["priority"], _AT_FIRST["deadline"], row["submitted_at"], row["uid"]
        )
        for number, row in first.items()
    }
    ready.note_jobs(session, orders, Counter(row["match_class"] for row in rows))


def _sent(session: Session, uids: Sequence[UUID]) -> dict[UUID, _Sent]:
    """Return those of the jobs with these ids that there are."""
    if not uids:
        return {}
    found = _SENT_OF_MANY.all(session, jobs=uids) if len(uids) > 1 else _SENT_OF_ONE.all(session, job=uids[0])
    return {sent.job.uid: sent for sent in found}


def _summary(columns: Sequence[Any]) -> JobSummary:
    fields: dict[str, Any] = dict(zip(_SUMMARY, columns, strict=True))
    return JobSummary.model_construct(None, **fields)


def _app(session: Session, kinds: Kinds, caller: Caller, uid: UUID) -> AppFacts:
    """Return an app that the caller may submit jobs to."""
    app = usable_app(session, caller, uid)
    for source in kinds.sources.values():
        if source.app_uid == uid:
            why = f"app {app.name} gets its jobs from batches: submit a batch of kind {source.name}"
            raise InvalidFieldError("app_uid", why)
    return app


def _check_limits(request: SubmitJob, app: AppFacts) -> None:
    if request.limits is not None and not request.limits.within(app.limits):
        raise InvalidFieldError("limits", f"a limit passes that of app {app.name}; ask for less")


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
