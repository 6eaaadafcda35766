"""The rows of a dispatcher's database and the content of its store, read once no dispatcher uses them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlmodel import Session, select

from dispatcher.installation import Installation
from dispatcher.storage.blobs import BlobStore
from dispatcher.storage.tables import Attempt, AttemptOutput, AttemptUpload, Blob, Job
from tests.crash.history import Content, Ref


@dataclass(frozen=True, slots=True)
class Rows:
    """All that the checker compares with a history."""

    jobs: Mapping[UUID, Job]
    attempts: Mapping[Ref, Attempt]
    uploads: frozenset[tuple[Ref, Content]]
    outputs: Mapping[Ref, Mapping[str, Content]]  #: by attempt and name
    blobs: Mapping[str, bool]  #: by digest: whether the content is in the store, unchanged


def read(folder: Path) -> Rows:
    """Return all rows of the dispatcher in a folder."""
    installation = Installation(folder)
    with contextlib.closing(installation.open_database()) as database:
        return database.run_now(_read, BlobStore(folder / "blobs"))


def _read(session: Session, store: BlobStore) -> Rows:
    outputs: dict[Ref, dict[str, Content]] = {}
    for output in session.exec(select(AttemptOutput)):
        content = Content(output.digest, output.size_bytes)
        outputs.setdefault((output.job_uid, output.attempt), {})[output.name] = content
    return Rows(
        {job.uid: job for job in session.exec(select(Job))},
        {(attempt.job_uid, attempt.number): attempt for attempt in session.exec(select(Attempt))},
        frozenset(
            ((row.job_uid, row.attempt), Content(row.digest, row.size_bytes))
            for row in session.exec(select(AttemptUpload))
        ),
        outputs,
        {
            digest: _is_whole(digest, content, store.path(digest))
            for digest, content in session.exec(select(Blob.digest, Blob.content))
        },
    )


def _is_whole(digest: str, content: bytes | None, file: Path) -> bool:
    if content is None:
        content = file.read_bytes() if file.is_file() else b""
    return hashlib.sha256(content).hexdigest() == digest
