"""Messages between the dispatcher and its hosts: leases, heartbeats, hits, results."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.apps import Kind, Limits
from xwhep.protocol.base import Argument, Cpu, Digest, Os, Reason, RelativePath, Reply, Request, VariableName
from xwhep.protocol.data import BlobFields
from xwhep.protocol.jobs import MAX_OUTPUT_NAMES_BYTES, Input, Output
from xwhep.secp256k1 import decode, encode
from xwhep.vanity.addresses import Form
from xwhep.vanity.hit_fields import CheckedHitFields
from xwhep.vanity.target_fields import TargetFields
from xwhep.vanity.units import MAX_STEPS, Unit

#: the version of the protocol that this code speaks, and the oldest that the dispatcher serves
PROTOCOL = 1
OLDEST_PROTOCOL = 1
#: seconds between heartbeats, and from a heartbeat to the end of the lease
HEARTBEAT_S = 10
LEASE_S = 60
#: the longest that a poll is held open, seconds
MAX_WAIT_S = 30

#: the files of a job at its largest limit, and its two streams
MAX_OUTPUTS: Final = 10_002
#: the largest report of an attempt's end: the names of the outputs, what else is said of each, and the rest
MAX_FINISH_BYTES: Final = MAX_OUTPUT_NAMES_BYTES + MAX_OUTPUTS * 128 + 16 * 1024

#: what a worker that says nothing about forms can search for
ANY_KERNELS: Final = frozenset({Form.P2PKH_COMPRESSED})

#: which attempt of a job it is, from 1
AttemptNumber = Annotated[int, Field(ge=1, le=1_000_000)]
#: a compressed point of secp256k1: 33 bytes as lower-case hexadecimal
Hex33 = Annotated[str, StringConstraints(pattern=r"^0[23][0-9a-f]{64}$")]
#: 32 bytes as lower-case hexadecimal
Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class LeaseRequest(Request):
    """A worker's poll: what the host is and what it can run now."""

    protocol: Annotated[int, Field(ge=0, le=1_000_000)]
    os: Os
    cpu: Cpu
    kinds: Annotated[frozenset[Kind], Field(max_length=8)]
    forms: Annotated[frozenset[Form], Field(max_length=8)] = ANY_KERNELS  #: of addresses that it can search for
    wait_s: Annotated[float, Field(ge=0, le=MAX_WAIT_S)] = MAX_WAIT_S
    #: what one slot tried lately, or would have if it were compressed keys alone; 0 unknown
    keys_per_s: Annotated[float, Field(ge=0, le=1e12)] = 0


class NativeWork(Reply):
    """Run a program in the sandbox."""

    kind: Literal[Kind.NATIVE] = Kind.NATIVE
    program: Digest
    entry: RelativePath
    arguments: list[Argument]
    environment: dict[VariableName, Argument]
    stdin: Digest | None
    inputs: list[Input]
    limits: Limits


class UnitFields(TargetFields):
    """One unit of a vanity search (`xwhep.vanity.units`); each hit in its target is a share."""

    number: Annotated[int, Field(ge=0, lt=2**63)]
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)]
    public_key: Hex33  #: blinded: A + rG
    plain: bool = False  #: whether only A' + sG itself is tried

    def unit(self, batch: UUID) -> Unit:
        """Return the unit of a batch.

        Raises:
            InvalidFieldError, PatternError: its target cannot be.
            PublicKeyError: the public key is not on the curve.
        """
        key = decode(bytes.fromhex(self.public_key))
        return Unit(batch, self.number, self.steps, key, self.target(), plain=self.plain)


def unit_fields(unit: Unit) -> dict[str, Any]:
    """Return the fields of a unit, but its batch."""
    fields = TargetFields.of(unit.target).model_dump()
    key = encode(unit.public_key).hex()
    return {**fields, "number": unit.number, "steps": unit.steps, "public_key": key, "plain": unit.plain}


class VanityWork(UnitFields, Reply):
    """Search one unit."""

    kind: Literal[Kind.VANITY] = Kind.VANITY
    batch_uid: UUID


class Lease(Reply):
    """A host's right to run one attempt until it ends or falls silent."""

    job_uid: UUID
    attempt: AttemptNumber  #: the fencing number
    lease_s: Annotated[float, Field(ge=1, le=86400)]  #: seconds until the lease ends unless a heartbeat prolongs it
    heartbeat_s: Annotated[float, Field(ge=1, le=86400)]
    work: Annotated[NativeWork | VanityWork, Field(discriminator="kind")]
    keys_proven: int = 0  #: by the host's shares so far: its credit


class LeaseReply(Reply):
    """The answer to a poll; no lease means: nothing fits, ask again."""

    lease: Lease | None = None


class AttemptRef(BaseModel):
    """Names one attempt."""

    job_uid: UUID
    attempt: AttemptNumber


class ProgressFields(BaseModel):
    """How far an attempt is."""

    fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    keys_tried: Annotated[int, Field(ge=0, lt=2**63)] = 0
    keys_per_s: Annotated[float, Field(ge=0, le=1e12)] = 0


class AttemptProgress(AttemptRef, ProgressFields, Request):
    """How far one attempt of a host is."""


class Heartbeat(Request):
    """All attempts that a host is running."""

    attempts: Annotated[list[AttemptProgress], Field(max_length=1024)]


class HeartbeatReply(Reply):
    """Which of them the host must stop: cancelled, lost, or no longer wanted."""

    stop: list[AttemptRef]


class ReportHit(CheckedHitFields, ProgressFields, Request):
    """A share, a key in the target of a unit: sign * lambda^e * (A' + sG) (`xwhep.vanity.split_key`)."""


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
    keys_proven: int | None = None  #: the host's credit, told when a share was added to it


class AnnounceOutput(BlobFields, Request):
    """A blob that an attempt is about to upload."""
