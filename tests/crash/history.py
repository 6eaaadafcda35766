"""The requests of clients and their answers, in order: the input of `tests.crash.checker`.

Two equal requests are one request that was sent twice.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import PROTOCOL, Outcome

#: the outputs of an attempt: name and content
Outputs: TypeAlias = tuple[tuple[str, "Content"], ...]
#: names an attempt: job and number
Ref: TypeAlias = tuple[UUID, int]
#: the status that an attempt ends in, by the outcome that its host reports
ENDS: Final[Mapping[Outcome, AttemptStatus]] = {
    Outcome.FINISHED: AttemptStatus.FINISHED,
    Outcome.FAILED: AttemptStatus.FAILED,
    Outcome.LOST: AttemptStatus.LOST,
}


class Message(NamedTuple):
    """A request as HTTP carries it."""

    method: str
    path: str
    body: bytes


class Content(NamedTuple):
    """Content as a record of it: without its bytes."""

    digest: str  #: SHA-256, hexadecimal
    size_bytes: int

    @classmethod
    def of(cls, content: bytes) -> Content:
        """Return digest and size of content."""
        return cls(hashlib.sha256(content).hexdigest(), len(content))


@dataclass(frozen=True, slots=True)
class Submit:
    """A user submits jobs of one app."""

    caller: UUID
    app: UUID
    jobs: tuple[UUID, ...]

    def message(self) -> Message:
        """Return the request that is sent."""
        jobs = [{"uid": str(job), "app_uid": str(self.app)} for job in self.jobs]
        return _json("/v1/jobs", {"jobs": jobs})


@dataclass(frozen=True, slots=True)
class Poll:
    """A host asks for work; the only request that is another one each time."""

    caller: UUID
    wait_s: float
    at_most: int = 1  #: attempts; more than one only in an exchange

    def fields(self) -> dict[str, Any]:
        """Return what is asked."""
        host = {"protocol": PROTOCOL, "os": "linux", "cpu": "x86_64", "kinds": {"native": {}}}
        return {**host, "wait_s": self.wait_s}

    def message(self) -> Message:
        """Return the request that is sent."""
        return _json("/v1/leases", self.fields())


@dataclass(frozen=True, slots=True)
class Beat:
    """A host says how far an attempt is."""

    caller: UUID
    attempt: Ref
    fraction: float

    def fields(self) -> dict[str, Any]:
        """Return what is said."""
        return _name(self.attempt) | {"fraction": self.fraction}

    def message(self) -> Message:
        """Return the request that is sent."""
        return _json("/v1/heartbeats", {"attempts": [self.fields()]})


@dataclass(frozen=True, slots=True)
class Upload:
    """A host uploads an output of an attempt."""

    caller: UUID
    attempt: Ref
    content: Content
    body: bytes = field(repr=False, compare=False, default=b"")

    def message(self) -> Message:
        """Return the request that is sent."""
        job, number = self.attempt
        return Message("PUT", f"/v1/attempts/{job}/{number}/blobs/{self.content.digest}", self.body)


@dataclass(frozen=True, slots=True)
class Finish:
    """A host ends an attempt."""

    caller: UUID
    attempt: Ref
    outcome: Outcome
    outputs: Outputs = ()
    contents: tuple[bytes, ...] = field(
        repr=False, compare=False, default=()
    )  #: inside an exchange; others are uploaded

    def fields(self) -> dict[str, Any]:
        """Return what is said."""
        outputs = [{"name": name, **content._asdict()} for name, content in self.outputs]
        return {"outcome": self.outcome, "outputs": outputs}

    def message(self) -> Message:
        """Return the request that is sent."""
        job, number = self.attempt
        return _json(f"/v1/attempts/{job}/{number}/finish", self.fields())


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A host says and asks at once; small outputs of the ends travel inside."""

    caller: UUID
    ends: tuple[Finish, ...] = ()
    progress: tuple[Beat, ...] = ()
    ask: Poll | None = None

    def message(self) -> Message:
        """Return the request that is sent."""
        said: dict[str, Any] = {
            "ends": [_name(end.attempt) | end.fields() | {"contents": _encoded(end.contents)} for end in self.ends],
            "progress": [beat.fields() for beat in self.progress],
        }
        if self.ask is not None:
            said["ask"] = self.ask.fields() | {"at_most": self.ask.at_most}
        return _json("/v1/exchange", said)


Request: TypeAlias = Submit | Poll | Beat | Upload | Finish | Exchanged


def parts(request: Request) -> tuple[Request, ...]:
    """Return all that a request says and asks, each as the request that it could have been."""
    if not isinstance(request, Exchanged):
        return (request,)
    return (*request.ends, *request.progress, *(() if request.ask is None else (request.ask,)))


def _encoded(contents: Iterable[bytes]) -> list[str]:
    return [b64encode(content).decode() for content in contents]


def _name(attempt: Ref) -> dict[str, Any]:
    return {"job_uid": str(attempt[0]), "attempt": attempt[1]}


def _json(path: str, message: Mapping[str, Any]) -> Message:
    return Message("POST", path, json.dumps(message).encode())


@dataclass(slots=True)
class Record:
    """One sending of a request; moments are places in the order of all that was sent and answered."""

    request: Request
    life: int  #: of the dispatcher, from 1: which of its processes was asked
    sent: int
    answered: int | None = None  #: None: the connection ended without an answer
    status: int = 0  #: of HTTP
    reply: Any = None  #: the JSON of the answer; None: no answer, or one without a body


def parts_of(records: Iterable[Record]) -> list[Record]:
    """Return what became of each request, and of each part of an exchange as if it had been one."""
    return [
        replace(record, request=part, **_answered(part, record)) if part is not record.request else record
        for record in records
        for part in parts(record.request)
    ]


def _answered(part: Request, record: Record) -> dict[str, Any]:
    if record.status != 200:
        return {}
    match part:
        case Finish(attempt=attempt):
            ends = {(UUID(end["job_uid"]), end["attempt"]): end for end in record.reply["ends"]}
            end = ends.get(attempt, {"reply": {"status": None}})
            problem = end.get("problem")
            return {"reply": end["reply"]} if problem is None else {"status": problem["status"], "reply": problem}
        case Beat():
            return {"reply": {"stop": record.reply["stop"]}}
        case _:
            return {"reply": {"leases": record.reply["leases"]}}


class History:
    """All records, in the order in which they were sent."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._moments = 0

    def send(self, request: Request, life: int) -> Record:
        """Note that a request is sent now."""
        record = Record(request, life, self._next())
        self.records.append(record)
        return record

    def answer(self, record: Record, status: int, reply: Any) -> None:
        """Note that it is answered now."""
        record.answered, record.status, record.reply = self._next(), status, reply

    def _next(self) -> int:
        self._moments += 1
        return self._moments


@dataclass(frozen=True, slots=True)
class Given:
    """An attempt that a host was told it has."""

    attempt: Ref
    host: UUID
    record: Record

    @property
    def moment(self) -> int:
        """Return when the host was told."""
        assert self.record.answered is not None, "it was told"
        return self.record.answered


def given(records: Iterable[Record]) -> list[Given]:
    """Return the leases that were given, as the hosts heard of them."""
    return [
        Given((UUID(lease["job_uid"]), lease["attempt"]), record.request.caller, record)
        for record in parts_of(records)
        if isinstance(record.request, Poll) and record.status == 200
        for lease in leases_of(record.reply)
    ]


def leases_of(reply: Any) -> list[Any]:
    """Return the leases in the answer to a poll, or to an exchange's."""
    leases = reply["leases"] if "leases" in reply else [reply["lease"]]
    return [lease for lease in leases if lease is not None]
