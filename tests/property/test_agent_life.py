"""The agent in any order of events, with a dispatcher that comes and goes."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.leases import vanity_lease
from worker.agent import Agent
from worker.events import (
    AbandonPoll,
    Cause,
    DeliveryFailed,
    DeliveryPostponed,
    Event,
    Forget,
    GiveBack,
    HeartbeatAnswered,
    HeartbeatFailed,
    HitAnswered,
    HitFound,
    Instruction,
    Kept,
    Poll,
    PollAnswered,
    PollFailed,
    Ref,
    ReportAnswered,
    RunEnded,
    SendHeartbeat,
    SendHit,
    SendReport,
    ShutdownRequested,
    Started,
    StartRun,
    StopRun,
    TimePassed,
    ref_of,
)
from xwhep.model.apps import Kind
from xwhep.model.attempts import Lease

SLOTS = 3
#: more than any run of the machine can need to come to rest
PATIENCE = 500


class WorkerLife(RuleBasedStateMachine):
    """The shell, the disk and the dispatcher around one agent, made small."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.leases = 0
        self.open: list[Instruction] = []  #: requests under way
        self.runs: set[Ref] = set()
        self.told_to_stop: set[Ref] = set()
        self.lost: set[Ref] = set()  #: attempts whose lease the dispatcher took away, and said so
        self.hits: set[tuple[Ref, int]] = set()  #: on the disk
        self.ends: set[Ref] = set()  #: on the disk
        self.delivered: set[Ref] = set()
        self.hits_delivered: set[tuple[Ref, int]] = set()
        self.stopping = False

    @initialize(kept=st.lists(st.integers(0, 2), max_size=6), chance=st.floats(0, 0.999))
    def start(self, kept: list[int], chance: float) -> None:
        self.agent = Agent(SLOTS, {Kind.VANITY}, 2**40, lambda: chance)
        left = []
        for hits in kept:
            ref = ref_of(self.next_lease())
            self.ends.add(ref)
            self.hits |= {(ref, number) for number in range(hits)}
            left.append(Kept(ref, tuple(range(hits)), 1))
        self.tell(Started(self.now, tuple(left)))

    # --- what may happen

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.tell(TimePassed(self.now))

    @rule(data=st.data(), outcome=st.sampled_from(["answered", "over", "failed", "postponed"]))
    def a_request_ends(self, data: st.DataObject, outcome: str) -> None:
        if self.open:
            self.answer(data.draw(st.sampled_from(self.open)), outcome, gives_work=data.draw(st.booleans()))

    @rule(data=st.data())
    def a_run_finds_something(self, data: st.DataObject) -> None:
        if self.runs:
            self.find(data.draw(st.sampled_from(sorted(self.runs))))

    @rule(data=st.data())
    def a_run_ends(self, data: st.DataObject) -> None:
        if self.runs:
            self.end(data.draw(st.sampled_from(sorted(self.runs))))

    @rule(data=st.data())
    def a_lease_is_lost(self, data: st.DataObject) -> None:
        beats = [open_one for open_one in self.open if isinstance(open_one, SendHeartbeat)]
        if beats:
            stop = frozenset(data.draw(st.lists(st.sampled_from(beats[0].refs))))
            self.open.remove(beats[0])
            self.lost |= stop & self.runs
            self.tell(HeartbeatAnswered(self.now, stop))
            assert stop & self.runs <= self.told_to_stop

    @rule()
    def the_volunteer_stops_the_worker(self) -> None:
        self.stopping = True
        self.tell(ShutdownRequested(self.now))
        assert self.runs <= self.told_to_stop

    # --- what must hold

    @invariant()
    def never_more_runs_than_slots(self) -> None:
        assert len(self.runs) <= SLOTS

    @invariant()
    def one_poll_and_one_heartbeat_at_a_time(self) -> None:
        for kind in (Poll, SendHeartbeat):
            assert sum(isinstance(open_one, kind) for open_one in self.open) <= 1

    @invariant()
    def the_worker_never_sleeps_over_what_is_due(self) -> None:
        waits = self.hits or (self.ends - self.lost)
        if waits and not self.open:
            assert self.agent.wake_at() is not None

    def teardown(self) -> None:
        """With a dispatcher that answers, and runs that end, everything arrives and the worker comes to rest.

        One that was away when last tried may be left with nothing more than what the disk keeps.
        """
        if not hasattr(self, "agent"):
            return
        if not self.stopping:
            self.the_volunteer_stops_the_worker()
        for _ in range(PATIENCE):
            if self.agent.is_done():
                break
            for ref in sorted(self.runs):
                self.end(ref)
            for request in list(self.open):
                self.answer(request, "answered", gives_work=False)
            self.now = max(self.now, self.agent.wake_at() or 0.0)
            self.tell(TimePassed(self.now))
        assert self.agent.is_done()
        assert not self.runs
        assert self.agent.is_away() or not self.hits
        assert self.agent.is_away() or not self.ends
        assert all(isinstance(request, SendHeartbeat) for request in self.open)

    # --- the shell

    def tell(self, event: Event) -> None:
        for instruction in self.agent.handle(event):
            self.perform(instruction)

    def perform(self, instruction: Instruction) -> None:
        match instruction:
            case StartRun(lease):
                assert not self.stopping
                self.runs.add(ref_of(lease))
            case GiveBack(lease):
                self.ends.add(ref_of(lease))
                self.runs.add(ref_of(lease))
                self.end(ref_of(lease))
            case StopRun(ref, _):
                assert ref in self.runs
                self.told_to_stop.add(ref)
            case Forget(ref):
                assert ref in self.delivered | self.lost
                assert not [hit for hit in self.hits if hit[0] == ref]
                assert ref not in self.runs
                self.ends.discard(ref)
            case AbandonPoll():
                poll = next(request for request in self.open if isinstance(request, Poll))
                self.answer(poll, "failed", gives_work=False)
            case SendReport(ref):
                assert ref in self.ends
                assert ref not in self.delivered
                assert not [hit for hit in self.hits if hit[0] == ref]
                self.send(instruction)
            case SendHit(ref, number):
                assert (ref, number) in self.hits
                assert (ref, number) not in self.hits_delivered
                self.send(instruction)
            case _:
                self.send(instruction)

    def send(self, request: Instruction) -> None:
        assert request not in self.open
        self.open.append(request)

    def answer(self, request: Instruction, outcome: str, *, gives_work: bool) -> None:
        if request not in self.open:
            return
        self.open.remove(request)
        answered = outcome in {"answered", "over"}
        match request:
            case Poll() if answered:
                self.tell(PollAnswered(self.now, self.next_lease() if gives_work else None))
            case Poll():
                self.tell(PollFailed(self.now))
            case SendHeartbeat():
                self.tell(HeartbeatAnswered(self.now, frozenset()) if answered else HeartbeatFailed(self.now))
            case SendHit(ref, number) if answered:
                is_over = outcome == "over"
                settled = {hit for hit in self.hits if hit == (ref, number) or (is_over and hit[0] == ref)}
                self.hits -= settled
                self.hits_delivered |= settled
                self.lost |= {ref} if is_over else set()
                self.tell(HitAnswered(self.now, ref, number, over=Cause.FOUND if is_over else None))
                assert not is_over or ref not in self.runs or ref in self.told_to_stop
            case SendReport(ref) if answered:
                self.delivered.add(ref)
                self.tell(ReportAnswered(self.now, ref))
            case SendHit(ref) | SendReport(ref):
                postponed = outcome == "postponed"
                self.tell(DeliveryPostponed(self.now, ref) if postponed else DeliveryFailed(self.now, ref))
            case _:
                raise AssertionError(request)

    def next_lease(self) -> Lease:
        self.leases += 1
        return vanity_lease(self.leases)

    def find(self, ref: Ref) -> None:
        number = sum(known == ref for known, _ in self.hits | self.hits_delivered)
        self.hits.add((ref, number))
        self.tell(HitFound(self.now, ref, number))

    def end(self, ref: Ref) -> None:
        self.runs.remove(ref)
        self.ends.add(ref)
        self.tell(RunEnded(self.now, ref, 1))


WorkerLife.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestWorkerLife = WorkerLife.TestCase
