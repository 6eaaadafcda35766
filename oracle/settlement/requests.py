"""What the grid is asked for: the values, and the ids that a Task's batch, job and content get.

The same Task gives the same ids, so that a batch may be handed in again and again. Of the chain's words only a number
becomes a name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from oracle.settlement.answers import Answer
from xwhep.ids import derived_uid
from xwhep.protocol.batches import BatchView, SubmitBatch
from xwhep.protocol.data import RegisterData

_BATCH_TAG: Final = "xwhep/task-batch/1"
_JOB_TAG: Final = "xwhep/task-job/1"
_STDIN_TAG: Final = "xwhep/task-stdin/1"


@dataclass(frozen=True, slots=True)
class Subject:
    """Which hub, on which chain, a ledger is about."""

    chain_id: int
    genesis_hash: bytes
    hub: str
    first_block: int  #: the hub is not older than this


class SubmittedRequest(Protocol):
    """What a Task's submission says, as far as the grid needs it; the ledger's row is one."""

    @property
    def id(self) -> int:
        """The hub's number of the Task."""

    @property
    def commitment(self) -> bytes:
        """Its commitment, 32 bytes, which a reorganisation of the chain may change."""

    @property
    def requester(self) -> str:
        """The Ethereum address that pays."""

    @property
    def app(self) -> int:
        """The hub's number of the app."""

    @property
    def params(self) -> bytes:
        """The parameters, in the app's encoding."""


@dataclass(frozen=True, slots=True)
class Service:
    """An app of the hub that this oracle serves."""

    name: str  #: as the deployment has it
    app_uid: UUID | None  #: the native app on the grid; None: the search for addresses


@dataclass(frozen=True, slots=True)
class OracleTerms:
    """What this oracle does for tasks of its hub."""

    subject: Subject
    services: Mapping[int, Service]  #: by the hub's number of the app
    max_difficulty: float  #: of a search, in keys; what is harder is refused


@dataclass(frozen=True, slots=True)
class Upload:
    """Content that the grid must have before the batch."""

    announcement: RegisterData
    content: bytes


@dataclass(frozen=True, slots=True)
class GridRequest:
    """What the grid is asked for."""

    task_id: int
    batch: SubmitBatch
    #: where the answer is: in the standard output of the job with this uid, or in what this makes of the ended batch
    source: UUID | Callable[[BatchView], Answer] = field(compare=False)
    upload: Upload | None = None


def batch_uid(subject: Subject, task: SubmittedRequest) -> UUID:
    """Return the id of a task's batch, which nobody else can have made and no other task can get."""
    return _derived(_BATCH_TAG, subject, task)


def job_uid(subject: Subject, task: SubmittedRequest) -> UUID:
    """Return the id of the only job of a task's bag."""
    return _derived(_JOB_TAG, subject, task)


def stdin_uid(subject: Subject, task: SubmittedRequest) -> UUID:
    """Return the id of the standard input of a task's job."""
    return _derived(_STDIN_TAG, subject, task)


def name_of(task: SubmittedRequest) -> str:
    """Return the name that people read on the grid."""
    return f"task-{task.id}"


def _derived(tag: str, subject: Subject, task: SubmittedRequest) -> UUID:
    hub = bytes.fromhex(subject.hub.removeprefix("0x"))
    parts = (subject.chain_id.to_bytes(32, "big"), subject.genesis_hash, hub, task.id.to_bytes(32, "big"))
    return derived_uid(tag, *parts, task.commitment)
