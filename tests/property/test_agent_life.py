"""The agent in any order of events, with a dispatcher that comes and goes, and a worker that is killed and started."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.leases import vanity_lease
from worker.agent.bounds import Bounds
from worker.agent.decisions import SAVE_S, Agent
from worker.agent.events import (
    AbandonPoll,
    AnyLease,
    Cause,
    DeliveryFailed,
    DeliveryPostponed,
    EndAnswered,
    Event,
    Forget,
    GiveBack,
    HeartbeatAnswered,
    HeartbeatFailed,
    Instruction,
    Kept,
    Paused,
    PauseRuns,
    Poll,
    PollAnswered,
    PollFailed,
    Ref,
    ReportMade,
    ReportsAnswered,
    ResumeRuns,
    RunEnded,
    SaveProgress,
    SendEnd,
    SendHeartbeat,
    SendReports,
    ShutdownRequested,
    Started,
    StartRun,
    StopRun,
    TimePassed,
    ref_of,
)
from worker.agent.holdings import Traits
from worker.runs.vanity import Checkpoint

SEARCH = Traits(pausable=True, saves=True)
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
        self.next_report: dict[Ref, int] = {}  #: the number of the next report of a run
        self.steps: dict[Ref, int] = {}  #: of units, done by those that run now
        self.saved: dict[Ref, int] = {}  #: on the disk: what is done of units
        self.saved_at: float | None = None  #: when that was last written, in this life of the worker
        self.recorded: dict[Ref, AnyLease] = {}  #: on the disk
        self.told_to_stop: set[Ref] = set()
        self.lost: set[Ref] = set()  #: attempts whose lease the dispatcher took away, and said so
        self.reports: set[tuple[Ref, int]] = set()  #: on the disk
        self.ends: set[Ref] = set()  #: on the disk
        self.delivered: set[Ref] = set()
        self.reports_delivered: set[tuple[Ref, int]] = set()
        self.stopping = False
        self.paused = False
        self.resting: set[Ref] = set()  #: runs that were told to rest
        self.asked_now: list[Instruction] = []  #: by the agent, after the latest event

    @initialize(kept=st.lists(st.integers(0, 2), max_size=6), chance=st.floats(0, 0.999))
    def start(self, kept: list[int], chance: float) -> None:
        self.chance = chance
        for reports in kept:
            ref = ref_of(self.next_lease())
            self.ends.add(ref)
            self.reports |= {(ref, number) for number in range(reports)}
        self.begin(SLOTS)

    def begin(self, slots: int) -> None:
        """Start a worker with what is on the disk."""
        self.slots = slots
        self.agent = Agent(Bounds(slots, {"vanity": SEARCH}, 2**40), lambda: self.chance)
        cut_short = self.recorded.keys() - self.ends
        kept = [Kept(ref, self.reports_of(ref), 1) for ref in sorted(self.ends)]
        kept += [
            Kept(ref, self.reports_of(ref), 0, self.recorded[ref], self.checkpoint(ref)) for ref in sorted(cut_short)
        ]
        self.tell(Started(self.now, tuple(kept)))
        assert self.runs | self.ends >= cut_short
        assert len(self.runs) == min(slots, len(cut_short))

    def reports_of(self, ref: Ref) -> tuple[int, ...]:
        return tuple(sorted(number for known, number in self.reports if known == ref))

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

    @rule(data=st.data(), steps=st.integers(1, 9))
    def a_run_comes_further(self, data: st.DataObject, steps: int) -> None:
        if self.runs:
            self.steps[data.draw(st.sampled_from(sorted(self.runs)))] += steps

    @rule(slots=st.integers(0, SLOTS))
    def the_worker_is_killed_and_started_again(self, slots: int) -> None:
        self.open, self.runs, self.told_to_stop, self.lost = [], set(), set(), set()
        self.reports_delivered, self.delivered, self.next_report, self.steps = set(), set(), {}, {}
        self.saved_at, self.stopping = None, False
        self.paused, self.resting = False, set()
        self.begin(slots)

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

    @rule(is_on=st.booleans())
    def the_volunteer_pauses_the_worker_or_lets_it_go_on(self, is_on: bool) -> None:  # noqa: FBT001 - hypothesis names it
        self.paused = is_on
        self.tell(Paused(self.now, is_on))

    # --- what must hold

    @invariant()
    def what_runs_rests_while_the_volunteer_wants_it(self) -> None:
        goes_on = self.runs - self.told_to_stop
        assert self.resting & goes_on == (goes_on if self.paused else set())

    @invariant()
    def no_work_is_asked_for_that_would_rest(self) -> None:
        assert not (self.paused and Poll in map(type, self.asked_now))

    @invariant()
    def never_more_runs_than_slots(self) -> None:
        assert len(self.runs) <= self.slots

    @invariant()
    def progress_is_written_down_in_time(self) -> None:
        """At the moment it is due at the latest: the worker wakes up for it, whether or not anybody answers."""
        if self.runs - self.told_to_stop:
            due = self.agent.wake_at()
            assert due is not None
            assert due <= self.now + SAVE_S

    @invariant()
    def one_poll_and_one_heartbeat_at_a_time(self) -> None:
        for kind in (Poll, SendHeartbeat):
            assert sum(isinstance(open_one, kind) for open_one in self.open) <= 1

    @invariant()
    def the_worker_never_sleeps_over_what_is_due(self) -> None:
        waits = self.reports or (self.ends - self.lost)
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
        assert self.agent.is_away() or not self.reports
        assert self.agent.is_away() or not self.ends
        assert all(isinstance(request, SendHeartbeat) for request in self.open)

    # --- the shell

    def tell(self, event: Event) -> None:
        self.asked_now = self.agent.handle(event)
        for instruction in self.asked_now:
            self.perform(instruction)

    def perform(self, instruction: Instruction) -> None:
        match instruction:
            case StartRun(lease, checkpoint, first_report):
                assert not self.stopping
                assert checkpoint == self.checkpoint(ref_of(lease))
                self.run(lease, first_report)
            case PauseRuns() | ResumeRuns():
                self.rest(instruction)
            case SaveProgress(refs):
                assert self.saved_at is None or self.now >= self.saved_at + SAVE_S
                assert set(refs) == self.runs - self.told_to_stop
                self.saved_at = self.now
                self.saved |= {ref: self.steps[ref] for ref in refs}
            case GiveBack(lease):
                self.ends.add(ref_of(lease))
                self.runs.add(ref_of(lease))
                self.end(ref_of(lease))
            case StopRun(ref, _):
                assert ref in self.runs
                self.told_to_stop.add(ref)
            case Forget(ref):
                assert ref in self.delivered | self.lost
                assert not [report for report in self.reports if report[0] == ref]
                assert ref not in self.runs
                self.ends.discard(ref)
                self.recorded.pop(ref, None)
                self.saved.pop(ref, None)
            case AbandonPoll():
                poll = next(request for request in self.open if isinstance(request, Poll))
                self.answer(poll, "failed", gives_work=False)
            case _:
                self.send(instruction)

    def rest(self, instruction: PauseRuns | ResumeRuns) -> None:
        assert set(instruction.refs) <= self.runs
        assert self.paused is isinstance(instruction, PauseRuns)
        if self.paused:
            self.resting |= set(instruction.refs)
        else:
            self.resting -= set(instruction.refs)

    def send(self, request: Instruction) -> None:
        match request:
            case SendEnd(ref):
                assert ref in self.ends
                assert ref not in self.delivered
                assert not self.reports_of(ref)
            case SendReports(ref, numbers):
                assert numbers == tuple(sorted(set(numbers)))
                assert {(ref, number) for number in numbers} <= self.reports
                assert not {(ref, number) for number in numbers} & self.reports_delivered
                assert not any(isinstance(other, SendReports) and other.ref == ref for other in self.open)
        assert request not in self.open
        self.open.append(request)

    def answer(self, request: Instruction, outcome: str, *, gives_work: bool) -> None:
        if request not in self.open:
            return
        self.open.remove(request)
        answered = outcome in {"answered", "over"}
        match request:
            case Poll() if answered:
                self.tell(PollAnswered(self.now, (self.next_lease(),) if gives_work else ()))
            case Poll():
                self.tell(PollFailed(self.now))
            case SendHeartbeat():
                self.tell(HeartbeatAnswered(self.now, frozenset()) if answered else HeartbeatFailed(self.now))
            case SendReports(ref, numbers) if answered:
                self.take(ref, numbers, is_over=outcome == "over")
            case SendEnd(ref) if answered:
                self.delivered.add(ref)
                self.tell(EndAnswered(self.now, ref))
            case SendReports(ref) | SendEnd(ref):
                postponed = outcome == "postponed"
                self.tell(DeliveryPostponed(self.now, ref) if postponed else DeliveryFailed(self.now, ref))
            case _:
                raise AssertionError(request)

    def take(self, ref: Ref, numbers: tuple[int, ...], *, is_over: bool) -> None:
        """Take reports, or only the first of them."""
        taken = numbers if is_over else numbers[: self.now_taken(len(numbers))]
        settled = {report for report in self.reports if report[0] == ref and (is_over or report[1] in taken)}
        self.reports -= settled
        self.reports_delivered |= settled
        self.lost |= {ref} if is_over else set()
        over, rest_fails = Cause.REPORTED if is_over else None, len(taken) < len(numbers)
        self.tell(ReportsAnswered(self.now, ref, taken, over, rest_fails))
        if rest_fails:
            self.tell(DeliveryPostponed(self.now, ref))
        assert not is_over or ref not in self.runs or ref in self.told_to_stop

    def now_taken(self, sent: int) -> int:
        """Return how many of the reports that were sent together are taken: at least one, now more and now fewer."""
        return 1 + self.leases % sent

    def next_lease(self) -> AnyLease:
        self.leases += 1
        return vanity_lease(self.leases)

    def checkpoint(self, ref: Ref) -> Checkpoint | None:
        return Checkpoint(next_step=self.saved[ref]) if ref in self.saved else None

    def run(self, lease: AnyLease, first_report: int) -> None:
        ref = ref_of(lease)
        assert all(number < first_report for number in self.reports_of(ref))
        self.recorded[ref] = lease
        self.steps[ref], self.next_report[ref] = self.saved.get(ref, 0), first_report
        self.runs.add(ref)

    def find(self, ref: Ref) -> None:
        number = self.next_report[ref]
        self.next_report[ref] += 1
        self.reports.add((ref, number))
        self.tell(ReportMade(self.now, ref, number))

    def end(self, ref: Ref) -> None:
        self.runs.remove(ref)
        self.resting.discard(ref)
        self.ends.add(ref)
        self.tell(RunEnded(self.now, ref, 1))


WorkerLife.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestWorkerLife = WorkerLife.TestCase
