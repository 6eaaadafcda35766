"""Messages about batches: many jobs as one. What makes a batch's jobs is its kind; a bag has them from the start."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from xwhep.lifecycle import BatchStatus, Status
from xwhep.protocol.base import Details, EthereumAddress, KindName, Moment, Name, Reply, Request
from xwhep.protocol.jobs import MAX_JOBS_A_REQUEST, SubmitJob


class BatchFields(BaseModel):
    """What names a batch."""

    name: Name
    requester: EthereumAddress | None = None  #: who asked for it on the chain; only a service says so


class SubmitBatch(BatchFields, Request):
    """Submit a batch; each kind has a message of its own."""

    kind: KindName
    uid: UUID


class SubmitBag(SubmitBatch):
    """Submit jobs as one batch."""

    kind: Literal["bag"] = "bag"
    jobs: Annotated[list[SubmitJob], Field(min_length=1, max_length=MAX_JOBS_A_REQUEST)]


class BatchView(BatchFields, Reply):
    """A batch as its owner sees it."""

    uid: UUID
    owner_uid: UUID
    kind: KindName
    status: BatchStatus
    submitted_at: Moment
    ended_at: Moment | None
    jobs: dict[Status, int]  #: how many are in each status
    details: Details | None = None  #: what its kind tells beside: of a search, how far it is
