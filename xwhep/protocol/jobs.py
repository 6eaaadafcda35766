"""Messages about jobs, for those who submit them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, field_validator

from xwhep.lifecycle import AttemptStatus, Status
from xwhep.protocol.apps import Limits
from xwhep.protocol.base import Argument, Digest, Moment, Reason, RelativePath, Reply, Request, VariableName
from xwhep.protocol.data import BlobFields

MAX_JOBS_A_REQUEST = 1000
MAX_INPUTS = 1000
#: folders in which a job's inputs lie, those that hold only folders included; a worker makes them anew for each run
MAX_INPUT_FOLDERS = 10_000
#: the folder whose files a job leaves as outputs
OUT = "out"
#: bytes in UTF-8 of the names of all outputs of a job together
MAX_OUTPUT_NAMES_BYTES = 1024 * 1024
#: how often a job is tried before it ends in error
ATTEMPTS_ALLOWED = 3


def folders_of(paths: Iterable[str]) -> set[str]:
    """Return all folders that plain relative paths lead through."""
    return {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}


class Input(BaseModel):
    """A file that a job finds in its working folder."""

    digest: Digest
    path: RelativePath


class JobWork(BaseModel):
    """What a job gives its app; never a command string."""

    arguments: Annotated[list[Argument], Field(max_length=1000)] = Field(default_factory=list)
    environment: Annotated[dict[VariableName, Argument], Field(max_length=100)] = Field(default_factory=dict)
    stdin: Digest | None = None
    inputs: Annotated[list[Input], Field(max_length=MAX_INPUTS)] = Field(default_factory=list)


class JobFields(JobWork):
    """What a job asks for."""

    app_uid: UUID


class SubmitJob(JobFields, Request):
    """Submit a job; the client makes the id, so that a repeated request is the same request."""

    uid: UUID
    limits: Limits | None = None  #: None: those of the app

    @field_validator("inputs")
    @classmethod
    def _paths_differ(cls, inputs: list[Input]) -> list[Input]:
        paths = {item.path for item in inputs}
        if len(paths) != len(inputs):
            raise ValueError("two inputs have the same path")
        folders = folders_of(paths)
        if len(folders) > MAX_INPUT_FOLDERS:
            raise ValueError(f"the inputs lie in {len(folders)} folders; at most {MAX_INPUT_FOLDERS} are allowed")
        if not folders.isdisjoint(paths):
            raise ValueError("the path of one input is the folder of another")
        if any(PurePosixPath(path).parts[0] == OUT for path in paths):
            raise ValueError(f"the folder `{OUT}` is kept for what the job leaves")
        return inputs


class SubmitJobs(Request):
    """Submit up to 1,000 jobs: all of them or none."""

    jobs: Annotated[list[SubmitJob], Field(min_length=1, max_length=MAX_JOBS_A_REQUEST)]


class Output(BlobFields):
    """A file that a job has left."""

    name: RelativePath


class AttemptView(Reply):
    """One run of a job on one host."""

    number: int
    host_uid: UUID
    status: AttemptStatus
    leased_at: Moment
    ended_at: Moment | None
    reason: Reason | None
    exit_status: int | None
    fraction: float | None  #: how much of the work is done, 0 to 1


class WaitingView(Reply):
    """Why a job is pending."""

    since: Moment  #: when it was submitted, or lost by its last host
    reason: Reason


class JobView(JobFields, Reply):
    """A job as its owner sees it."""

    uid: UUID
    owner_uid: UUID
    batch_uid: UUID | None
    limits: Limits
    status: Status
    submitted_at: Moment
    ended_at: Moment | None
    waiting: WaitingView | None = None  #: None unless it is pending
    attempts: list[AttemptView] = Field(default_factory=list)
    outputs: list[Output] = Field(default_factory=list)


class JobSummary(Reply):
    """A job in a list."""

    uid: UUID
    app_uid: UUID
    batch_uid: UUID | None
    status: Status
    submitted_at: Moment
    ended_at: Moment | None


class JobsView(Reply):
    """What became of a submission."""

    jobs: list[JobSummary]
