"""What the worker does next: events in, instructions out.

The agent decides when to poll, to send a heartbeat, to run, to stop, and to deliver; it performs nothing. It knows no
clock (each event brings `now`, seconds of a monotonic clock) and no disk, network or process. Its rules:

* nothing runs of a kind that it did not ask for, whatever the dispatcher says;
* never more runs than slots, and no new work while the results that wait for the dispatcher pass their bound;
* an attempt is held until the dispatcher has acknowledged its reports, and then its end;
* what an earlier worker left goes on where it was, if its kind can, and the first answer tells whether its lease has
  held;
* a lost lease stops its run, and only its reports are still sent: the dispatcher may want them all the same;
* a machine that loses its runs asks for more work only after growing pauses, so that it does not use up many jobs;
* while the dispatcher is away nothing is sent but, after growing pauses, one new try of all that is due;
* who stops tries once more: what a dispatcher that is away does not take stays on the disk for the next start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import singledispatchmethod
from typing import Final

from worker.agent import events
from worker.agent.bounds import Bounds
from worker.agent.events import AnyLease, Cause, Event, Instruction, Ref, ref_of
from worker.agent.holdings import Held, Holdings, Phase
from worker.agent.pauses import LONGEST_TROUBLE_S, Link, Pause
from xwhep.protocol.attempts import HEARTBEAT_S, MAX_REPORTS_AN_EXCHANGE

#: the least time between two polls that brought nothing, seconds
POLL_PAUSE_S: Final = 1.0
#: how often it is written down how far runs are, seconds: half of what a restart may cost of a run, so that a slow
#: disk does not make it more
SAVE_S: Final = 15.0


class Agent:
    """The worker's decisions, within `bounds`; `jitter` gives numbers in [0, 1)."""

    def __init__(self, bounds: Bounds, jitter: Callable[[], float]) -> None:
        self.held = Holdings()
        self.stopping = False
        self.bounds = bounds
        self._asked: frozenset[str] = frozenset()  #: for what the last poll asked
        self._jitter = jitter
        self._link = Link()
        self._trouble = Pause(longest_s=LONGEST_TROUBLE_S)
        self._heartbeat_s = float(HEARTBEAT_S)
        self._heartbeat_at = 0.0
        self._beating = False
        self._save_at = 0.0
        self._poll_at = 0.0
        self._polling = False
        self._instructions: list[Instruction] = []

    def handle(self, event: Event) -> list[Instruction]:
        """Take in what happened; return what to do, in this order."""
        self._instructions = []
        self._on(event)
        self._plan(event.now)
        return self._instructions

    def is_done(self) -> bool:
        """Tell whether a worker that was asked to stop has nothing left to do, or nothing that could be done now."""
        left = self.held.values()
        rests = self._link.gave_up and all(held.phase is Phase.ENDED and not held.sending for held in left)
        return self.stopping and not self._polling and (rests or not left)

    def is_away(self) -> bool:
        """Tell whether the dispatcher could not be reached when last tried."""
        return self._link.is_away()

    def wake_at(self) -> float | None:
        """Return when something becomes due although nothing happens; None when nothing does."""
        times = list(self._times())
        due = [max(min(times), self._link.pause.not_before)] if times else []
        if self.held.saving():
            due.append(self._save_at)
        return min(due, default=None)

    # --- events

    @singledispatchmethod
    def _on(self, event: Event) -> None:
        """Change the state; what follows from the state alone is left to `_plan`."""
        raise TypeError(event)

    @_on.register
    def _time_passed(self, event: events.TimePassed) -> None:
        pass

    @_on.register
    def _started(self, event: events.Started) -> None:
        for kept in event.kept:
            held = Held(Phase.ENDED, reports=list(kept.reports), size_bytes=kept.size_bytes)
            if kept.lease is not None:
                self._go_on(kept, kept.lease, held, event.now)
            self.held[kept.ref] = held

    @_on.register
    def _poll_answered(self, event: events.PollAnswered) -> None:
        self._polling = False
        self._link.answered()
        self.bounds.hear_wait_s(event.next_wait_s)
        if not event.waited:
            self._poll_at = event.now
        for lease in event.leases:
            self._take(lease, event.now)

    @_on.register
    def _poll_failed(self, event: events.PollFailed) -> None:
        self._polling = False
        self.bounds.hear_wait_s(None)
        if not self.stopping:  # a poll that was abandoned says nothing about the dispatcher
            self._miss(event.now, event.retry_after_s)

    @_on.register
    def _heartbeat_answered(self, event: events.HeartbeatAnswered) -> None:
        self._beating = False
        self._link.answered()
        for ref in event.stop & self.held.keys():
            held = self.held[ref]
            if held.phase is Phase.RUNNING:
                self._stop(ref, held, Cause.TAKEN_BACK)
            if held.phase is not Phase.ENDED:  # what has ended is reported: perhaps this crossed its answer
                held.wanted = False

    @_on.register
    def _heartbeat_failed(self, event: events.HeartbeatFailed) -> None:
        self._beating = False
        self._heartbeat_at = event.now
        self._miss(event.now, event.retry_after_s)

    @_on.register
    def _report_made(self, event: events.ReportMade) -> None:
        self.held[event.ref].reports.append(event.number)

    @_on.register
    def _reports_answered(self, event: events.ReportsAnswered) -> None:
        held = self.held[event.ref] if event.rest_fails else self._delivered(event.ref)
        held.reports = [number for number in held.reports if number not in event.numbers]
        if event.over is not None:
            held.wanted = False
            held.reports.clear()  # all of them would be refused
            if held.phase is Phase.RUNNING:
                self._stop(event.ref, held, event.over)

    @_on.register
    def _run_ended(self, event: events.RunEnded) -> None:
        held = self.held[event.ref]
        if event.by_machine and held.phase is Phase.RUNNING:
            self._lengthen(self._trouble, event.now)
        elif not event.by_machine:
            self._trouble.end()
        held.phase = Phase.ENDED
        held.size_bytes = event.size_bytes

    @_on.register
    def _end_answered(self, event: events.EndAnswered) -> None:
        self._delivered(event.ref)
        self._forget(event.ref)

    @_on.register
    def _delivery_failed(self, event: events.DeliveryFailed) -> None:
        self.held[event.ref].sending = False
        self._miss(event.now, event.retry_after_s)

    @_on.register
    def _delivery_postponed(self, event: events.DeliveryPostponed) -> None:
        held = self.held[event.ref]
        held.sending = False
        self._lengthen(held.pause, event.now)

    @_on.register
    def _kind_withdrawn(self, event: events.KindWithdrawn) -> None:
        self.bounds.kinds.pop(event.kind, None)

    @_on.register
    def _paused(self, event: events.Paused) -> None:
        if event.is_on is not self.bounds.paused:
            self.bounds.paused = event.is_on
            if runs := self.held.pausable():
                self._do(events.PauseRuns(runs) if event.is_on else events.ResumeRuns(runs))

    @_on.register
    def _shutdown_requested(self, event: events.ShutdownRequested) -> None:  # noqa: ARG002 - its kind says it all
        self.stopping = True
        self._link.pause.not_before = 0.0
        if self._polling:
            self._do(events.AbandonPoll())
        for ref, held in self.held.items():
            if held.phase is Phase.RUNNING:
                self._stop(ref, held, Cause.SHUTDOWN)

    # --- what follows from the state

    def _plan(self, now: float) -> None:
        self._plan_saving(now)
        for ref, held in list(self.held.items()):
            if held.phase is Phase.ENDED and not held.wanted and not held.reports and not held.sending:
                self._forget(ref)
        if now < self._link.pause.not_before:
            return
        self._plan_deliveries(now)
        if self.held.leased() and not self._beating and now >= self._heartbeat_at:
            self._beating = True
            self._heartbeat_at = now + self._heartbeat_s
            self._do(events.SendHeartbeat(self.held.leased()))
        if self._may_poll() and now >= self._next_poll_at():
            self._polling = True
            self._poll_at = now + POLL_PAUSE_S
            self._asked = self.bounds.askable(self.held)
            at_most = self.bounds.at_most(self._asked, self.held)
            self._do(events.Poll(self._asked, at_most, self.bounds.wait_s(self._asked)))

    def _plan_saving(self, now: float) -> None:
        saving = self.held.saving()
        if saving and now >= self._save_at:
            self._save_at = now + SAVE_S
            self._do(events.SaveProgress(saving))

    def _plan_deliveries(self, now: float) -> None:
        for ref, held in self.held.due(now):
            held.sending = True
            some = tuple(held.reports[:MAX_REPORTS_AN_EXCHANGE])
            self._do(events.SendReports(ref, some) if some else events.SendEnd(ref))

    def _times(self) -> Iterator[float]:
        if self.held.leased() and not self._beating:
            yield self._heartbeat_at
        if self._may_poll():
            yield self._next_poll_at()
        yield from self.held.delivery_times()

    def _may_poll(self) -> bool:
        return not self._polling and not self.stopping and bool(self.bounds.askable(self.held))

    def _next_poll_at(self) -> float:
        return max(self._poll_at, self._trouble.not_before)

    # --- steps

    def _do(self, instruction: Instruction) -> None:
        self._instructions.append(instruction)

    def _take(self, lease: AnyLease, now: float) -> None:
        """Run what the dispatcher gave, or give it back: it may be more than was asked for, or of another kind."""
        kind = lease.work.kind
        is_wanted = not self.stopping and kind in self._asked and self.bounds.allow(kind, self.held)
        if is_wanted:
            self._poll_at = now
        ref = ref_of(lease)
        if ref in self.held:
            return
        if not self.held:
            self._heartbeat_at = now + lease.heartbeat_s
        self._heartbeat_s = lease.heartbeat_s
        held = self.held[ref] = Held(Phase.STOPPING, kind)
        if is_wanted:
            self._start(held, events.StartRun(lease), now)
        else:
            self._do(events.GiveBack(lease))

    def _go_on(self, kept: events.Kept, lease: AnyLease, held: Held, now: float) -> None:
        """Go on with what an earlier worker left, if it may still run here; its lease may be lost by now."""
        held.phase, held.kind = Phase.STOPPING, lease.work.kind
        if self.bounds.allow(held.kind, self.held):
            self._start(held, events.StartRun(lease, kept.checkpoint, max(kept.reports, default=-1) + 1), now)
        else:
            self._do(events.GiveBack(lease))

    def _start(self, held: Held, run: events.StartRun, now: float) -> None:
        if not self.held.saving():
            self._save_at = now + SAVE_S
        held.phase, held.traits = Phase.RUNNING, self.bounds.kinds[held.kind]
        self._do(run)
        if self.bounds.paused and held.traits.pausable:
            self._do(events.PauseRuns((ref_of(run.lease),)))

    def _stop(self, ref: Ref, held: Held, cause: Cause) -> None:
        held.phase = Phase.STOPPING
        self._do(events.StopRun(ref, cause))

    def _delivered(self, ref: Ref) -> Held:
        held = self.held[ref]
        held.sending = False
        held.pause.end()
        self._link.answered()
        return held

    def _forget(self, ref: Ref) -> None:
        del self.held[ref]
        self._do(events.Forget(ref))

    def _miss(self, now: float, at_least_s: float) -> None:
        """Take in that the dispatcher did not answer, or asked to wait."""
        self._link.failed(now, self._jitter(), at_least_s, stopping=self.stopping)

    def _lengthen(self, pause: Pause, now: float) -> None:
        pause.lengthen(now, self._jitter())
