"""Messages between the dispatcher and its hosts: leases, heartbeats, reports, results; of all kinds alike."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Generic, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.base import Cpu, Details, KindName, Os, Problem, Reason, Reply, Request
from xwhep.protocol.jobs import MAX_OUTPUT_NAMES_BYTES, Output

#: the version of the protocol that this code speaks, and the oldest that the dispatcher serves
PROTOCOL = 2
OLDEST_PROTOCOL = 2
#: seconds between heartbeats, and from a heartbeat to the end of the lease
HEARTBEAT_S = 10
LEASE_S = 60
#: the longest that a poll is held open, seconds: routers and load balancers forget what is silent for 4 minutes
MAX_WAIT_S = 200
#: how long one is held open that does not say how long, seconds
USUAL_WAIT_S = 30

#: the files of a job at its largest limit, and its two streams
MAX_OUTPUTS: Final = 10_002
#: the largest report of an attempt's end: the names of the outputs, what else is said of each, and the rest
MAX_FINISH_BYTES: Final = MAX_OUTPUT_NAMES_BYTES + MAX_OUTPUTS * 128 + 16 * 1024

#: which attempt of a job it is, from 1
AttemptNumber = Annotated[int, Field(ge=1, le=1_000_000)]


class LeaseRequest(Request):
    """A worker's poll: what the host is and what it can run now."""

    protocol: Annotated[int, Field(ge=0, le=1_000_000)]
    os: Os
    cpu: Cpu
    kinds: Annotated[dict[KindName, Details], Field(max_length=16)]  #: each with what the host says of itself for it
    wait_s: Annotated[float, Field(ge=0, le=MAX_WAIT_S)] = USUAL_WAIT_S


class Work(Reply):
    """What a host is to do in one attempt; each kind of app has a message of its own."""

    kind: KindName


WorkT = TypeVar("WorkT", bound=Work)


class Lease(Reply, Generic[WorkT]):
    """A host's right to run one attempt until it ends or falls silent."""

    job_uid: UUID
    attempt: AttemptNumber  #: the fencing number
    lease_s: Annotated[float, Field(ge=1, le=86400)]  #: seconds until the lease ends unless a heartbeat prolongs it
    heartbeat_s: Annotated[float, Field(ge=1, le=86400)]
    work: SerializeAsAny[WorkT]


class LeaseReply(Reply, Generic[WorkT]):
    """The answer to a poll; no lease means: nothing fits, ask again."""

    lease: Lease[WorkT] | None = None
    #: how long the host's next poll may wait, seconds: the longer, the more hosts poll
    wait_s: Annotated[float, Field(ge=0, le=86400)] | None = None


class AttemptRef(BaseModel):
    """Names one attempt."""

    job_uid: UUID
    attempt: AttemptNumber


class ProgressFields(BaseModel):
    """How far an attempt is; amounts are in the measure of its kind (of a search: keys), 0 where there is none."""

    fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    amount: Annotated[int, Field(ge=0, lt=2**63)] = 0  #: done so far
    amount_per_s: Annotated[float, Field(ge=0, le=1e12)] = 0


class AttemptProgress(AttemptRef, ProgressFields, Request):
    """How far one attempt of a host is."""


class Heartbeat(Request):
    """All attempts that a host is running."""

    attempts: Annotated[list[AttemptProgress], Field(max_length=1024)]


class HeartbeatReply(Reply):
    """Which of them the host must stop: cancelled, lost, or no longer wanted."""

    stop: list[AttemptRef]


class Report(ProgressFields, Request):
    """What a run has found and its host tells at once; a kind whose attempts report has a message of its own."""

    kind: KindName


class Outcome(StrEnum):
    """How an attempt ended, as its host saw it."""

    FINISHED = "finished"
    FAILED = "failed"  #: the job's own fault
    LOST = "lost"  #: the host gives the job back


class FinishAttempt(ProgressFields, Request):
    """The end of an attempt; sent again, it is the same end."""

    outcome: Outcome
    exit_status: Annotated[int, Field(ge=-(2**31), lt=2**32)] | None = None  #: unsigned on Windows
    reason: Reason | None = None
    outputs: Annotated[list[Output], Field(max_length=MAX_OUTPUTS)] = Field(default_factory=list)
    cpu_s: Annotated[float, Field(ge=0, le=1e9)] = 0
    max_rss_bytes: Annotated[int, Field(ge=0, lt=2**63)] = 0


class AttemptReply(Reply):
    """What the dispatcher made of a report."""

    status: AttemptStatus
    details: Details | None = None  #: what the kind answers


# --- exchanges: all that a host has to say and to ask, in one request -----------------------------------------------

#: the largest content that travels inside an exchange, and all of one exchange, bytes; larger outputs are uploaded
MAX_SMALL_BYTES: Final = 64 * 1024
MAX_SMALL_BYTES_IN_ALL: Final = 512 * 1024
#: ends that one exchange brings, and attempts that it may be given, at most each, and reports; all of them together
#: take the dispatcher some 50 ms at most, so that one host's exchange holds up no other for longer
MAX_ATTEMPTS_AN_EXCHANGE: Final = 32
MAX_REPORTS_AN_EXCHANGE: Final = 16
#: small contents of one attempt, at most
MAX_SMALL_CONTENTS: Final = 64
#: the largest exchange: the names of the outputs of one attempt that is as large as can be, the small contents in
#: base64, and the rest
MAX_EXCHANGE_BYTES: Final = MAX_FINISH_BYTES + MAX_SMALL_BYTES_IN_ALL * 4 // 3 + 512 * 1024

ReportT = TypeVar("ReportT", bound=Report)


class ExchangedEnd(AttemptRef, FinishAttempt):
    """The end of one attempt, with the contents of its small outputs; others were uploaded before."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    contents: Annotated[
        list[Annotated[bytes, Field(max_length=MAX_SMALL_BYTES)]], Field(max_length=MAX_SMALL_CONTENTS)
    ] = Field(default_factory=list)


class ExchangedReport(AttemptRef, Request, Generic[ReportT]):
    """A report of one attempt."""

    report: SerializeAsAny[ReportT]


class Ask(LeaseRequest):
    """A poll for several attempts at once."""

    at_most: Annotated[int, Field(ge=1, le=MAX_ATTEMPTS_AN_EXCHANGE)] = 1


class Exchange(Request, Generic[ReportT]):
    """All that a host has to say of its attempts, and what it asks for. Only one that says nothing waits for work."""

    reports: Annotated[list[ExchangedReport[ReportT]], Field(max_length=MAX_REPORTS_AN_EXCHANGE)] = Field(
        default_factory=list
    )
    ends: Annotated[list[ExchangedEnd], Field(max_length=MAX_ATTEMPTS_AN_EXCHANGE)] = Field(default_factory=list)
    progress: Annotated[list[AttemptProgress], Field(max_length=1024)] = Field(default_factory=list)
    ask: Ask | None = None

    @model_validator(mode="after")
    def _check_ends(self) -> Self:
        if len({(end.job_uid, end.attempt) for end in self.ends}) != len(self.ends):
            raise ValueError("the ends must be of different attempts")
        if sum(len(content) for end in self.ends for content in end.contents) > MAX_SMALL_BYTES_IN_ALL:
            raise ValueError(f"the contents must have at most {MAX_SMALL_BYTES_IN_ALL} bytes together")
        return self

    def says(self) -> bool:
        """Tell whether anything is said of an attempt."""
        return bool(self.reports or self.ends or self.progress)


class AttemptAnswer(AttemptRef, Reply):
    """What became of one report or end: a reply, or a problem."""

    reply: AttemptReply | None = None
    problem: Problem | None = None


class ExchangeReply(Reply, Generic[WorkT]):
    """The answers, in the order of what was said; which attempts the host must stop; and what it was given."""

    reports: list[AttemptAnswer] = Field(default_factory=list)
    ends: list[AttemptAnswer] = Field(default_factory=list)
    stop: list[AttemptRef] = Field(default_factory=list)
    leases: list[Lease[WorkT]] = Field(default_factory=list)
    wait_s: Annotated[float, Field(ge=0, le=86400)] | None = None  #: how long the next that only asks may wait
