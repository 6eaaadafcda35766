"""Content, apps and jobs that tests register through the client library."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.support.kinds import NATIVE
from xwhep.client.owner import OwnerClient
from xwhep.protocol.apps import AppView, RegisterApp, Target
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.data import RegisterData
from xwhep.protocol.jobs import SubmitJob, SubmitJobs
from xwhep.world import REAL


async def put(owner: OwnerClient, folder: Path, content: bytes) -> str:
    """Upload content as the owner's data and return its digest."""
    digest = hashlib.sha256(content).hexdigest()
    file = folder / digest
    file.write_bytes(content)
    uid = REAL.new_uid()
    await owner.register_data(RegisterData(uid=uid, name="content", digest=digest, size_bytes=len(content)))
    await owner.store(uid, file, len(content))
    return digest


async def register(owner: OwnerClient, folder: Path, name: str = "hello") -> AppView:
    """Register a script for Linux."""
    program = await put(owner, folder, b"#!/bin/sh\necho hello\n")
    target = Target(os=Os.LINUX, cpu=Cpu.ANY, blob=program, entry="hello.sh")
    app = RegisterApp(uid=REAL.new_uid(), name=name, version="1", kind=NATIVE, targets=[target])
    return await owner.register_app(app)


async def submit(owner: OwnerClient, app: AppView, count: int = 1) -> list[SubmitJob]:
    """Submit jobs without arguments."""
    wanted = [SubmitJob(uid=REAL.new_uid(), app_uid=app.uid) for _ in range(count)]
    await owner.submit_jobs(SubmitJobs(jobs=wanted))
    return wanted
