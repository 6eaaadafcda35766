"""The life of a job on a straightforward dispatcher: rows of SQLModel, a session and a commit a request.

A competent developer writes this in a day. It answers the requests that `tests.bench.lives` makes, with the real
messages, behind mutual TLS, and looks its caller up by the certificate. It commits before it replies, to SQLite with a
write-ahead log and synchronous=FULL, as the real dispatcher does. It lacks what else the real one does: repeated
requests, retries, ends of leases, limits, quotas, bounds.

`python -m tests.bench.naive FOLDER INSTALLATION CPU` serves the database that `prepare` has made in FOLDER, with the
certificates of the real dispatcher in INSTALLATION, and prints its port.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel
from sqlmodel import Session, col, select

from dispatcher.installation import Installation
from dispatcher.loops import new_event_loop
from tests.bench.naive_tables import (
    DATABASE,
    NaiveApp,
    NaiveAttempt,
    NaiveJob,
    NaiveMember,
    NaiveOutput,
    NaiveUpload,
    fingerprint,
)
from xwhep.files import replace_file
from xwhep.lifecycle import AttemptStatus, Status
from xwhep.pki.certificates import parse_bundle
from xwhep.pki.contexts import server_context
from xwhep.protocol.apps import Limits
from xwhep.protocol.attempts import (
    HEARTBEAT_S,
    LEASE_S,
    AttemptRef,
    AttemptReply,
    FinishAttempt,
    Heartbeat,
    HeartbeatReply,
    Lease,
    LeaseReply,
    LeaseRequest,
)
from xwhep.protocol.base import Cpu
from xwhep.protocol.jobs import JobSummary, JobsView, JobWork, SubmitJobs
from xwhep.protocol.native import NativeWork
from xwhep.sql.sqlite import open_engine
from xwhep.world import REAL

MessageT = TypeVar("MessageT", bound=BaseModel)
Act = Callable[[Session, NaiveMember], Any]

# --- what is done in a transaction -----------------------------------------------------------------------------------


def submit(session: Session, member: NaiveMember, message: SubmitJobs) -> JobsView:
    """Put jobs into the queue."""
    now, jobs = REAL.now(), []
    for wanted in message.jobs:
        if session.get(NaiveApp, wanted.app_uid) is None:
            raise web.HTTPNotFound
        work = JobWork.model_validate(wanted.model_dump(include=set(JobWork.model_fields))).model_dump(mode="json")
        job = NaiveJob(uid=wanted.uid, owner_uid=member.uid, app_uid=wanted.app_uid, work=work, submitted_at=now)
        session.add(job)
        jobs.append(JobSummary(batch_uid=None, **job.model_dump(exclude={"owner_uid", "work", "attempts"})))
    return JobsView(jobs=jobs)


def lease(session: Session, member: NaiveMember, message: LeaseRequest) -> LeaseReply[NativeWork]:
    """Give a host the oldest job that it can run."""
    found = session.exec(
        select(NaiveJob, NaiveApp)
        .join(NaiveApp, col(NaiveApp.uid) == col(NaiveJob.app_uid))
        .where(
            NaiveJob.status == Status.PENDING,
            NaiveApp.os == message.os,
            col(NaiveApp.cpu).in_([message.cpu, Cpu.ANY]),
        )
        .order_by(col(NaiveJob.submitted_at))
        .limit(1)
    ).first()
    if found is None:
        return LeaseReply[NativeWork]()
    job, app = found
    job.status, job.attempts = Status.RUNNING, job.attempts + 1
    ends_at = REAL.now() + timedelta(seconds=LEASE_S)
    session.add(NaiveAttempt(job_uid=job.uid, number=job.attempts, host_uid=member.uid, lease_ends_at=ends_at))
    work = NativeWork(program=app.blob, entry=app.entry, limits=Limits(), **job.work)
    given = Lease[NativeWork](
        job_uid=job.uid, attempt=job.attempts, lease_s=LEASE_S, heartbeat_s=HEARTBEAT_S, work=work
    )
    return LeaseReply[NativeWork](lease=given)


def heartbeat(session: Session, member: NaiveMember, message: Heartbeat) -> HeartbeatReply:
    """Prolong the leases of attempts, and keep how far they are."""
    stop = []
    for progress in message.attempts:
        attempt = session.get(NaiveAttempt, (progress.job_uid, progress.attempt))
        if attempt is None or attempt.host_uid != member.uid or attempt.status is not AttemptStatus.LEASED:
            stop.append(AttemptRef(job_uid=progress.job_uid, attempt=progress.attempt))
            continue
        attempt.fraction = progress.fraction
        attempt.lease_ends_at = REAL.now() + timedelta(seconds=LEASE_S)
    return HeartbeatReply(stop=stop)


def upload(
    session: Session, member: NaiveMember, ref: tuple[UUID, int], digest: str, file: Path, content: bytes
) -> None:
    """Keep an output's content."""
    _live(session, member, ref)
    if hashlib.sha256(content).hexdigest() != digest:
        raise web.HTTPUnprocessableEntity
    replace_file(file, content)
    session.add(NaiveUpload(job_uid=ref[0], attempt=ref[1], digest=digest, size_bytes=len(content)))


def finish(session: Session, member: NaiveMember, ref: tuple[UUID, int], message: FinishAttempt) -> AttemptReply:
    """End an attempt and its job."""
    attempt, now = _live(session, member, ref), REAL.now()
    for output in message.outputs:
        if session.get(NaiveUpload, (*ref, output.digest)) is None:
            raise web.HTTPUnprocessableEntity
        session.add(NaiveOutput(job_uid=ref[0], attempt=ref[1], **output.model_dump()))
    attempt.status, attempt.ended_at, attempt.exit_status = AttemptStatus.FINISHED, now, message.exit_status
    job = session.get_one(NaiveJob, attempt.job_uid)
    job.status, job.ended_at = Status.COMPLETED, now
    return AttemptReply(status=attempt.status)


def _live(session: Session, member: NaiveMember, ref: tuple[UUID, int]) -> NaiveAttempt:
    attempt = session.get(NaiveAttempt, ref)
    if attempt is None or attempt.host_uid != member.uid or attempt.status is not AttemptStatus.LEASED:
        raise web.HTTPConflict
    return attempt


# --- requests --------------------------------------------------------------------------------------------------------


class NaiveDispatcher:
    """The routes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._engine = open_engine(folder / DATABASE)
        self._thread = ThreadPoolExecutor(1)  # SQLite has one writer, and every request here writes

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_post("/v1/jobs", self.taking(SubmitJobs, submit, is_host=False, status=201))
        app.router.add_post("/v1/leases", self.taking(LeaseRequest, lease))
        app.router.add_post("/v1/heartbeats", self.taking(Heartbeat, heartbeat))
        app.router.add_put("/v1/attempts/{job}/{number}/blobs/{digest}", self.store)
        app.router.add_post("/v1/attempts/{job}/{number}/finish", self.finish)
        return app

    def taking(
        self,
        shape: type[MessageT],
        act: Callable[[Session, NaiveMember, MessageT], BaseModel],
        *,
        is_host: bool = True,
        status: int = 200,
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return the handler of a request with a message."""

        async def handle(request: web.Request) -> web.Response:
            message = shape.model_validate_json(await request.read())
            reply = await self._run(request, lambda session, member: act(session, member, message), is_host=is_host)
            return web.json_response(text=reply.model_dump_json(), status=status)

        return handle

    async def store(self, request: web.Request) -> web.Response:
        """Take an output's content."""
        content, digest = await request.read(), request.match_info["digest"]
        file = self._folder / digest
        await self._run(request, partial(upload, ref=_ref(request), digest=digest, file=file, content=content))
        return web.Response(status=204)

    async def finish(self, request: web.Request) -> web.Response:
        """Take an attempt's end."""
        message = FinishAttempt.model_validate_json(await request.read())
        reply = await self._run(request, partial(finish, ref=_ref(request), message=message))
        return web.json_response(text=reply.model_dump_json())

    async def _run(self, request: web.Request, act: Act, *, is_host: bool = True) -> Any:
        transport = request.transport
        der = None if transport is None else transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if der is None:
            raise web.HTTPUnauthorized
        transaction = partial(self._transaction, der, act, is_host=is_host)
        return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)

    def _transaction(self, der: bytes, act: Act, *, is_host: bool) -> Any:
        with Session(self._engine) as session:
            member = session.get(NaiveMember, fingerprint(der))
            if member is None or member.is_host is not is_host:
                raise web.HTTPForbidden
            reply = act(session, member)
            session.commit()
            return reply


def _ref(request: web.Request) -> tuple[UUID, int]:
    return UUID(request.match_info["job"]), int(request.match_info["number"])


async def serve(folder: Path, installation: Installation) -> None:
    """Serve until killed."""
    authorities = parse_bundle((installation.ca / "ca.pem").read_bytes())
    context = server_context(installation.server / "cert.pem", installation.server / "key.pem", authorities)
    runner = web.AppRunner(NaiveDispatcher(folder).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[3])})
    with asyncio.Runner(loop_factory=new_event_loop) as loop:  # the same loop as the real dispatcher's
        loop.run(serve(Path(sys.argv[1]), Installation(Path(sys.argv[2]))))
