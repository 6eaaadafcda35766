"""Columns of rows as they were read: what the core and the hooks of kinds know of an attempt, a job and a batch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from xwhep.lifecycle import AttemptStatus, Status
from xwhep.protocol.apps import Limits
from xwhep.protocol.jobs import JobWork


class AttemptFacts(NamedTuple):
    """Columns of an attempt, as they were read."""

    job_uid: UUID
    number: int
    host_uid: UUID
    leased_at: datetime
    ended_at: datetime | None
    status: AttemptStatus
    result_digest: str | None  #: of the report that ended it, so that a repeated report is known
    fraction: float | None
    amount: int
    amount_per_s: float

    def changed(self, columns: Mapping[str, Any]) -> AttemptFacts:
        """Return the attempt after these columns, of which there may be others, were set."""
        return self._replace(**{name: value for name, value in columns.items() if name in self._fields})


class JobFacts(NamedTuple):
    """Columns of a job, as they were read."""

    uid: UUID
    app_uid: UUID
    batch_uid: UUID | None
    work: JobWork
    limits: Limits
    amount: int | None
    status: Status
    attempts_wanted: int
    attempts_made: int


class BatchFacts(NamedTuple):
    """Columns of a batch, as they were read."""

    uid: UUID
    owner_uid: UUID
    kind: str
    match_class: int | None  #: of the jobs that it makes at the lease
