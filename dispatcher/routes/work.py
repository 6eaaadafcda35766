"""Routes of hosts: polls, heartbeats, content of live attempts, results."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from aiohttp import web

from dispatcher import exchanges, polls
from dispatcher.routes import content
from dispatcher.routes.door import CONTENT, Call, Route, render, serve
from dispatcher.scheduling.polling import next_wait_s
from dispatcher.usecases import leasing, reports, results
from dispatcher.usecases.giving import Asker
from xwhep.errors.requests import InvalidFieldError
from xwhep.ids import parse_uid
from xwhep.protocol.attempts import (
    MAX_EXCHANGE_BYTES,
    MAX_FINISH_BYTES,
    AttemptReply,
    Exchange,
    ExchangeReply,
    FinishAttempt,
    Heartbeat,
    HeartbeatReply,
    LeaseReply,
    LeaseRequest,
    Report,
    Work,
)
from xwhep.rights import HOSTS

TABLE: list[Route] = []


@serve(TABLE, "POST", "/v1/leases", HOSTS, takes=LeaseRequest, gives=LeaseReply[Work], waits=True)
async def poll(call: Call) -> web.Response:
    """Give the host work, at once or as soon as there is some."""
    message: LeaseRequest = await call.body(LeaseRequest)
    call.services.heard.note_host(call.caller.uid, call.services.now())
    asker = Asker.of(call.services.kinds, call.caller, message)
    leases = await polls.wait_for_leases(call.services, asker, is_connected=lambda: call.is_connected)
    wait_s = next_wait_s(len(call.services.waiters), call.services.world.chance())
    return render(LeaseReply[Work](lease=leases[0] if leases else None, wait_s=wait_s))


@serve(TABLE, "POST", "/v1/exchange", HOSTS, takes=Exchange[Report], gives=ExchangeReply[Work])
async def exchange(call: Call) -> web.Response:
    """Take all that the host says of its attempts, and give it work if it asks."""
    services = call.services
    message: Exchange[Any] = await call.body(services.kinds.exchange(), MAX_EXCHANGE_BYTES)
    reply = await exchanges.answer(services, call.caller, message, is_connected=lambda: call.is_connected)
    return render(reply)


@serve(TABLE, "POST", "/v1/heartbeats", HOSTS, takes=Heartbeat, gives=HeartbeatReply)
async def heartbeat(call: Call) -> web.Response:
    """Prolong the host's leases; it is written down with those of all hosts, every few seconds."""
    message: Heartbeat = await call.body(Heartbeat)
    live, stop = call.services.database.glance(leasing.sorted_out, call.caller, message.attempts)
    call.services.heard.note(call.caller.uid, live, call.services.now())
    return render(HeartbeatReply(stop=stop))


@serve(TABLE, "GET", "/v1/attempts/{job}/{number}/blobs/{digest}", HOSTS, gives=CONTENT)
async def send_content(call: Call) -> web.StreamResponse:
    """Return content that a live attempt of the host names."""
    digest = _digest(call)
    await call.services.database.read(results.check_readable, call.services.kinds, call.caller, _attempt(call), digest)
    return await content.send(call, digest)


@serve(TABLE, "PUT", "/v1/attempts/{job}/{number}/blobs/{digest}", HOSTS, takes=CONTENT)
async def store_content(call: Call) -> web.Response:
    """Take content that a live attempt of the host has made."""
    attempt, digest, services = _attempt(call), _digest(call), call.services
    # one at a time, so that the second is judged with the first, before it takes room on the disk
    async with services.uploads.setdefault(attempt, asyncio.Lock()):
        limit_bytes = await services.database.read(results.uploadable, services.kinds, call.caller, attempt, digest)
        size_bytes = content.announced_size(call, limit_bytes)
        await content.receive(call, digest, size_bytes)
        output = digest, size_bytes
        await services.database.run(results.uploaded, services.kinds, call.caller, attempt, output, now=services.now())
    return web.Response(status=204)


@serve(TABLE, "POST", "/v1/attempts/{job}/{number}/reports", HOSTS, takes=Report, gives=AttemptReply)
async def report(call: Call) -> web.Response:
    """Take what a run has found."""
    services, attempt = call.services, _attempt(call)
    message: Report = await call.body(services.kinds.report())
    reply = await services.database.run(
        reports.report, services.kinds, call.caller, attempt, message, now=services.now()
    )
    return render(reply)


@serve(TABLE, "POST", "/v1/attempts/{job}/{number}/finish", HOSTS, takes=FinishAttempt, gives=AttemptReply)
async def finish(call: Call) -> web.Response:
    """End an attempt."""
    message: FinishAttempt = await call.body(FinishAttempt, MAX_FINISH_BYTES)
    attempt, services = _attempt(call), call.services
    reply = await services.database.run(
        results.finish, services.kinds, call.caller, attempt, message, now=services.now()
    )
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
