"""The tables of the straightforward dispatcher in `tests.bench.naive`, apart from those of the real one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import JSON, Column, Index
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel

from xwhep.lifecycle import AttemptStatus, Status
from xwhep.pki.identity import Identity
from xwhep.protocol.apps import AppView
from xwhep.protocol.base import Cpu, Os
from xwhep.sql.sqlite import open_engine

DATABASE = "naive.sqlite"
_REGISTRY = registry()


class NaiveRow(SQLModel, registry=_REGISTRY):
    """The root of these tables."""


class NaiveMember(NaiveRow, table=True):
    """A user or a host."""

    fingerprint: str = Field(primary_key=True)  #: SHA-256 of the certificate
    uid: UUID = Field(unique=True)
    is_host: bool


class NaiveApp(NaiveRow, table=True):
    """An app with its one program."""

    uid: UUID = Field(primary_key=True)
    os: Os
    cpu: Cpu
    blob: str
    entry: str


class NaiveJob(NaiveRow, table=True):
    """A job."""

    __table_args__ = (Index("ix_naivejob_queue", "status", "submitted_at"),)

    uid: UUID = Field(primary_key=True)
    owner_uid: UUID = Field(foreign_key="naivemember.uid")
    app_uid: UUID = Field(foreign_key="naiveapp.uid")
    work: dict[str, Any] = Field(sa_column=Column(JSON))
    status: Status = Status.PENDING
    attempts: int = 0
    submitted_at: datetime
    ended_at: datetime | None = None


class NaiveAttempt(NaiveRow, table=True):
    """One run of a job."""

    job_uid: UUID = Field(primary_key=True, foreign_key="naivejob.uid")
    number: int = Field(primary_key=True)
    host_uid: UUID = Field(foreign_key="naivemember.uid")
    status: AttemptStatus = AttemptStatus.LEASED
    fraction: float | None = None
    lease_ends_at: datetime
    exit_status: int | None = None
    ended_at: datetime | None = None


class NaiveUpload(NaiveRow, table=True):
    """Content that an attempt has uploaded."""

    job_uid: UUID = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    size_bytes: int


class NaiveOutput(NaiveRow, table=True):
    """A file that an attempt has left."""

    job_uid: UUID = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    name: str = Field(primary_key=True)
    digest: str
    size_bytes: int


def fingerprint(der: bytes) -> str:
    """Return what a certificate is known by."""
    return hashlib.sha256(der).hexdigest()


def prepare(folder: Path, user: Identity, hosts: Iterable[Identity], app: AppView) -> None:
    """Make a database that knows these members and this app."""
    engine = open_engine(folder / DATABASE)
    _REGISTRY.metadata.create_all(engine)
    with Session(engine) as session:
        for identity in (user, *hosts):
            known_by = fingerprint(identity.certificate.public_bytes(Encoding.DER))
            session.add(NaiveMember(fingerprint=known_by, uid=identity.member.uid, is_host=identity is not user))
        (target,) = app.targets
        session.add(NaiveApp(uid=app.uid, os=target.os, cpu=target.cpu, blob=target.blob, entry=target.entry))
        session.commit()
    engine.dispose()
