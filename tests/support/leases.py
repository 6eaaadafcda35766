"""Leases as a dispatcher would give them."""

from __future__ import annotations

from uuid import UUID

from xwhep.bitcoin.addresses import Form
from xwhep.model.apps import Limits
from xwhep.model.attempts import Lease, NativeWork, VanityWork
from xwhep.model.jobs import Input

#: 2G, a point of secp256k1 (SEC 2, 2.4.1)
PUBLIC_KEY = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
ALL_HASHES = ("00" * 20, "ff" * 20)


def vanity_lease(number: int, *, attempt: int = 1, steps: int = 1, ranges: tuple[str, str] = ALL_HASHES) -> Lease:
    """Return a lease of a unit; the job's id follows from `number`."""
    work = VanityWork(
        batch_uid=UUID(int=7),
        number=number,
        steps=steps,
        form=Form.P2PKH_COMPRESSED,
        public_key=PUBLIC_KEY,
        ranges=[ranges],
    )
    return Lease(job_uid=UUID(int=number + 1), attempt=attempt, lease_s=60, heartbeat_s=10, work=work)


def native_lease(number: int, program: str, *, inputs: list[Input] | None = None, **options: object) -> Lease:
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
    return Lease(job_uid=UUID(int=number + 1), attempt=1, lease_s=60, heartbeat_s=10, work=work)
