"""What a task asks of the grid, and what the grid's result answers: from the chain's bytes to a batch, and back.

What comes from the chain is hostile: it becomes an argument list, a content or a pattern that was parsed, or a reason
to fail; never a name, a path or a command. The same task gives the same batch, byte by byte, so that it may be handed
to the grid again and again. This module knows no clock, no database and no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from oracle.ledger import Subject
from oracle.settlement import Reason
from oracle.tables import Task
from xwhep.chain.parameters import (
    NativeParameters,
    VanityParameters,
    VanityResult,
    decode_native_parameters,
    decode_vanity_parameters,
    encode_vanity_result,
)
from xwhep.chain.values import MAX_RESULT, TaskStatus
from xwhep.errors.jobs import FalseResultError
from xwhep.errors.keys import PublicKeyError
from xwhep.errors.requests import InvalidFieldError
from xwhep.fast_secp256k1 import add_multiple
from xwhep.ids import derived_uid
from xwhep.protocol.batches import HitView, SubmitBag, SubmitSearch
from xwhep.protocol.data import RegisterData
from xwhep.protocol.jobs import SubmitJob
from xwhep.secp256k1 import encode
from xwhep.vanity.errors import PatternError
from xwhep.vanity.split_key import check
from xwhep.vanity.wanted import Wanted, want_patterns

_BATCH_TAG: Final = "xwhep/task-batch/1"
_JOB_TAG: Final = "xwhep/task-job/1"
_STDIN_TAG: Final = "xwhep/task-stdin/1"

#: what no answer has: the digest of a task that failed
NO_DIGEST: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Service:
    """An app of the hub that this oracle serves."""

    name: str  #: as the deployment has it
    app_uid: UUID | None  #: the native app on the grid; None: the search for addresses


@dataclass(frozen=True, slots=True)
class Offer:
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
class Order:
    """What the grid is asked for."""

    batch: SubmitSearch | SubmitBag
    upload: Upload | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub is told of a task."""

    outcome: TaskStatus  #: DONE or FAILED
    result: bytes
    digest: bytes


def failed(reason: Reason) -> Answer:
    """Return the answer that gives a reason, and the requester the RLC."""
    return Answer(TaskStatus.FAILED, reason.encode("ascii"), NO_DIGEST)


def batch_uid(subject: Subject, task: Task) -> UUID:
    """Return the id of a task's batch, which nobody else can have made and no other task can get."""
    return _derived(_BATCH_TAG, subject, task)


def _derived(tag: str, subject: Subject, task: Task) -> UUID:
    hub = bytes.fromhex(subject.hub.removeprefix("0x"))
    parts = (subject.chain_id.to_bytes(32, "big"), subject.genesis_hash, hub, task.id.to_bytes(32, "big"))
    return derived_uid(tag, *parts, task.commitment)


def order_for(task: Task, offer: Offer) -> Order | Reason:
    """Return what to ask of the grid for a task, or why it cannot be done."""
    service = offer.services.get(task.app)
    if service is None:
        return Reason.REFUSED_APP
    try:
        if service.app_uid is None:
            return _search(task, offer)
        return _bag(task, offer.subject, service.app_uid)
    except (InvalidFieldError, PatternError, PublicKeyError, ValidationError):
        return Reason.REFUSED_PARAMETERS


def _search(task: Task, offer: Offer) -> Order | Reason:
    parameters, wanted = _wanted(task)
    if wanted.difficulty > offer.max_difficulty:
        return Reason.TOO_HARD
    key = encode(parameters.public_key).hex()
    batch = SubmitSearch(
        uid=batch_uid(offer.subject, task),
        name=_name(task),
        requester=task.requester,
        patterns=[parameters.pattern],
        public_key=key,
    )
    return Order(batch)


def _wanted(task: Task) -> tuple[VanityParameters, Wanted]:
    """Return what a search is asked for.

    Raises:
        InvalidFieldError, PatternError, PublicKeyError: nothing that can be searched for.
    """
    parameters = decode_vanity_parameters(task.params)
    return parameters, want_patterns([parameters.pattern])


def _bag(task: Task, subject: Subject, app_uid: UUID) -> Order:
    parameters = decode_native_parameters(task.params)
    upload = _stdin(task, subject, parameters) if parameters.stdin else None
    job = SubmitJob(
        uid=_derived(_JOB_TAG, subject, task),
        app_uid=app_uid,
        arguments=list(parameters.argv),
        stdin=upload.announcement.digest if upload else None,
    )
    batch = SubmitBag(uid=batch_uid(subject, task), name=_name(task), requester=task.requester, jobs=[job])
    return Order(batch, upload)


def _stdin(task: Task, subject: Subject, parameters: NativeParameters) -> Upload:
    content = parameters.stdin
    announcement = RegisterData(
        uid=_derived(_STDIN_TAG, subject, task),
        name=f"{_name(task)}-stdin",
        digest=sha256(content).hexdigest(),
        size_bytes=len(content),
    )
    return Upload(announcement, content)


def _name(task: Task) -> str:
    """Return what people read on the grid; of the chain's words only a number."""
    return f"task-{task.id}"


def found(task: Task, hit: HitView) -> Answer:
    """Return the answer of a search that ended, checked against the requester's own key and pattern.

    With the hit goes A + sG: a contract can check that sum cheaply, and hardly compute it.
    """
    try:
        return _checked(task, hit)
    except FalseResultError:
        return failed(Reason.FALSE_RESULT)


def _checked(task: Task, hit: HitView) -> Answer:
    parameters, wanted = _wanted(task)
    claimed = hit.hit()
    check(parameters.public_key, claimed, wanted.find)
    total = add_multiple(parameters.public_key, claimed.s)
    assert total is not None, "the hit was checked"
    negative = claimed.sign == -1
    result = encode_vanity_result(VanityResult(claimed.s, claimed.e, negative, total.x, total.y))
    return Answer(TaskStatus.DONE, result, sha256(result).digest())


def printed(output: bytes) -> Answer:
    """Return the answer of a native job that completed: its whole standard output."""
    if len(output) > MAX_RESULT:
        return failed(Reason.RESULT_TOO_LARGE)
    return Answer(TaskStatus.DONE, output, sha256(output).digest())
