"""Leases as a dispatcher would give them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from uuid import UUID

from xwhep.errors.jobs import FalseResultError
from xwhep.protocol.apps import Limits
from xwhep.protocol.attempts import Lease
from xwhep.protocol.jobs import Input
from xwhep.protocol.native import NativeWork
from xwhep.vanity.addresses import Form
from xwhep.vanity.hit_fields import hit_fields
from xwhep.vanity.messages import ReportShare, VanityWork
from xwhep.vanity.split_key import Hit
from xwhep.vanity.target_fields import FormRanges
from xwhep.vanity.units import GROUP, LANES, offset, verify

#: 2G, a point of secp256k1 (SEC 2, 2.4.1)
PUBLIC_KEY = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
ALL_HASHES = ("00" * 20, "ff" * 20)


def vanity_lease(
    number: int, *, attempt: int = 1, steps: int = 1, ranges: tuple[str, str] = ALL_HASHES
) -> Lease[VanityWork]:
    """Return a lease of a unit; the job's id follows from `number`."""
    work = VanityWork(
        batch_uid=UUID(int=7),
        number=number,
        steps=steps,
        public_key=PUBLIC_KEY,
        targets=[FormRanges(form=Form.P2PKH_COMPRESSED, ranges=[ranges])],
    )
    return Lease[VanityWork](job_uid=UUID(int=number + 1), attempt=attempt, lease_s=60, heartbeat_s=10, work=work)


def native_lease(
    number: int, program: str, *, inputs: list[Input] | None = None, **options: object
) -> Lease[NativeWork]:
    """Return a lease of a job that runs the blob `program`."""
    work = NativeWork.model_validate(
        {
            "program": program,
            "entry": "program",
            "arguments": [],
            "environment": {},
            "stdin": None,
            "inputs": inputs or [],
            "limits": Limits(wall_s=20, cpu_s=20, memory_bytes=512 * 1024 * 1024),
            **options,
        }
    )
    return Lease[NativeWork](job_uid=UUID(int=number + 1), attempt=1, lease_s=60, heartbeat_s=10, work=work)


def first_hit(work: VanityWork) -> ReportShare:
    """Search a unit on Python integers until something is found."""
    return next(hits(work))


def hits(work: VanityWork) -> Iterator[ReportShare]:
    """Search the first step of a unit on Python integers, and yield what is found."""
    unit = work.unit(work.batch_uid)
    offsets = (
        offset(work.batch_uid, work.number, lane, 0, i) for i in range(-GROUP, GROUP + 1) for lane in range(LANES)
    )
    for s in offsets:
        for hit in (Hit(s, e, sign) for e in range(3) for sign in (1, -1)):
            with contextlib.suppress(FalseResultError):
                verify(unit, hit)
                yield ReportShare(**hit_fields(hit))
