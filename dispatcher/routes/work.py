"""Routes of hosts: polls, heartbeats, content of live attempts, results."""

from __future__ import annotations

import asyncio
from uuid import UUID

from aiohttp import web

from dispatcher.routes import content
from dispatcher.routes.door import CONTENT, Call, Route, render, serve
from dispatcher.scheduling.matching import Profile
from dispatcher.usecases import leasing, results
from dispatcher.wakeups import Waiter
from xwhep.errors.jobs import ProtocolTooOldError
from xwhep.errors.requests import InvalidFieldError
from xwhep.ids import parse_uid
from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import (
    MAX_FINISH_BYTES,
    OLDEST_PROTOCOL,
    AttemptReply,
    FinishAttempt,
    Heartbeat,
    HeartbeatReply,
    Lease,
    LeaseReply,
    LeaseRequest,
    ReportHit,
)
from xwhep.rights import HOSTS

TABLE: list[Route] = []


@serve(TABLE, "POST", "/v1/leases", HOSTS, takes=LeaseRequest, gives=LeaseReply, waits=True)
async def poll(call: Call) -> web.Response:
    """Give the host work, at once or as soon as there is some."""
    message: LeaseRequest = await call.body(LeaseRequest)
    if message.protocol < OLDEST_PROTOCOL:
        raise ProtocolTooOldError(message.protocol, OLDEST_PROTOCOL)
    call.services.heard.note_host(call.caller.uid, call.services.now())
    return render(LeaseReply(lease=await _wait_for_lease(call, message)))


async def _wait_for_lease(call: Call, message: LeaseRequest) -> Lease | None:
    """Return a lease as soon as something fits; None when the time is up, the host is gone or the dispatcher stops."""
    deadline = asyncio.get_running_loop().time() + message.wait_s
    waiters, lease = call.services.waiters, None
    waiter, used = waiters.enter(), Waiter()
    try:
        while call.is_connected and (lease := await _lease(call, message)) is None and not waiters.closed:
            waiters.pass_on(used)  # what woke us fits somebody else, if anybody
            async with asyncio.timeout_at(deadline):
                await waiter.woken.wait()
            waiter, used = waiters.enter(), waiter  # before looking again, or news may be missed
    except TimeoutError:
        pass
    finally:
        waiters.leave(waiter)
        waiters.pass_on(waiter)
        if lease is None:
            waiters.pass_on(used)
    return lease


async def _lease(call: Call, message: LeaseRequest) -> Lease | None:
    """Look first, which costs no commit; lease only what is there."""
    database, now = call.services.database, call.services.now()
    profile = Profile(message.kinds, message.os, message.cpu, message.forms)
    if await database.read(leasing.offer, call.caller.uid, profile, now=now) is None:
        return None
    return await database.run(leasing.lease, call.caller, message, now=now)


@serve(TABLE, "POST", "/v1/heartbeats", HOSTS, takes=Heartbeat, gives=HeartbeatReply)
async def heartbeat(call: Call) -> web.Response:
    """Prolong the host's leases; it is written down with those of all hosts, every few seconds."""
    message: Heartbeat = await call.body(Heartbeat)
    live, stop = await call.services.database.read(leasing.sorted_out, call.caller, message.attempts)
    call.services.heard.note(call.caller.uid, live, call.services.now())
    return render(HeartbeatReply(stop=stop))


@serve(TABLE, "GET", "/v1/attempts/{job}/{number}/blobs/{digest}", HOSTS, gives=CONTENT)
async def send_content(call: Call) -> web.StreamResponse:
    """Return content that a live attempt of the host names."""
    digest = _digest(call)
    await call.services.database.read(results.check_readable, call.caller, *_attempt(call), digest)
    return content.send(call, digest)


@serve(TABLE, "PUT", "/v1/attempts/{job}/{number}/blobs/{digest}", HOSTS, takes=CONTENT)
async def store_content(call: Call) -> web.Response:
    """Take content that a live attempt of the host has made."""
    attempt, digest, services = _attempt(call), _digest(call), call.services
    # one at a time, so that the second is judged with the first, before it takes room on the disk
    async with services.uploads.setdefault(attempt, asyncio.Lock()):
        limit_bytes = await services.database.read(results.uploadable, call.caller, *attempt, digest)
        size_bytes = content.announced_size(call, limit_bytes)
        await content.receive(call, digest, size_bytes)
        await services.database.run(results.uploaded, call.caller, *attempt, (digest, size_bytes), now=services.now())
    return web.Response(status=204)


@serve(TABLE, "POST", "/v1/attempts/{job}/{number}/hits", HOSTS, takes=ReportHit, gives=AttemptReply)
async def report_hit(call: Call) -> web.Response:
    """Take a hit of a search."""
    message: ReportHit = await call.body(ReportHit)
    attempt, services = _attempt(call), call.services
    return render(await services.database.run(results.report_hit, call.caller, *attempt, message, now=services.now()))


@serve(TABLE, "POST", "/v1/attempts/{job}/{number}/finish", HOSTS, takes=FinishAttempt, gives=AttemptReply)
async def finish(call: Call) -> web.Response:
    """End an attempt."""
    message: FinishAttempt = await call.body(FinishAttempt, MAX_FINISH_BYTES)
    attempt, services = _attempt(call), call.services
    reply = await services.database.run(results.finish, call.caller, *attempt, message, now=services.now())
    if reply.status is AttemptStatus.LOST:
        services.waiters.wake(1)
    return render(reply)


def _attempt(call: Call) -> tuple[UUID, int]:
    number = call.part("number")
    if not number.isascii() or not number.isdigit() or len(number) > 7:
        raise InvalidFieldError("number", "an attempt has a number from 1")
    return parse_uid(call.part("job"), "job"), int(number)


def _digest(call: Call) -> str:
    digest = call.part("digest")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise InvalidFieldError("digest", "a digest is the SHA-256, 64 digits of lower-case hexadecimal")
    return digest
