"""The load under which a dispatcher is killed: users and hosts that go on after each kill as real ones do.

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
from tests.crash.history import (
    Beat,
    Content,
    Exchanged,
    Finish,
    Given,
    History,
    Poll,
    Record,
    Ref,
    Request,
    Submit,
    Upload,
    given,
    parts_of,
)
from xwhep.ids import uuid7
from xwhep.protocol.attempts import MAX_SMALL_BYTES, Outcome
from xwhep.world import REAL

#: the outcomes that hosts report, and their weights
OUTCOMES: Final = {Outcome.FINISHED: 8, Outcome.LOST: 1, Outcome.FAILED: 1}
#: bytes of an output, and their weights; the dispatcher takes many reads for the largest
SIZES: Final = {6: 10, 2_000: 5, 200_000: 1}
MOST_JOBS: Final = 4  #: of a submission
#: jobs that wait at once in a life, beyond those that waited at its start
ROOM: Final = 64
#: seconds that a poll is held open
WAIT_S: Final = 1.0
#: the part of the unanswered requests that clients do not send again
GIVES_UP: Final = 0.3
#: how often a host that reports an end asks for more in the same exchange
ASKS_AT_ONCE: Final = 0.7
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
        if not isinstance(record.request, Poll | Beat):
            self.last = record.request


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


@dataclass(slots=True, eq=False)
class Host(Client):
    """Leases jobs, one at a time, and brings their results."""

    by_exchange: bool = field(default=False, kw_only=True)  #: as workers do; the others are older
    held: Ref | None = field(default=None, init=False)
    is_begun: bool = field(default=False, init=False)  #: a heartbeat was sent
    uploads_wanted: int = field(default=0, init=False)
    uploaded: list[Content] = field(default_factory=list, init=False)
    inside: list[bytes] = field(default_factory=list, init=False)  #: small outputs, which travel with the end

    async def next(self, _life: Life) -> Request:
        """Return the next request of a host's life."""
        request = self.unfinished()
        if isinstance(request, Exchanged) and request.end is not None and self.chance.random() < ASKS_AT_ONCE:
            return replace(request, ask=self.lease())
        if request is not None:
            return request
        return Exchanged(self.uid, ask=self.lease()) if self.by_exchange else self.lease()

    def unfinished(self) -> Request | None:
        """Return the next request for the attempt that is held."""
        if self.held is None:
            return None
        if not self.is_begun:
            beat = self.heartbeat(self.held)
            return Exchanged(self.uid, progress=beat) if self.by_exchange else beat
        while len(self.uploaded) + len(self.inside) < self.uploads_wanted:
            upload = self.upload(self.held)
            if not self.by_exchange or len(upload.body) > MAX_SMALL_BYTES:
                return upload
            self.inside.append(upload.body)
        end = self.finish(self.held)
        if not self.by_exchange:
            return end
        contents = () if end.outcome is Outcome.LOST else tuple(self.inside)
        return Exchanged(self.uid, end=end, contents=contents)

    def lease(self) -> Poll:
        """Ask for work."""
        return Poll(self.uid, WAIT_S)

    def heartbeat(self, attempt: Ref) -> Beat:
        """Say how far the attempt is."""
        return Beat(self.uid, attempt, round(self.chance.random(), 3))

    def upload(self, attempt: Ref) -> Upload:
        """Upload an output."""
        body = self.chance.randbytes(self.chance.choices(list(SIZES), list(SIZES.values()))[0])
        return Upload(self.uid, attempt, Content.of(body), body)

    def finish(self, attempt: Ref) -> Finish:
        """End the attempt, with its outputs."""
        outcome = self.chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
        contents = [*self.uploaded, *map(Content.of, self.inside)]
        outputs = tuple((f"out/{number}", content) for number, content in enumerate(contents))
        return Finish(self.uid, attempt, outcome, () if outcome is Outcome.LOST else outputs)

    def take(self, record: Record) -> None:
        """Take an answer in."""
        before = self.last
        Client.take(self, record)  # `super()` does not know classes that slots have made anew
        if isinstance(record.request, Exchanged):  # sent again as it is, it would ask for a second attempt
            self.last = before if record.request.end is None else replace(record.request, ask=None)
        for part in parts_of([record]):
            self._take(part)

    def _take(self, record: Record) -> None:
        match record.request:
            case Poll():
                for lease in given([record]):
                    self._begin(lease)
            case Beat():
                self.is_begun = True
            case Upload(attempt=attempt, content=content) if attempt == self.held and content not in self.uploaded:
                self.uploaded.append(content)
            case Finish(attempt=attempt) if attempt == self.held:
                self.held = None

    def give_up(self) -> None:
        """Forget the unanswered request; if it was the end of an attempt, the attempt may have ended."""
        if isinstance(self.pending, Finish) or (isinstance(self.pending, Exchanged) and self.pending.end is not None):
            self.held, self.last = None, None
        Client.give_up(self)

    def _begin(self, lease: Given) -> None:
        self.held, self.is_begun, self.uploaded, self.inside = lease.attempt, self.chance.random() < 0.5, [], []
        self.uploads_wanted = self.chance.choice([0, 1, 1, 2])


def _only_asks(request: Request) -> bool:
    return isinstance(request, Poll) or (isinstance(request, Exchanged) and request.end is None)


def _parsed(body: bytes) -> Any:
    return json.loads(body) if body else None
