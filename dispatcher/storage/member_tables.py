"""The tables of members: who owns and who works, their keys and tokens, and what hosts did wrong."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from dispatcher.storage import naming  # noqa: F401 - before any table
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.members import MemberFields
from xwhep.rights import Role
from xwhep.sql.columns import enumeration, moment, partial_index


class Group(MemberFields, SQLModel, table=True):
    """Users and hosts that share."""

    __tablename__ = "groups"
    __table_args__ = (UniqueConstraint("name"), Index(None, "created_at", "uid"))

    uid: UUID = Field(primary_key=True)
    owner_uid: UUID
    body_digest: str
    created_at: datetime = moment()


class User(MemberFields, SQLModel, table=True):
    """Who owns apps, data and jobs."""

    __tablename__ = "users"
    __table_args__ = (Index(None, "joined_at", "uid"),)

    uid: UUID = Field(primary_key=True)
    role: Role = enumeration(Role)
    group_uid: UUID | None = Field(default=None, foreign_key="groups.uid")
    joined_at: datetime = moment()
    revoked_at: datetime | None = moment(default=None)


class Host(MemberFields, SQLModel, table=True):
    """A volunteer's machine."""

    __tablename__ = "hosts"
    __table_args__ = (
        Index(None, "joined_at", "uid"),
        partial_index("ix_hosts_revoked", "revoked_at", where="revoked_at IS NOT NULL"),
    )

    uid: UUID = Field(primary_key=True)
    group_uid: UUID | None = Field(default=None, foreign_key="groups.uid")
    os: Os | None = enumeration(Os, default=None)
    cpu: Cpu | None = enumeration(Cpu, default=None)
    owner_uid: UUID | None = Field(default=None, foreign_key="users.uid")  #: who issued its token; None: the operator
    false_results: int = 0  #: reports that did not stand up to checking
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
    issuer_uid: UUID | None = Field(default=None, foreign_key="users.uid")  #: None: issued on the dispatcher's machine
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
