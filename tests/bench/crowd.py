"""Thousands of workers as the dispatcher sees them: the agents are real and decide when to ask; runs never end.

Many share a few identities, with TLS connections of their own: more members would change nothing but the time that it
takes to let them join.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from dispatcher.listener import raise_descriptors
from tests.bench.dispatcher_grid import LoadedGrid
from tests.bench.wire import Answer, Wire
from worker.agent import events
from worker.agent.bounds import Bounds
from worker.agent.decisions import Agent
from worker.agent.events import Event, Ref
from worker.agent.holdings import Traits
from xwhep.client.connection import TIMEOUT_S
from xwhep.pki.contexts import client_context
from xwhep.protocol.attempts import PROTOCOL, ExchangeReply
from xwhep.protocol.native import NativeWork

#: members that a crowd shares: each may have 1,024 attempts
IDENTITIES: Final = 32
#: addresses of the loopback that a crowd comes from
ADDRESSES: Final = 100
#: connections of a crowd that may begin at the same time: one thread shakes hands for all these machines
OPENING: Final = 256
#: how long a crowd may take to come in, seconds
PATIENCE_S: Final = 420.0
#: what a host says of itself, if nothing else is chosen
LINUX: Final[Mapping[str, object]] = {"os": "linux", "cpu": "x86_64", "kinds": {"native": {}}}


class CrowdHost:
    """One worker with one slot: it polls until it has a job, and then sends heartbeats."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        address: str,
        turns: asyncio.Semaphore,
        able: Mapping[str, object] = LINUX,
    ) -> None:
        self._port, self._context, self._address, self._turns = port, context, address, turns
        self._able = {"protocol": PROTOCOL, **able}
        self._agent = Agent(Bounds(1, {"native": Traits()}, 1 << 30), random.random)
        self._wire: Wire | None = None
        self.is_asking = False  #: whether a poll is under way on an open connection
        self.failures = 0  #: polls and heartbeats without an answer
        self.longest_connect_s = 0.0

    @property
    def is_in(self) -> bool:
        """Whether its connection is open."""
        return self._wire is not None

    @property
    def is_busy(self) -> bool:
        """Whether it has a job."""
        return bool(self._agent.held)

    async def live(self) -> None:
        """Do what the agent says; for ever."""
        event: Event = events.Started(time.monotonic())
        while True:
            event = await self._next_event(self._agent.handle(event))

    def cut(self) -> None:
        """Lose the connection, as when the network fails."""
        if self._wire is not None:
            self._wire.abort()
            self._wire = None

    async def _next_event(self, instructions: list[events.Instruction]) -> Event:
        for instruction in instructions:
            match instruction:
                case events.Poll(wait_s=wait_s):
                    return await self._poll(wait_s)
                case events.SendHeartbeat(refs):
                    return await self._beat(refs)
                case _:
                    continue  # its one run goes on
        wake_at = self._agent.wake_at()
        await asyncio.sleep(3600 if wake_at is None else max(0.0, wake_at - time.monotonic()))
        return events.TimePassed(time.monotonic())

    async def _poll(self, wait_s: float) -> Event:
        reply = await self._exchange({"ask": {**self._able, "wait_s": wait_s}})
        if reply is None:
            return events.PollFailed(time.monotonic())
        return events.PollAnswered(time.monotonic(), tuple(reply.leases), reply.wait_s)

    async def _beat(self, refs: tuple[Ref, ...]) -> Event:
        attempts = [{"job_uid": str(ref.job_uid), "attempt": ref.attempt, "fraction": 0.5} for ref in refs]
        if await self._exchange({"progress": attempts}) is None:
            return events.HeartbeatFailed(time.monotonic())
        return events.HeartbeatAnswered(time.monotonic(), frozenset())

    async def _exchange(self, message: object) -> ExchangeReply[NativeWork] | None:
        answer = await self._asked(message)
        return None if answer is None else ExchangeReply[NativeWork].model_validate_json(answer.body)

    async def _connect(self) -> None:
        began, loop = time.monotonic(), asyncio.get_running_loop()
        source = (self._address, 0)
        async with asyncio.timeout(TIMEOUT_S):
            opened = await loop.create_connection(Wire, "127.0.0.1", self._port, ssl=self._context, local_addr=source)
        self._wire = opened[1]
        self.longest_connect_s = max(self.longest_connect_s, time.monotonic() - began)

    async def _asked(self, message: object) -> Answer | None:
        """Ask on the open connection, or on a new one; None if there is no answer."""
        try:
            if self._wire is None:
                async with self._turns:
                    await self._connect()
            wire, self.is_asking = self._wire, True
            assert wire is not None, "it has just connected"
            answer = await wire.ask("POST", "/v1/exchange", json.dumps(message).encode(), expected=(200, 503))
        except OSError:  # a connection that broke, and TLS's errors and time limits too
            self._wire, answer = None, Answer(503, b"")
        finally:
            self.is_asking = False
        self.failures += answer.status != 200
        return answer if answer.status == 200 else None


class Crowd:
    """All of them."""

    def __init__(self, grid: LoadedGrid, count: int, able: Sequence[Mapping[str, object]] = (LINUX,)) -> None:
        """Prepare so many hosts; what they say of themselves goes round."""
        contexts, turns = [client_context(identity) for identity in grid.hosts], asyncio.Semaphore(OPENING)
        self.hosts = [
            CrowdHost(
                grid.port,
                contexts[number % len(contexts)],
                f"127.0.0.{number % ADDRESSES + 2}",
                turns,
                able[number % len(able)],
            )
            for number in range(count)
        ]

    @property
    def failures(self) -> int:
        """How many requests got no answer."""
        return sum(host.failures for host in self.hosts)

    @property
    def longest_connect_s(self) -> float:
        """How long the last to come in waited for it."""
        return max(host.longest_connect_s for host in self.hosts)

    async def until_all_ask(self) -> None:
        """Return when each has a poll under way, apart from those that rest for a second between two polls."""
        await self._until(lambda: sum(host.is_asking for host in self.hosts) >= 0.99 * len(self.hosts))
        await self._until(lambda: all(host.is_in for host in self.hosts))

    async def until_all_are_busy(self) -> None:
        """Return when each has a job."""
        await self._until(lambda: all(host.is_busy for host in self.hosts))

    def cut_all(self) -> None:
        """Cut all connections at once."""
        for host in self.hosts:
            host.cut()

    def _progress(self) -> str:
        asking = sum(host.is_asking for host in self.hosts)
        busy = sum(host.is_busy for host in self.hosts)
        return f"{asking} ask, {busy} are busy, {self.failures} requests have failed"

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            for tenth in itertools.count():
                if is_so():
                    return
                if tenth % 100 == 99:
                    print(self._progress(), file=sys.stderr)
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def a_crowd(
    grid: LoadedGrid, count: int, able: Sequence[Mapping[str, object]] = (LINUX,)
) -> AsyncIterator[Crowd]:
    """Let so many workers live while the context lasts; all of them poll when it begins.

    What they say of themselves goes round.
    """
    raise_descriptors()
    crowd = Crowd(grid, count, able)
    lives = [asyncio.create_task(host.live()) for host in crowd.hosts]
    try:
        await crowd.until_all_ask()
        yield crowd
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        crowd.cut_all()


async def share_of_core(grid: LoadedGrid, seconds: float) -> float:
    """Return how much of a processor the dispatcher takes during these seconds."""
    began, before_s = time.monotonic(), grid.cpu_s()
    await asyncio.sleep(seconds)
    return (grid.cpu_s() - before_s) / (time.monotonic() - began)
