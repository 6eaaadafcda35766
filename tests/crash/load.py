"""The load under which a dispatcher is killed: clients that go on after each kill as real ones do, and users.

Each client has one connection and one request on its way. After a kill it mostly sends an unanswered request again, and
perhaps an answered one: the answer must be the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from tests.bench.wire import Wire
from tests.crash.history import Beat, Exchanged, History, Poll, Record, Request, Submit, given, parts
from xwhep.ids import uuid7
from xwhep.world import REAL

MOST_JOBS: Final = 4  #: of a submission
#: jobs that wait at once in a life, beyond those that waited at its start
ROOM: Final = 64
#: the part of the unanswered requests that clients do not send again
GIVES_UP: Final = 0.3
#: how often a client first sends its last answered request again
AGAIN: Final = 0.5


@dataclass(slots=True)
class Life:
    """What the clients share while one process of the dispatcher lives."""

    number: int
    port: int
    history: History
    answered: Callable[[], None]  #: called after each answer
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ROOM))


@dataclass(slots=True, eq=False)
class Client:
    """A member with one connection."""

    uid: UUID
    context: ssl.SSLContext
    chance: random.Random
    pending: Request | None = field(default=None, init=False)  #: sent and not answered
    last: Request | None = field(
        default=None, init=False
    )  #: the last that was answered and must be answered the same again

    @contextlib.asynccontextmanager
    async def connected(self, life: Life) -> AsyncIterator[Wire]:
        """Return a new connection to the dispatcher."""
        wire = await Wire.open(life.port, self.context)
        try:
            yield wire
        finally:
            wire.abort()

    async def go_on(self, life: Life) -> None:
        """Ask one thing after the other until the connection ends."""
        async with self.connected(life) as wire:
            await self.send_again(wire, life)
            while True:
                await self.ask(wire, life, await self.next(life))

    async def send_again(self, wire: Wire, life: Life) -> None:
        """Send the unanswered request again, unless this client gives up, and perhaps the last answered one."""
        if self.chance.random() < GIVES_UP:
            self.give_up()
        if self.pending is not None and not _only_asks(self.pending):
            await self.ask(wire, life, self.pending)
        if self.last is not None and self.chance.random() < AGAIN:
            await self.ask(wire, life, self.last)

    def give_up(self) -> None:
        """Forget the unanswered request: sent again, it would hide that only a part of it was done."""
        self.pending = None

    async def come_to_an_end(self, life: Life, again: Iterable[Request]) -> None:
        """Begin nothing more; send some requests again that were answered once."""
        async with self.connected(life) as wire:
            await self.send_again(wire, life)
            while (request := self.unfinished()) is not None:
                await self.ask(wire, life, request)
            for request in again:
                await self.ask(wire, life, request)

    def unfinished(self) -> Request | None:
        """Return the next request before this client may leave; None: there is none."""
        return None

    async def ask(self, wire: Wire, life: Life, request: Request) -> None:
        """Send a request and take its answer in."""
        if request != self.last:
            self.pending = request
        record = life.history.send(request, life.number)
        message = request.message()
        answer = await wire.ask(message.method, message.path, message.body, expected=range(100, 600))
        life.history.answer(record, answer.status, _parsed(answer.body))
        if self.pending == request:
            self.pending = None
        self.take(record)
        for _ in given([record]):
            life.room.release()
        life.answered()

    async def next(self, life: Life) -> Request:
        """Return the next request."""
        raise NotImplementedError

    def take(self, record: Record) -> None:
        """Take an answer in; that of a request that was sent again too."""
        self.last = _repeatable(record.request) or self.last


@dataclass(slots=True, eq=False)
class User(Client):
    """Submits jobs."""

    app: UUID = field(kw_only=True)

    async def next(self, life: Life) -> Request:
        """Return a submission, once there is room for its jobs."""
        request = self.submit()
        for _ in request.jobs:
            await life.room.acquire()
        return request

    def submit(self) -> Submit:
        """Submit some jobs."""
        jobs = tuple(uuid7(REAL.now(), self.chance.randbytes(10)) for _ in range(self.chance.randint(1, MOST_JOBS)))
        return Submit(self.uid, self.app, jobs)


def _only_asks(request: Request) -> bool:
    return all(isinstance(part, Poll) for part in parts(request))


def _repeatable(request: Request) -> Request | None:
    """Return the part of a request that has the same answer however late it is sent again; None: there is none."""
    match request:
        case Poll() | Beat() | Exchanged(ends=()):
            return None
        case Exchanged():
            return replace(request, ask=None, progress=())
    return request


def _parsed(body: bytes) -> Any:
    return json.loads(body) if body else None
