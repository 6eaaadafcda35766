"""The tables: what the dispatcher knows. Rows end by an end time and are never deleted while their owner exists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, MetaData, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from dispatcher.storage import member_tables, naming  # noqa: F401 - other tables refer to those of members
from xwhep.lifecycle import AttemptStatus, Blame, DataStatus, Status
from xwhep.protocol.apps import AppFields, Limits
from xwhep.protocol.attempts import ProgressFields
from xwhep.protocol.base import Cpu, KindName, Os, RelativePath
from xwhep.protocol.batches import BatchFields
from xwhep.protocol.data import BlobFields, DataFields
from xwhep.protocol.jobs import JobWork
from xwhep.sql.columns import document, enumeration, moment, partial_index, widen_counts

METADATA: MetaData = naming.METADATA

#: the deadline of a job that has none: it comes after all others in every database's order
NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


class Grid(SQLModel, table=True):
    """The one row that says which grid this is."""

    __tablename__ = "grid"

    uid: UUID = Field(primary_key=True)
    created_at: datetime = moment()


# --- catalogue -------------------------------------------------------------------------------------------------------


class Blob(BlobFields, SQLModel, table=True):
    """Content that is here, whole and on disk."""

    __tablename__ = "blobs"

    digest: str = Field(primary_key=True)
    content: bytes | None = None  #: if it came inside a message; None: it is a file (`storage.blobs`)
    stored_at: datetime = moment()


class Data(DataFields, SQLModel, table=True):
    """Content with a name and an owner."""

    __tablename__ = "data"
    __table_args__ = (Index(None, "owner_uid", "digest"), Index(None, "owner_uid", "registered_at", "uid"))

    uid: UUID = Field(primary_key=True)
    owner_uid: UUID = Field(foreign_key="users.uid")
    status: DataStatus = enumeration(DataStatus)
    body_digest: str
    registered_at: datetime = moment()


class App(AppFields, SQLModel, table=True):
    """One version of an application; it never changes."""

    __tablename__ = "apps"
    __table_args__ = (
        UniqueConstraint("owner_uid", "name", "version"),
        Index(None, "registered_at", "uid"),
        Index(None, "for_everybody"),
    )

    uid: UUID = Field(primary_key=True)
    owner_uid: UUID = Field(foreign_key="users.uid")
    limits: Limits = document(Limits)
    built_in: bool = False  #: the dispatcher brought it along
    for_everybody: bool = False  #: every user may submit to it
    body_digest: str
    registered_at: datetime = moment()


class AppTarget(SQLModel, table=True):
    """One program of an app."""

    __tablename__ = "app_targets"

    app_uid: UUID = Field(primary_key=True, foreign_key="apps.uid")
    os: Os = enumeration(Os, primary_key=True)
    cpu: Cpu = enumeration(Cpu, primary_key=True)
    blob: str
    entry: RelativePath


# --- jobs ------------------------------------------------------------------------------------------------------------


class MatchClass(SQLModel, table=True):
    """What a host must have for a kind of job; jobs with equal needs share one class (`scheduling.matching`)."""

    __tablename__ = "match_classes"

    id: int | None = Field(default=None, primary_key=True)
    requirement: str = Field(unique=True)


class Batch(BatchFields, SQLModel, table=True):
    """Many jobs as one."""

    __tablename__ = "batches"
    __table_args__ = (
        Index(None, "owner_uid", "submitted_at", "uid"),
        partial_index("ix_batches_open_sources", "match_class", "served_at", where="ended_at IS NULL"),
        # those with jobs that are still to be cancelled
        partial_index(
            "ix_batches_unfinished", "ended_at", where="ended_at IS NOT NULL AND jobs_pending + jobs_running > 0"
        ),
    )

    uid: UUID = Field(primary_key=True)
    owner_uid: UUID = Field(foreign_key="users.uid")
    kind: KindName = Field(max_length=32)
    match_class: int | None = Field(default=None, foreign_key="match_classes.id")  #: of jobs made at the lease
    served_at: datetime | None = moment(default=None)  #: when a job was last made for a host
    cancelled: bool = False
    body_digest: str
    submitted_at: datetime = moment()
    ended_at: datetime | None = moment(default=None)
    #: how many of its jobs are in each status, for each status one (`usecases.counts`)
    jobs_pending: int = 0
    jobs_running: int = 0
    jobs_completed: int = 0
    jobs_failed: int = 0
    jobs_error: int = 0
    jobs_cancelled: int = 0


class Job(SQLModel, table=True):
    """One job: submitted, or made by its batch's source."""

    __tablename__ = "jobs"
    __table_args__ = (
        partial_index(
            "ix_jobs_ready",
            "match_class",
            "owner_uid",
            text("priority DESC"),
            "deadline",
            "submitted_at",
            "uid",
            where="attempts_wanted > 0",
        ),
        # a page of each list that can be asked for, read off one of these in its order
        Index(None, "owner_uid", "submitted_at", "uid"),
        Index(None, "owner_uid", "status", "submitted_at", "uid"),
        partial_index("ix_jobs_of_batch", "batch_uid", "submitted_at", "uid", where="batch_uid IS NOT NULL"),
        partial_index(
            "ix_jobs_of_batch_by_status", "batch_uid", "status", "submitted_at", "uid", where="batch_uid IS NOT NULL"
        ),
    )

    uid: UUID = Field(primary_key=True)  #: made by the client, or derived by the batch's source
    owner_uid: UUID = Field(foreign_key="users.uid")
    app_uid: UUID = Field(foreign_key="apps.uid")
    batch_uid: UUID | None = Field(default=None, foreign_key="batches.uid")
    match_class: int = Field(foreign_key="match_classes.id")  #: fixed at submission
    work: JobWork = document(JobWork)
    limits: Limits = document(Limits)
    amount: int | None = None  #: how much there is to do, in its kind's measure; None: unknown
    priority: int = 0  #: of one owner's jobs, the higher goes first
    deadline: datetime = moment(default=NEVER)  #: of equal priority, the earlier goes first
    status: Status = enumeration(Status, default=Status.PENDING)
    attempts_wanted: int = 1  #: how many more may be leased now, whatever the status
    attempts_made: int = 0
    attempts_allowed: int
    result_attempt: int | None = None  #: the number of the attempt whose result was accepted
    body_digest: str
    submitted_at: datetime = moment()
    ended_at: datetime | None = moment(default=None)


class Attempt(ProgressFields, SQLModel, table=True):
    """One run of a job on one host; (job, number) is the fencing token."""

    __tablename__ = "attempts"
    __table_args__ = (
        partial_index("ix_attempts_live_of_host", "host_uid", where="ended_at IS NULL"),
        partial_index("ix_attempts_live", "lease_ends_at", where="ended_at IS NULL"),
        partial_index("ix_attempts_lost_by_host", "host_uid", "ended_at", where="blame IS NOT NULL"),
    )

    job_uid: UUID = Field(primary_key=True, foreign_key="jobs.uid")
    number: int = Field(primary_key=True)
    host_uid: UUID = Field(foreign_key="hosts.uid")
    status: AttemptStatus = enumeration(AttemptStatus, default=AttemptStatus.LEASED)
    blame: Blame | None = enumeration(Blame, default=None)  #: whose fault it was that it brought no result
    leased_at: datetime = moment()
    lease_ends_at: datetime = moment()
    ended_at: datetime | None = moment(default=None)
    reason: str | None = None
    exit_status: int | None = None
    cpu_s: float = 0
    max_rss_bytes: int = 0
    result_digest: str | None = None  #: of the report that ended it, so that a repeated report is known


class AttemptUpload(BlobFields, SQLModel, table=True):
    """A blob that an attempt has uploaded: only such may become its outputs."""

    __tablename__ = "attempt_uploads"
    __table_args__ = (ForeignKeyConstraint(["job_uid", "attempt"], ["attempts.job_uid", "attempts.number"]),)

    job_uid: UUID = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    digest: str = Field(primary_key=True, foreign_key="blobs.digest")


class AttemptClaim(SQLModel, table=True):
    """A report of a live attempt that was accepted, so that each counts once; deleted when the attempt ends."""

    __tablename__ = "attempt_claims"
    __table_args__ = (ForeignKeyConstraint(["job_uid", "attempt"], ["attempts.job_uid", "attempts.number"]),)

    job_uid: UUID = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    claim: str = Field(primary_key=True)


class AttemptOutput(BlobFields, SQLModel, table=True):
    """A file that an attempt has left: a candidate for its job's result."""

    __tablename__ = "attempt_outputs"
    __table_args__ = (ForeignKeyConstraint(["job_uid", "attempt"], ["attempts.job_uid", "attempts.number"]),)

    job_uid: UUID = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    name: str = Field(primary_key=True)
    digest: str = Field(foreign_key="blobs.digest")


widen_counts(METADATA)
