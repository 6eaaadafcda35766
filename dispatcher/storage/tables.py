"""The tables: what the dispatcher knows. Rows end by an end time and are never deleted while their owner exists."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Integer, MetaData, UniqueConstraint
from sqlmodel import Field, SQLModel

from xwhep.lifecycle import AttemptStatus, DataStatus, Status
from xwhep.protocol.apps import AppFields, Kind, Limits
from xwhep.protocol.attempts import ProgressFields
from xwhep.protocol.base import Cpu, Os, RelativePath
from xwhep.protocol.batches import BatchFields, BatchKind, SearchFields
from xwhep.protocol.data import BlobFields, DataFields
from xwhep.protocol.jobs import JobWork
from xwhep.protocol.members import MemberFields
from xwhep.rights import Role
from xwhep.sql.columns import NAMES, document, enumeration, moment, partial_index
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.target_fields import TargetFields

SQLModel.metadata.naming_convention = dict(NAMES)
METADATA: MetaData = SQLModel.metadata


class Grid(SQLModel, table=True):
    """The one row that says which grid this is."""

    __tablename__ = "grid"

    uid: UUID = Field(primary_key=True)
    created_at: datetime = moment()


# --- members ---------------------------------------------------------------------------------------------------------


class Group(MemberFields, SQLModel, table=True):
    """Users and hosts that share."""

    __tablename__ = "groups"
    __table_args__ = (UniqueConstraint("name"),)

    uid: UUID = Field(primary_key=True)
    owner_uid: UUID
    body_digest: str
    created_at: datetime = moment()


class User(MemberFields, SQLModel, table=True):
    """Who owns apps, data and jobs."""

    __tablename__ = "users"

    uid: UUID = Field(primary_key=True)
    role: Role = enumeration(Role)
    group_uid: UUID | None = Field(default=None, foreign_key="groups.uid")
    joined_at: datetime = moment()
    revoked_at: datetime | None = moment(default=None)


class Host(MemberFields, SQLModel, table=True):
    """A volunteer's machine."""

    __tablename__ = "hosts"

    uid: UUID = Field(primary_key=True)
    group_uid: UUID | None = Field(default=None, foreign_key="groups.uid")
    os: Os | None = enumeration(Os, default=None)
    cpu: Cpu | None = enumeration(Cpu, default=None)
    keys_per_s: float = 0  #: compressed ones, of one slot, as it says
    proven_keys_per_s: float = 0  #: the same by the shares of its latest units, times their effort
    shares: int = 0  #: that stood up to checking
    keys_proven: int = 0  #: by them: the host's credit
    false_results: int = 0
    joined_at: datetime = moment()
    seen_at: datetime | None = moment(default=None)
    revoked_at: datetime | None = moment(default=None)


class MemberKey(SQLModel, table=True):
    """Whose key it is; the role comes from here and never from a certificate's names."""

    __tablename__ = "member_keys"

    digest: str = Field(primary_key=True)  #: SHA-256 of the SubjectPublicKeyInfo
    host_uid: UUID | None = Field(default=None, foreign_key="hosts.uid", index=True)
    user_uid: UUID | None = Field(default=None, foreign_key="users.uid", index=True)


class Token(SQLModel, table=True):
    """A join token, known by its digest only."""

    __tablename__ = "tokens"

    digest: str = Field(primary_key=True)
    role: Role = enumeration(Role)
    group_uid: UUID | None = Field(default=None, foreign_key="groups.uid")
    uses_left: int
    expires_at: datetime = moment()


class Fault(SQLModel, table=True):
    """What a host did wrong."""

    __tablename__ = "faults"

    id: int | None = Field(default=None, primary_key=True)
    host_uid: UUID = Field(foreign_key="hosts.uid", index=True)
    job_uid: UUID = Field(foreign_key="jobs.uid")
    attempt: int
    code: str
    text: str
    at: datetime = moment()


# --- catalogue -------------------------------------------------------------------------------------------------------


class Blob(BlobFields, SQLModel, table=True):
    """Content that is here, whole and on disk."""

    __tablename__ = "blobs"

    digest: str = Field(primary_key=True)
    stored_at: datetime = moment()


class Data(DataFields, SQLModel, table=True):
    """Content with a name and an owner."""

    __tablename__ = "data"
    __table_args__ = (Index(None, "owner_uid", "digest"), Index(None, "owner_uid", "registered_at"))

    uid: UUID = Field(primary_key=True)
    owner_uid: UUID = Field(foreign_key="users.uid")
    status: DataStatus = enumeration(DataStatus)
    body_digest: str
    registered_at: datetime = moment()


class App(AppFields, SQLModel, table=True):
    """One version of an application; it never changes."""

    __tablename__ = "apps"
    __table_args__ = (UniqueConstraint("owner_uid", "name", "version"),)

    uid: UUID = Field(primary_key=True)
    owner_uid: UUID = Field(foreign_key="users.uid")
    kind: Kind = enumeration(Kind)
    limits: Limits = document(Limits)
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
        Index(None, "owner_uid", "submitted_at"),
        partial_index("ix_batches_open_searches", "match_class", "served_at", where="ended_at IS NULL"),
    )

    uid: UUID = Field(primary_key=True)
    owner_uid: UUID = Field(foreign_key="users.uid")
    kind: BatchKind = enumeration(BatchKind)
    match_class: int | None = Field(default=None, foreign_key="match_classes.id")  #: None for a bag
    served_at: datetime | None = moment(default=None)  #: when a host last got a unit of it
    cancelled: bool = False
    body_digest: str
    submitted_at: datetime = moment()
    ended_at: datetime | None = moment(default=None)


class Search(SearchFields, SQLModel, table=True):
    """What a search batch looks for, and what it has found."""

    __tablename__ = "searches"
    __table_args__ = (UniqueConstraint("public_key"),)

    batch_uid: UUID = Field(primary_key=True, foreign_key="batches.uid")
    patterns: list[str] = document(list[str])
    forms: list[Form] = document(list[Form])
    network: Network = enumeration(Network)
    blinding: str = Field(repr=False)  #: r, 32 bytes, hexadecimal; never leaves the dispatcher
    blinded_key: str  #: A + rG, what hosts get
    target: TargetFields = document(TargetFields)  #: what follows from the wish
    difficulty: float
    next_number: int = 0
    keys_tried: int = 0  #: by attempts that have ended
    result_s: str | None = None  #: unblinded
    result_e: int | None = None
    result_sign: int | None = None
    result_address: str | None = None
    result_job_uid: UUID | None = None


class Job(SQLModel, table=True):
    """One submitted job, or one unit of a search."""

    __tablename__ = "jobs"
    __table_args__ = (
        partial_index("ix_jobs_ready", "match_class", "submitted_at", "uid", where="status = 'pending'"),
        Index(None, "owner_uid", "submitted_at"),
        Index(None, "batch_uid", "status"),
    )

    uid: UUID = Field(primary_key=True)  #: made by the client; of a unit, derived
    owner_uid: UUID = Field(foreign_key="users.uid")
    app_uid: UUID = Field(foreign_key="apps.uid")
    batch_uid: UUID | None = Field(default=None, foreign_key="batches.uid")
    match_class: int = Field(foreign_key="match_classes.id")  #: fixed at submission
    work: JobWork = document(JobWork)
    limits: Limits = document(Limits)
    unit_number: int | None = None
    unit_keys: int | None = None  #: how many the unit tries
    status: Status = enumeration(Status, default=Status.PENDING)
    attempts_made: int = 0
    attempts_allowed: int
    body_digest: str
    submitted_at: datetime = moment()
    ended_at: datetime | None = moment(default=None)


class Attempt(ProgressFields, SQLModel, table=True):
    """One run of a job on one host; (job, number) is the fencing token."""

    __tablename__ = "attempts"
    __table_args__ = (
        partial_index("ix_attempts_live_of_host", "host_uid", where="ended_at IS NULL"),
        partial_index("ix_attempts_live", "lease_ends_at", where="ended_at IS NULL"),
    )

    job_uid: UUID = Field(primary_key=True, foreign_key="jobs.uid")
    number: int = Field(primary_key=True)
    host_uid: UUID = Field(foreign_key="hosts.uid")
    status: AttemptStatus = enumeration(AttemptStatus, default=AttemptStatus.LEASED)
    leased_at: datetime = moment()
    lease_ends_at: datetime = moment()
    ended_at: datetime | None = moment(default=None)
    reason: str | None = None
    exit_status: int | None = None
    cpu_s: float = 0
    max_rss_bytes: int = 0
    keys_proven: int = 0  #: by shares
    claimed: list[str] = document(list[str], default_factory=list)  #: shares, so that each counts once; while it lives
    result_digest: str | None = None  #: of the report that ended it, so that a repeated report is known


class AttemptUpload(BlobFields, SQLModel, table=True):
    """A blob that an attempt has uploaded: only such may become its outputs."""

    __tablename__ = "attempt_uploads"
    __table_args__ = (ForeignKeyConstraint(["job_uid", "attempt"], ["attempts.job_uid", "attempts.number"]),)

    job_uid: UUID = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    digest: str = Field(primary_key=True, foreign_key="blobs.digest")


class JobOutput(BlobFields, SQLModel, table=True):
    """A file of a job's one accepted result."""

    __tablename__ = "job_outputs"

    job_uid: UUID = Field(primary_key=True, foreign_key="jobs.uid")
    name: str = Field(primary_key=True)
    digest: str = Field(foreign_key="blobs.digest")


for _column in [column for table in METADATA.tables.values() for column in table.columns]:
    if type(_column.type) is Integer and not _column.primary_key:
        _column.type = BigInteger()  # counts of keys and bytes pass 2^31; on SQLite the two types are one
