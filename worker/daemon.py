"""The worker as a process: the loop between agent and shell, its start and its end, and its certificate's renewal."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from typing import Any, Final, TypeVar

from worker.agent import events
from worker.agent.bounds import Bounds
from worker.agent.decisions import Agent
from worker.agent.events import Event, ref_of
from worker.agent.holdings import Phase
from worker.cache import Cache
from worker.config import Folders, WorkerSettings
from worker.offers import Offer, find_offer
from worker.runs.registry import load
from worker.shell import LiveAttempt, Shell
from worker.spool import Spool
from worker.status import RunView, WorkerStatus, write_status
from worker.trouble import Mailbox, is_fatal
from xwhep.client.connection import Connection
from xwhep.client.enrolment import renew
from xwhep.client.host import HostClient
from xwhep.errors.base import XwhepError
from xwhep.errors.machines import NothingToRunError
from xwhep.lock import hold
from xwhep.pki.certificates import due_for_renewal
from xwhep.pki.contexts import client_context, show_renewed
from xwhep.pki.identity import Identity, load_identity
from xwhep.world import REAL, World

log = logging.getLogger(__name__)

T = TypeVar("T")

JOIN_COMMAND: Final = "xwhep-worker join"
RENEWAL_CHECK_S: Final = 3600.0
#: how often the worker looks whether it is paused, seconds
PAUSE_CHECK_S: Final = 0.2
#: the least time between two writings of the status file, seconds
STATUS_PAUSE_S: Final = 0.5


async def serve(settings: WorkerSettings, folders: Folders, world: World = REAL) -> None:
    """Run the worker until it is stopped by a signal.

    Raises:
        ConfigurationError: the settings name a kind of app that there is not.
        AlreadyRunningError: another worker runs with these folders.
        NothingToRunError: this machine can run no kind of app.
        XwhepError: the dispatcher refuses this worker for good, or there is no identity.
    """
    identity = load_identity(folders.identity, JOIN_COMMAND)
    kinds = load(settings)
    with hold(folders.lock, "a worker"):
        log.info("host %s (%s) of the grid at %s", identity.name, identity.member.uid, identity.dispatcher)
        offer = await _unless_stopped(find_offer(kinds))
        if offer is None:
            return
        if not offer.usable:
            raise NothingToRunError
        identity = await _renew_if_due(identity, world)
        await Daemon(settings, folders, identity, offer, world).run()


class Daemon:
    """One worker from its start to its end."""

    def __init__(
        self, settings: WorkerSettings, folders: Folders, identity: Identity, offer: Offer, world: World = REAL
    ) -> None:
        self._settings = settings
        self._folders = folders
        self._identity = identity
        self._world = world
        self._kinds = offer.kinds
        usable = {name: self._kinds[name].traits() for name in offer.usable}
        self._agent = Agent(Bounds(settings.slots, usable, settings.spool_bytes), world.chance)
        self._mailbox = Mailbox(world)
        self._deadline: float | None = None  #: when stopping must be over
        self._was_away = False
        self._status_at = 0.0  #: when the status file may be written again
        self._is_status_old = False

    async def run(self) -> None:
        """Work until told to stop.

        Raises:
            XwhepError: the dispatcher refuses this worker for good.
        """
        spool = Spool(self._folders.attempts, self._kinds)
        kept = await asyncio.to_thread(spool.recover, self._world.now())
        self._tell_kept(kept)
        cache = Cache(self._folders.cache, self._settings.cache_bytes, self._world)
        context = client_context(self._identity)
        with _signals(self.stop):
            async with (
                Connection(self._identity.dispatcher, context, world=self._world) as connection,
                asyncio.TaskGroup() as tasks,
            ):
                client = HostClient(connection, self._kinds.work)
                shell = Shell(client, spool, cache, self._kinds, self._mailbox, tasks)
                others = [tasks.create_task(work) for work in (self._keep_certificate(context), self._heed_pauses())]
                self._mailbox.tell(events.Started, kept)
                await self._loop(shell)
                for task in others:
                    task.cancel()
                shell.close()
        self._folders.status.unlink(missing_ok=True)
        if self._mailbox.fatal is not None:
            raise self._mailbox.fatal
        log.info("stopped; %s results are kept for the next start", len(self._agent.held))

    def stop(self) -> None:
        """Stop in good order; the second time, at once."""
        if self._deadline is None:
            log.info("stopping and giving back what runs; once more stops at once")
            self._deadline = self._world.monotonic() + self._settings.stop_s
            self._mailbox.tell(events.ShutdownRequested)
        else:
            self._deadline = 0.0
            self._mailbox.tell(events.TimePassed)

    async def _loop(self, shell: Shell) -> None:
        while not self._is_over():
            event = await self._next_event(is_busy=bool(shell.runs))
            shell.perform(self._agent.handle(event))
            self._tell_people(shell)

    def _is_over(self) -> bool:
        overdue = self._deadline is not None and self._world.monotonic() >= self._deadline
        return self._agent.is_done() or overdue or self._mailbox.fatal is not None

    async def _next_event(self, *, is_busy: bool) -> Event:
        looked_at = self._status_at if is_busy or self._is_status_old else None
        times = [moment for moment in (self._agent.wake_at(), self._deadline, looked_at) if moment is not None]
        timeout_s = max(0.0, min(times) - self._world.monotonic()) if times else None
        try:
            async with self._world.timeout(timeout_s):
                return await self._mailbox.events.get()
        except TimeoutError:
            return events.TimePassed(self._world.monotonic())

    async def _heed_pauses(self) -> None:
        """Look again and again whether the volunteer has paused the worker."""
        was_on = False
        while True:
            is_on = await asyncio.to_thread(self._folders.paused.exists)
            if is_on is not was_on:
                was_on = is_on
                log.info("paused; `xwhep-worker resume` lets it go on" if is_on else "no longer paused")
                self._mailbox.tell(events.Paused, is_on)
            await self._world.sleep(PAUSE_CHECK_S)

    # --- for people

    @staticmethod
    def _tell_kept(kept: tuple[events.Kept, ...]) -> None:
        interrupted = sum(one.lease is not None for one in kept)
        if interrupted:
            log.info("%s jobs of an earlier run go on where they were, if their leases have held", interrupted)
        if len(kept) > interrupted:
            log.info("%s results of an earlier run are delivered first", len(kept) - interrupted)

    def _tell_people(self, shell: Shell) -> None:
        away = self._agent.is_away()
        if away != self._was_away:
            self._was_away = away
            log.info("the dispatcher is away; results are kept" if away else "the dispatcher is there again")
        self._is_status_old = self._world.monotonic() < self._status_at
        if not self._is_status_old:
            self._status_at = self._world.monotonic() + STATUS_PAUSE_S
            with suppress(OSError):  # a full disk shows elsewhere
                write_status(self._folders.status, self._status(shell))

    def _status(self, shell: Shell) -> WorkerStatus:
        return WorkerStatus(
            pid=os.getpid(),
            dispatcher=self._identity.dispatcher,
            host_uid=self._identity.member.uid,
            name=self._identity.name,
            connected=not self._agent.is_away(),
            stopping=self._agent.stopping,
            paused=self._agent.bounds.paused,
            slots=self._settings.slots,
            kinds={name: self._kinds[name].facts() for name in sorted(self._agent.bounds.kinds)},
            running=[self._view(live) for live in shell.runs.values()],
            undelivered=sum(held.phase is Phase.ENDED for held in self._agent.held.values()),
            updated_at=self._world.now(),
        )

    def _view(self, live: LiveAttempt) -> RunView:
        ref, runner = ref_of(live.lease), self._kinds[live.lease.work.kind]
        return RunView(
            job_uid=ref.job_uid,
            attempt=ref.attempt,
            kind=runner.name,
            measure=runner.measure,
            **live.latest.model_dump(),
        )

    # --- the certificate

    async def _keep_certificate(self, context: ssl.SSLContext) -> None:
        """Renew the certificate when it is time, also when that may be why the dispatcher does not answer."""
        while True:
            self._mailbox.unreachable.clear()
            with suppress(TimeoutError):
                async with self._world.timeout(RENEWAL_CHECK_S):
                    await self._mailbox.unreachable.wait()
            try:
                renewed = await _renew_if_due(self._identity, self._world)
            except XwhepError as error:
                self._mailbox.fatal = error
                self._mailbox.tell(events.TimePassed)
                return
            if renewed is not self._identity:
                self._identity = renewed
                show_renewed(context, renewed)
            await self._world.sleep(1)  # while the dispatcher is away this is asked often


async def _unless_stopped(work: Coroutine[Any, Any, T]) -> T | None:
    """Do what comes before the loop; None when a signal ended it, and the processes that it had started are gone."""
    task = asyncio.create_task(work)
    with _signals(task.cancel):
        await asyncio.wait([task])
    if task.cancelled():
        log.info("stopped before the first job")
        return None
    return task.result()


async def _renew_if_due(identity: Identity, world: World) -> Identity:
    """Return the identity, renewed if a third of its life is over and the dispatcher can be reached.

    Raises:
        XwhepError: the dispatcher refuses to renew it, for good.
    """
    if not due_for_renewal(identity.certificate, world.now()):
        return identity
    try:
        renewed = await renew(identity, world)
    except XwhepError as error:
        if is_fatal(error):
            raise
        log.warning("the certificate could not be renewed: %s", error)
        return identity
    log.info("the certificate was renewed; it ends on %s", f"{renewed.ends_at:%Y-%m-%d}")
    return renewed


def _signals(stop: Any) -> ExitStack:
    """Call `stop` on SIGINT and SIGTERM, inside the event loop, until the stack is closed."""
    loop, stack = asyncio.get_running_loop(), ExitStack()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop)
            stack.callback(loop.remove_signal_handler, number)
        except NotImplementedError:  # Windows
            before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
            stack.callback(signal.signal, number, before)
    return stack
