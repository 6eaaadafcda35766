"""A native app's job that a Task asks for: a bag of one, and what its end means."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Final
from uuid import UUID

from oracle.settlement.requests import (
    GridRequest,
    Subject,
    SubmittedRequest,
    Upload,
    batch_uid,
    job_uid,
    name_of,
    stdin_uid,
)
from xwhep.chain.parameters import decode_native_parameters
from xwhep.chain.reasons import FailureReason
from xwhep.lifecycle import Status
from xwhep.protocol.batches import SubmitBag
from xwhep.protocol.data import RegisterData
from xwhep.protocol.jobs import SubmitJob

#: the reason for which a task fails, by the status in which its job ended
ENDS: Final[Mapping[Status, FailureReason]] = MappingProxyType(
    {
        Status.FAILED: FailureReason.JOB_FAILED,
        Status.ERROR: FailureReason.JOB_ERROR,
        Status.CANCELLED: FailureReason.JOB_CANCELLED,
    }
)


def request_for(task: SubmittedRequest, subject: Subject, app_uid: UUID) -> GridRequest:
    """Return the bag of the one job that a task asks for.

    Raises:
        InvalidFieldError, ValidationError: its parameters are not such, or break the grid's bounds.
    """
    parameters = decode_native_parameters(task.params)
    upload = _stdin(task, subject, parameters.stdin) if parameters.stdin else None
    job = SubmitJob(
        uid=job_uid(subject, task),
        app_uid=app_uid,
        arguments=list(parameters.argv),
        stdin=upload.announcement.digest if upload else None,
    )
    batch = SubmitBag(uid=batch_uid(subject, task), name=name_of(task), requester=task.requester, jobs=[job])
    return GridRequest(task.id, batch, job.uid, upload)


def _stdin(task: SubmittedRequest, subject: Subject, content: bytes) -> Upload:
    announcement = RegisterData(
        uid=stdin_uid(subject, task),
        name=f"{name_of(task)}-stdin",
        digest=sha256(content).hexdigest(),
        size_bytes=len(content),
    )
    return Upload(announcement, content)
