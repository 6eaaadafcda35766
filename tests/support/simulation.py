"""A grid in simulated time: the dispatcher's use cases and housekeeping, and workers' agents, in one thread.

The event loop's clock jumps to the next timer, so that hours pass in seconds, and nothing happens in another thread.
All chance comes from one seed: the same seed gives the same story. Between dispatcher and workers there is a wire that
loses messages; sleeping runners stand in for programs.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from dispatcher import authority, exchanges
from dispatcher.housekeeping import keep_certificate, keep_following_up, keep_leases, keep_store
from dispatcher.parsing import validated
from dispatcher.services import Services
from dispatcher.storage.blobs import BlobStore
from dispatcher.usecases import results
from tests.support.desk import START, Desk, opened
from tests.support.kinds import KINDS, NATIVE, VANITY
from tests.support.leases import first_hit
from worker.agent import events
from worker.agent.bounds import Bounds
from worker.agent.decisions import Agent
from worker.cache import Cache
from worker.config import WorkerSettings
from worker.runs.contract import Assignment, Runner
from worker.runs.registry import Runners
from worker.shell import Shell
from worker.spool import Spool
from worker.trouble import Mailbox
from xwhep.client.connection import Connection
from xwhep.client.host import HEARTBEAT_ANSWER_S, HostClient
from xwhep.errors.jobs import UnavailableError
from xwhep.pki.contexts import server_context, unverified_context
from xwhep.protocol.attempts import Exchange, ExchangeReply, FinishAttempt, Outcome, ProgressFields, Work
from xwhep.protocol.base import Details
from xwhep.protocol.jobs import Output
from xwhep.protocol.native import NativeWork
from xwhep.rights import Caller
from xwhep.vanity.messages import ANY_KERNELS, ReportShare, VanityAbility, VanityWork
from xwhep.vanity.units import keys_of
from xwhep.world import World

T = TypeVar("T")

#: how many messages in a hundred are lost, on each way
LOST: Final = 0.02
#: how long a client waits for an answer that does not come, seconds
PATIENCE_S: Final = 60.0
#: what a simulated processor tries, keys a second: a unit has one step, and lasts about eight minutes
KEYS_PER_S: Final = 100.0


# --- time


class _Selector(selectors.SelectSelector):
    """Waits for nothing: it lets the clock jump."""

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._jump(timeout)
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer."""

    def __init__(self) -> None:
        self._moment = 0.0
        super().__init__(_Selector(self._jump))

    def time(self) -> float:
        return self._moment

    def _jump(self, timeout: float | None) -> None:
        assert timeout is not None, "everything waits for something that will not happen"
        self._moment += timeout

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override] # the library's type has variadics
        """Run at once: time stands still meanwhile."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as failure:  # noqa: BLE001 - as an executor does
            future.set_exception(failure)
        return future


def simulate(story: Callable[[World], Coroutine[Any, Any, T]], seed: int) -> T:
    """Play a story in a world of its own, and return what it returns."""
    chance = random.Random(seed)  # noqa: S311 - a test's own
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        clock = runner.get_loop().time
        world = World(
            now=lambda: START + timedelta(seconds=clock()),
            monotonic=clock,
            chance=chance.random,
            token_bytes=chance.randbytes,
            pause=_never,
        )
        return runner.run(story(world))


def _never(_seconds: float) -> None:
    raise AssertionError("nothing may hold up the only thread")


# --- the dispatcher


class SimulatedDispatcher:
    """A dispatcher without the network, with its housekeeping at the real periods."""

    def __init__(self, desk: Desk, folder: Path, world: World) -> None:
        desk.database.close()
        desk.database = opened(desk.file, threaded=False)
        ca = authority.create(world.new_uid(), world.now())
        self.services = Services(desk.database, BlobStore(folder / "blobs"), ca, KINDS, world=world)
        self._folder = folder / "server"
        desk.database.announce_to(self.services.waiters.wake)

    def housekeeping(self) -> list[Coroutine[Any, Any, None]]:
        """Return what the dispatcher does by itself."""
        names, services = ["localhost"], self.services
        services.authority.ensure_server_certificate(self._folder, names, services.now())
        context = server_context(self._folder / "cert.pem", self._folder / "key.pem", services.authority.cas)
        return [
            keep_leases(services),
            keep_following_up(services),
            keep_store(services),
            keep_certificate(services, context, self._folder, names),
        ]


@dataclass
class Wire(HostClient):
    """A host's way to the dispatcher: it takes time, loses messages, and may be cut."""

    dispatcher: SimulatedDispatcher
    caller: Caller
    kinds: Runners
    cut: bool = False
    delivered: set[tuple[UUID, int]] = field(default_factory=set)  #: attempts that the host knows of

    def __post_init__(self) -> None:
        HostClient.__init__(self, Connection("https://127.0.0.1:1", unverified_context()), self.kinds.work)
        self.services = self.dispatcher.services
        self.world = self.services.world

    async def _way(self, patience_s: float) -> None:
        await self.world.sleep(0.01 + 0.2 * self.world.chance())
        if self.cut or self.world.chance() < LOST:
            await self.world.sleep(patience_s)
            raise UnavailableError("a message was lost")

    async def _carry(self, answer: Callable[[], Awaitable[T]], patience_s: float = PATIENCE_S) -> T:
        await self._way(patience_s)
        reply = await answer()
        await self._way(patience_s)
        return reply

    async def exchange(self, exchange: Exchange[Any]) -> ExchangeReply[Any]:
        raw = exchange.model_dump_json(exclude_none=True).encode()

        async def answer() -> ExchangeReply[Work]:
            message = validated(KINDS.exchange(), raw)
            return await exchanges.answer(self.services, self.caller, message, is_connected=lambda: not self.cut)

        reply = await self._carry(answer, HEARTBEAT_ANSWER_S if exchange.progress else PATIENCE_S)
        self.delivered |= {(lease.job_uid, lease.attempt) for lease in reply.leases}
        return self._exchange_reply.model_validate_json(reply.model_dump_json())

    async def store(self, job_uid: UUID, attempt: int, output: Output, file: Path) -> None:
        ref, content = (job_uid, attempt), (output.digest, output.size_bytes)

        async def chunks() -> AsyncIterator[bytes]:
            yield await asyncio.to_thread(file.read_bytes)

        async def answer() -> None:
            database, services = self.services.database, self.services
            await database.read(results.uploadable, KINDS, self.caller, ref, output.digest)
            await services.blobs.receive(chunks(), *content)
            await database.run(results.uploaded, KINDS, self.caller, ref, content, now=services.now())

        await self._carry(answer)


# --- a worker


class SleepingProgram(Runner[NativeWork]):
    """Stands in for a program: it lasts as many seconds as its first argument says, and fails if its second says so."""

    name = NATIVE
    work = NativeWork
    world: World

    async def probe(self) -> None:
        """There is nothing to try."""

    async def run(self, assignment: Assignment[NativeWork]) -> FinishAttempt:
        seconds, *rest = assignment.lease.work.arguments
        await self.world.sleep(float(seconds))
        if rest:
            return FinishAttempt(outcome=Outcome.FAILED, exit_status=1, reason="it failed")
        printed = f"after {seconds} s".encode()
        (assignment.place.run / "stdout").write_bytes(printed)
        digest = hashlib.sha256(printed).hexdigest()
        output = Output(name="stdout", digest=digest, size_bytes=len(printed))
        return FinishAttempt(outcome=Outcome.FINISHED, exit_status=0, outputs=[output])


class SleepingSearch(Runner[VanityWork]):
    """Stands in for a search: it tries keys at a rate, and finds one where the pattern is easy."""

    name = VANITY
    work = VanityWork
    report = ReportShare
    world: World

    async def probe(self) -> None:
        """There is nothing to try."""

    def ability(self) -> Details:
        return VanityAbility(forms=ANY_KERNELS, keys_per_s=KEYS_PER_S).model_dump(mode="json")

    async def run(self, assignment: Assignment[VanityWork]) -> FinishAttempt:
        work, keys = assignment.lease.work, 0
        if work.target().chance > 1 / 1000:
            await self.world.sleep(5)
            await assignment.sink.report(first_hit(work))
        total = keys_of(work.steps, plain=False)
        while keys < total:
            await self.world.sleep(10)
            keys = min(total, keys + round(10 * KEYS_PER_S))
            assignment.sink.progress(ProgressFields(amount=keys, amount_per_s=KEYS_PER_S))
        return FinishAttempt(outcome=Outcome.FINISHED, amount=total)


class SimulatedWorker:
    """A worker without its process: the real agent, shell and disk."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self.wire, self._folder, self._world = wire, folder, wire.world
        self._mailbox = Mailbox(wire.world)
        traits = {name: runner.traits() for name, runner in wire.kinds.items()}
        self.agent = Agent(Bounds(1, traits, 2**30), wire.world.chance)

    async def run(self) -> None:
        """Work for ever."""
        spool, kinds = Spool(self._folder / "attempts", self.wire.kinds), self.wire.kinds
        async with asyncio.TaskGroup() as tasks:
            cache = Cache(self._folder / "cache", 2**30, self._world)
            shell = Shell(self.wire, spool, cache, kinds, self._mailbox, tasks)
            self._mailbox.tell(events.Started, ())
            while True:
                event = await self._next_event()
                shell.perform(self.agent.handle(event))

    async def _next_event(self) -> events.Event:
        at, now = self.agent.wake_at(), self._world.monotonic()
        try:
            async with self._world.timeout(None if at is None else max(0.0, at - now)):
                return await self._mailbox.events.get()
        except TimeoutError:
            return events.TimePassed(self._world.monotonic())


def worker_of(dispatcher: SimulatedDispatcher, caller: Caller, folder: Path) -> SimulatedWorker:
    """Return a worker of one slot for a host of the grid."""
    runners: list[Runner[Any]] = [SleepingProgram(WorkerSettings()), SleepingSearch(WorkerSettings())]
    for runner in runners:
        runner.world = dispatcher.services.world  # type: ignore[attr-defined] # both have it
    kinds = Runners({runner.name: runner for runner in runners})
    return SimulatedWorker(Wire(dispatcher, caller, kinds), folder)
