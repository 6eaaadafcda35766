"""The agent's decisions, one by one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.leases import native_lease, vanity_lease
from worker.agent import events
from worker.agent.bounds import BRIEF_POLL_S, Bounds
from worker.agent.decisions import POLL_PAUSE_S, SAVE_S, Agent
from worker.agent.events import (
    POLL_S,
    AbandonPoll,
    Cause,
    DeliveryFailed,
    DeliveryPostponed,
    EndAnswered,
    Event,
    Forget,
    GiveBack,
    HeartbeatAnswered,
    HeartbeatFailed,
    Kept,
    KindWithdrawn,
    Paused,
    PauseRuns,
    Poll,
    PollAnswered,
    PollFailed,
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
from worker.agent.holdings import DELIVERIES, Traits
from worker.agent.pauses import LONGEST_PAUSE_S, LONGEST_TROUBLE_S, Pause
from worker.runs.vanity import Checkpoint
from xwhep.protocol.attempts import MAX_ATTEMPTS_AN_EXCHANGE, MAX_REPORTS_AN_EXCHANGE, MAX_WAIT_S

#: kinds as this test has them: one that rests and saves, one that does neither
SEARCH, PROGRAM = Traits(pausable=True, saves=True), Traits()
KINDS = frozenset({"vanity"})
FIRST, SECOND, THIRD = vanity_lease(1), vanity_lease(2), vanity_lease(3)
ONE, TWO = ref_of(FIRST), ref_of(SECOND)
#: where a search goes on; the agent only hands it through
SEVEN = Checkpoint(next_step=7)


def make_agent(*, slots: int = 1, most_kept_bytes: int = 100) -> Agent:
    return Agent(Bounds(slots, {"vanity": SEARCH}, most_kept_bytes), lambda: 0.5)


def running(*, slots: int = 1) -> Agent:
    """Return an agent that runs FIRST, leased at 0."""
    agent = make_agent(slots=slots)
    agent.handle(Started(0.0))
    assert StartRun(FIRST) in agent.handle(PollAnswered(0.0, (FIRST,)))
    return agent


def test_a_worker_that_starts_asks_for_work() -> None:
    assert make_agent().handle(Started(0.0)) == [Poll(KINDS)]


def test_a_lease_is_run_and_the_next_slot_asks_at_once() -> None:
    agent = make_agent(slots=2)
    agent.handle(Started(0.0))

    assert agent.handle(PollAnswered(0.0, (FIRST,))) == [StartRun(FIRST), Poll(KINDS)]


def test_a_worker_whose_slots_are_full_does_not_ask() -> None:
    assert make_agent().handle(Started(0.0)) == [Poll(KINDS)]
    assert running().handle(TimePassed(5.0)) == []


def test_polls_that_bring_nothing_at_once_are_spaced() -> None:
    agent = make_agent()
    agent.handle(Started(0.0))

    assert agent.handle(PollAnswered(0.1, ())) == []
    assert agent.wake_at() == POLL_PAUSE_S
    assert agent.handle(TimePassed(POLL_PAUSE_S)) == [Poll(KINDS)]


def test_the_server_says_how_often_it_wants_to_hear() -> None:
    agent = running()

    assert agent.wake_at() == FIRST.heartbeat_s
    assert agent.handle(TimePassed(FIRST.heartbeat_s)) == [SendHeartbeat((ONE,))]
    assert agent.handle(HeartbeatAnswered(11.0, frozenset())) == []
    agent.handle(TimePassed(SAVE_S))
    assert agent.wake_at() == 2 * FIRST.heartbeat_s


def test_a_lost_lease_stops_its_run_and_is_forgotten_when_that_is_over() -> None:
    agent = running()
    agent.handle(TimePassed(10.0))

    assert agent.handle(HeartbeatAnswered(10.1, frozenset({ONE, TWO}))) == [StopRun(ONE, Cause.TAKEN_BACK)]
    assert agent.handle(RunEnded(10.2, ONE, 5)) == [Forget(ONE), Poll(KINDS)]


def test_the_reports_of_a_lost_lease_are_sent_all_the_same() -> None:
    agent = running()
    agent.handle(TimePassed(10.0))
    agent.handle(HeartbeatAnswered(10.1, frozenset({ONE})))

    assert agent.handle(ReportMade(10.2, ONE, 0)) == [SendReports(ONE, (0,))]
    assert agent.handle(RunEnded(10.3, ONE, 5)) == [Poll(KINDS)]
    assert agent.handle(ReportsAnswered(10.4, ONE, (0,))) == [Forget(ONE)]


def test_a_stop_that_crosses_the_report_does_not_touch_the_result() -> None:
    agent = running()
    agent.handle(TimePassed(10.0))
    agent.handle(RunEnded(10.1, ONE, 5))

    assert agent.handle(HeartbeatAnswered(10.2, frozenset({ONE}))) == []
    assert agent.handle(EndAnswered(10.3, ONE)) == [Forget(ONE)]


def test_reports_are_sent_at_once_those_that_wait_together_and_before_the_end() -> None:
    agent = running()

    assert agent.handle(ReportMade(1.0, ONE, 0)) == [SendReports(ONE, (0,))]
    assert agent.handle(ReportMade(1.1, ONE, 1)) == []
    assert agent.handle(ReportMade(1.1, ONE, 2)) == []
    assert SendEnd(ONE) not in agent.handle(RunEnded(1.2, ONE, 5))
    assert agent.handle(ReportsAnswered(1.3, ONE, (0,))) == [SendReports(ONE, (1, 2))]
    assert agent.handle(ReportsAnswered(1.4, ONE, (1, 2))) == [SendEnd(ONE)]


def test_no_more_reports_are_sent_together_than_an_exchange_has() -> None:
    agent = make_agent()
    many = tuple(range(MAX_REPORTS_AN_EXCHANGE + 1))

    sent = agent.handle(Started(0.0, (Kept(ONE, many, 5),)))

    assert sent[0] == SendReports(ONE, many[:-1])
    assert agent.handle(ReportsAnswered(0.1, ONE, many[:-1])) == [SendReports(ONE, many[-1:])]


def test_what_failed_beside_reports_that_were_taken_is_sent_again_after_a_pause() -> None:
    agent = make_agent()
    agent.handle(Started(0.0, (Kept(ONE, (0, 1, 2), 5),)))

    assert agent.handle(ReportsAnswered(0.1, ONE, (0, 2), rest_fails=True)) == []
    assert agent.handle(DeliveryPostponed(0.1, ONE)) == []
    assert SendReports(ONE, (1,)) in agent.handle(TimePassed(600.0))


def test_a_report_that_ends_the_attempt_stops_its_run_at_once() -> None:
    agent = running()
    agent.handle(ReportMade(1.0, ONE, 0))
    agent.handle(ReportMade(1.1, ONE, 1))

    assert agent.handle(ReportsAnswered(1.2, ONE, (0,), Cause.REPORTED)) == [StopRun(ONE, Cause.REPORTED)]
    assert agent.handle(RunEnded(1.3, ONE, 5)) == [Forget(ONE), Poll(KINDS)]


def test_an_end_that_does_not_arrive_is_sent_again_after_a_pause() -> None:
    agent = running()
    agent.handle(RunEnded(1.0, ONE, 5))

    assert agent.handle(DeliveryFailed(1.1, ONE)) == []
    again = agent.wake_at()
    assert again is not None
    assert 1.1 < again < 2.1
    assert SendEnd(ONE) in agent.handle(TimePassed(again))


def test_an_end_that_the_dispatcher_has_no_room_for_does_not_keep_the_rest_from_going_on() -> None:
    agent = running()
    agent.handle(RunEnded(1.0, ONE, 5))
    agent.handle(PollAnswered(1.1, ()))

    agent.handle(DeliveryPostponed(1.2, ONE))

    assert not agent.is_away()
    assert agent.handle(TimePassed(1.21)) == []
    assert agent.handle(TimePassed(5.0)) == [SendEnd(ONE), Poll(KINDS)]


def test_while_the_dispatcher_is_away_nothing_is_sent_before_the_pause_is_over() -> None:
    agent = running(slots=2)

    assert agent.handle(PollFailed(9.9)) == []
    assert agent.is_away()
    assert agent.handle(ReportMade(10.0, ONE, 0)) == []
    assert agent.handle(TimePassed(10.1)) == []
    assert agent.handle(TimePassed(10.2)) == [SendReports(ONE, (0,)), SendHeartbeat((ONE,)), Poll(KINDS)]


def test_a_heartbeat_that_failed_is_due_again_after_the_pause() -> None:
    agent = running()
    agent.handle(TimePassed(10.0))

    assert agent.handle(HeartbeatFailed(10.5)) == []
    assert agent.handle(TimePassed(11.0)) == [SendHeartbeat((ONE,))]


def test_a_poll_waits_as_long_as_the_dispatcher_said_within_bounds() -> None:
    agent, now, waits = make_agent(), 0.0, []
    agent.handle(Started(now))
    for told_s in (100.0, None, 1e9, 0.0):
        now += 300
        waits += [poll.wait_s for poll in agent.handle(PollAnswered(now, (), told_s)) if isinstance(poll, Poll)]

    assert waits == [100.0, POLL_S, MAX_WAIT_S, BRIEF_POLL_S]


def test_after_a_failure_a_poll_waits_no_longer_than_every_dispatcher_allows() -> None:
    agent = make_agent()
    agent.handle(Started(0.0))
    agent.handle(PollAnswered(0.5, (), 100.0))
    agent.handle(TimePassed(2.0))

    assert agent.handle(PollFailed(3.0)) == []
    assert agent.handle(TimePassed(60.0)) == [Poll(KINDS, wait_s=POLL_S)]


def test_requests_that_fail_together_are_one_failure() -> None:
    pause = Pause()
    pause.lengthen(0.0, 0.0)
    first = pause.not_before

    pause.lengthen(first / 2, 0.0)

    assert (pause.not_before, pause.failures) == (first, 1)


def test_a_dispatcher_that_asks_to_wait_is_left_alone_for_so_long() -> None:
    agent = make_agent()
    agent.handle(Started(0.0))

    assert agent.handle(PollFailed(1.0, 7.0)) == []
    assert agent.wake_at() == 1.0 + 7.0 * 1.5  # half as long again, by its jitter
    assert agent.handle(TimePassed(11.4)) == []
    assert agent.handle(TimePassed(11.5)) == [Poll(KINDS)]


def test_a_longer_wait_that_is_asked_for_during_a_pause_counts() -> None:
    agent = running()
    agent.handle(PollFailed(1.0))
    agent.handle(HeartbeatFailed(1.01, 7.0))
    agent.handle(DeliveryFailed(1.02, ONE, 3.0))

    assert agent._link.pause.not_before == pytest.approx(1.01 + 7.0 * 1.5)
    assert agent._link.pause.failures == 1


def test_pauses_grow_to_a_bound_and_end_with_a_success() -> None:
    pause, now = Pause(), 0.0
    for _ in range(1200):
        pause.lengthen(now, 1.0 - 2**-53)
        assert pause.not_before - now <= LONGEST_PAUSE_S
        now = pause.not_before

    pause.lengthen(now, 0.0)
    assert pause.not_before - now < LONGEST_PAUSE_S / 100
    pause.end()
    assert pause.not_before == 0.0


def test_what_an_earlier_worker_left_is_delivered_reports_first() -> None:
    agent = make_agent()

    kept = (Kept(ONE, (4,), 5), Kept(TWO, (), 5))
    assert agent.handle(Started(0.0, kept)) == [
        SendReports(ONE, (4,)),
        SendEnd(TWO),
        SendHeartbeat((ONE, TWO)),
        Poll(KINDS),
    ]


def test_a_search_that_an_earlier_worker_left_goes_on_where_it_was() -> None:
    agent = make_agent()

    assert agent.handle(Started(0.0, (Kept(ONE, (2, 4), 5, FIRST, checkpoint=SEVEN),))) == [
        StartRun(FIRST, checkpoint=SEVEN, first_report=5),
        SendReports(ONE, (2, 4)),
        SendHeartbeat((ONE,)),
    ]


def test_a_search_that_goes_on_ends_when_the_dispatcher_has_given_up_on_it() -> None:
    agent = make_agent()
    agent.handle(Started(0.0, (Kept(ONE, (), 5, FIRST, checkpoint=SEVEN),)))

    assert agent.handle(HeartbeatAnswered(0.1, frozenset({ONE}))) == [StopRun(ONE, Cause.TAKEN_BACK)]
    assert agent.handle(RunEnded(0.2, ONE, 5, by_machine=True)) == [Forget(ONE), Poll(KINDS)]


@pytest.mark.parametrize(
    "agent",
    [
        Agent(Bounds(1, {"native": PROGRAM}, 100), lambda: 0.0),
        Agent(Bounds(0, {"vanity": SEARCH}, 100), lambda: 0.0),
        Agent(Bounds(1, {"vanity": replace(SEARCH, at_once=0)}, 100), lambda: 0.0),
    ],
    ids=["of a kind that is not run any more", "without a slot", "without a thread"],
)
def test_a_search_that_may_not_go_on_is_given_back(agent: Agent) -> None:
    assert GiveBack(FIRST) in agent.handle(Started(0.0, (Kept(ONE, (), 5, FIRST, checkpoint=SEVEN),)))
    assert agent.handle(RunEnded(0.1, ONE, 5))[:1] == [SendEnd(ONE)]


def test_the_progress_of_searches_is_written_down_again_and_again_also_without_a_dispatcher() -> None:
    agent = running()
    agent.handle(TimePassed(10.0))
    agent.handle(HeartbeatFailed(SAVE_S - 0.1))

    assert agent.wake_at() == SAVE_S
    assert agent.handle(TimePassed(SAVE_S)) == [SaveProgress((ONE,))]
    assert SaveProgress((ONE,)) not in agent.handle(TimePassed(2 * SAVE_S - 0.1))
    assert SaveProgress((ONE,)) in agent.handle(TimePassed(2 * SAVE_S))


def test_only_a_few_ends_are_delivered_at_the_same_time() -> None:
    agent = make_agent()
    refs = [ref_of(vanity_lease(number)) for number in range(DELIVERIES + 2)]

    first = agent.handle(Started(0.0, tuple(Kept(ref, (), 1) for ref in refs)))
    then = agent.handle(EndAnswered(0.1, refs[0]))

    assert sum(isinstance(instruction, SendEnd) for instruction in first) == DELIVERIES
    assert then == [Forget(refs[0]), SendEnd(refs[DELIVERIES])]


def test_too_much_that_waits_for_the_dispatcher_keeps_the_worker_from_taking_more() -> None:
    agent = make_agent(most_kept_bytes=10)

    assert agent.handle(Started(0.0, (Kept(ONE, (), 10),))) == [SendEnd(ONE), SendHeartbeat((ONE,))]
    assert agent.handle(EndAnswered(0.1, ONE)) == [Forget(ONE), Poll(KINDS)]


def test_a_lease_that_is_given_twice_is_run_once() -> None:
    agent = running(slots=2)

    assert agent.handle(PollAnswered(1.0, (FIRST,))) == [Poll(KINDS)]


def test_a_worker_that_can_run_nothing_does_not_ask() -> None:
    agent = make_agent()
    agent.handle(KindWithdrawn(0.0, "vanity"))

    assert agent.handle(TimePassed(1.0)) == []
    assert agent.wake_at() is None


def test_a_worker_that_stops_gives_back_what_it_runs_and_is_then_done() -> None:
    agent = running(slots=2)

    assert agent.handle(ShutdownRequested(1.0)) == [AbandonPoll(), StopRun(ONE, Cause.SHUTDOWN)]
    assert agent.handle(PollFailed(1.0)) == []
    assert agent.handle(RunEnded(1.8, ONE, 5)) == [SendEnd(ONE)]
    assert not agent.is_done()
    assert agent.handle(EndAnswered(1.9, ONE)) == [Forget(ONE)]
    assert agent.is_done()
    assert agent.wake_at() is None


def test_a_worker_that_stops_tries_an_absent_dispatcher_once_and_keeps_the_rest() -> None:
    agent = running(slots=2)
    agent.handle(PollFailed(1.0))
    agent.handle(ShutdownRequested(1.0))

    assert agent.handle(RunEnded(1.2, ONE, 5)) == [SendEnd(ONE)]
    assert not agent.is_done()
    agent.handle(DeliveryFailed(1.3, ONE))
    assert agent.is_done()
    assert ONE in agent.held


def test_a_worker_that_stops_does_not_leave_before_its_runs_have_ended() -> None:
    agent = running()
    agent.handle(TimePassed(10.0))
    agent.handle(ShutdownRequested(10.0))
    agent.handle(HeartbeatFailed(10.1))

    assert not agent.is_done()
    agent.handle(RunEnded(10.2, ONE, 5))
    assert agent.is_done()


def test_a_machine_that_cannot_run_what_it_takes_asks_for_more_only_after_growing_pauses() -> None:
    agent, pauses, now = make_agent(), [], 0.0
    agent.handle(Started(now))
    for number in range(14):
        lease = vanity_lease(number)
        agent.handle(PollAnswered(now, (lease,)))
        agent.handle(RunEnded(now, ref_of(lease), 1, by_machine=True))
        agent.handle(EndAnswered(now, ref_of(lease)))
        due = agent.wake_at()
        assert due is not None
        assert agent.handle(TimePassed(due)) == [Poll(KINDS)]
        pauses.append(due - now)
        now = due

    assert pauses == pytest.approx(sorted(pauses))
    assert pauses[-1] == pytest.approx(LONGEST_TROUBLE_S / 2, rel=0.01)


def test_a_run_that_works_ends_the_pauses_of_a_machine_in_trouble() -> None:
    agent = running(slots=2)
    agent.handle(PollAnswered(1.0, (SECOND,)))
    agent.handle(RunEnded(1.0, ONE, 1, by_machine=True))
    assert Poll(KINDS) not in agent.handle(EndAnswered(1.0, ONE))

    assert Poll(KINDS, at_most=2) in agent.handle(RunEnded(1.1, TWO, 1))


def test_a_run_that_was_stopped_is_no_trouble() -> None:
    agent = running()
    agent.handle(TimePassed(10.0))
    agent.handle(HeartbeatAnswered(10.1, frozenset({ONE})))

    assert Poll(KINDS) in agent.handle(RunEnded(10.2, ONE, 1, by_machine=True))


def test_a_lease_that_arrives_while_stopping_is_given_back() -> None:
    agent = make_agent()
    agent.handle(Started(0.0))
    agent.handle(ShutdownRequested(1.0))

    assert agent.handle(PollAnswered(1.1, (THIRD,))) == [GiveBack(THIRD)]
    assert agent.handle(RunEnded(1.2, ref_of(THIRD), 1)) == [SendEnd(ref_of(THIRD))]


def test_a_lease_of_a_kind_that_the_volunteer_does_not_run_is_given_back_and_the_next_poll_waits() -> None:
    agent = make_agent()
    agent.handle(Started(0.0))
    unasked = native_lease(4, "0" * 64)

    assert agent.handle(PollAnswered(0.1, (unasked,))) == [GiveBack(unasked)]
    assert Poll(KINDS) not in agent.handle(RunEnded(0.2, ref_of(unasked), 1))
    assert Poll(KINDS) in agent.handle(TimePassed(POLL_PAUSE_S))


def test_no_more_searches_run_than_threads_are_given_them() -> None:
    kinds = {"vanity": replace(SEARCH, at_once=1), "native": PROGRAM}
    agent = Agent(Bounds(2, kinds, 100), lambda: 0.0)
    agent.handle(Started(0.0))

    assert agent.handle(PollAnswered(0.0, (FIRST,))) == [
        StartRun(FIRST),
        Poll(frozenset({"native"}), wait_s=BRIEF_POLL_S),
    ]
    assert agent.handle(PollAnswered(0.1, (SECOND,))) == [GiveBack(SECOND)]
    agent.handle(RunEnded(0.2, TWO, 1))
    agent.handle(RunEnded(0.3, ONE, 1))
    assert Poll(frozenset(kinds)) in agent.handle(TimePassed(POLL_PAUSE_S + 0.3))


def test_a_paused_worker_asks_for_no_search_until_it_goes_on() -> None:
    agent = running(slots=2)
    agent.handle(PollFailed(0.1))

    assert agent.handle(Paused(20.0, is_on=True)) == [
        PauseRuns((ONE,)),
        SaveProgress((ONE,)),
        SendHeartbeat((ONE,)),
    ]
    assert agent.handle(Paused(20.1, is_on=True)) == []
    assert agent.handle(Paused(21.0, is_on=False)) == [ResumeRuns((ONE,)), Poll(KINDS)]


def test_what_arrives_at_a_paused_worker_rests_from_the_start() -> None:
    agent = make_agent()
    agent.handle(Started(0.0))

    assert agent.handle(Paused(0.1, is_on=True)) == []
    assert agent.handle(PollAnswered(0.2, (FIRST,))) == [StartRun(FIRST), PauseRuns((ONE,))]


def test_a_pause_does_not_touch_what_cannot_rest() -> None:
    program = native_lease(1, "0" * 64)
    agent = Agent(Bounds(1, {"native": PROGRAM}, 100), lambda: 0.0)
    agent.handle(Started(0.0))
    agent.handle(PollAnswered(0.0, (program,)))

    assert agent.handle(Paused(0.1, is_on=True)) == []
    assert Poll(frozenset({"native"})) in agent.handle(RunEnded(POLL_PAUSE_S, ref_of(program), 1))


def test_a_kind_that_saves_nothing_is_not_asked_how_far_it_is() -> None:
    agent = Agent(Bounds(1, {"native": PROGRAM}, 100), lambda: 0.0)
    agent.handle(Started(0.0))
    agent.handle(PollAnswered(0.0, (native_lease(1, "0" * 64),)))

    assert not [one for one in agent.handle(TimePassed(2 * SAVE_S)) if isinstance(one, SaveProgress)]


def test_a_worker_whose_threads_all_search_and_that_runs_nothing_else_does_not_ask() -> None:
    agent = Agent(Bounds(2, {"vanity": replace(SEARCH, at_once=1)}, 100), lambda: 0.0)
    agent.handle(Started(0.0))

    assert agent.handle(PollAnswered(0.0, (FIRST,))) == [StartRun(FIRST)]
    assert Poll(KINDS) in agent.handle(RunEnded(1.0, ONE, 1))


def test_the_agent_knows_every_event() -> None:
    registry = vars(Agent)["_on"].dispatcher.registry
    known = [value for value in vars(events).values() if isinstance(value, type) and issubclass(value, Event)]

    assert set(known) - {Event} <= set(registry)


def test_an_event_that_nobody_foresaw_is_a_fault_and_not_passed_over() -> None:
    unforeseen: Any = SimpleNamespace(now=0.0)

    with pytest.raises(TypeError):
        make_agent().handle(unforeseen)


def test_several_slots_ask_together_and_are_filled_together() -> None:
    agent = make_agent(slots=3)

    assert agent.handle(Started(0.0)) == [Poll(KINDS, at_most=3)]
    assert agent.handle(PollAnswered(0.0, (FIRST, SECOND))) == [StartRun(FIRST), StartRun(SECOND), Poll(KINDS)]


def test_what_is_given_beyond_what_was_asked_for_is_given_back() -> None:
    agent = make_agent(slots=1)
    agent.handle(Started(0.0))

    assert agent.handle(PollAnswered(0.0, (FIRST, SECOND))) == [StartRun(FIRST), GiveBack(SECOND)]


def test_as_many_are_asked_for_as_may_run_of_each_kind() -> None:
    kinds = {"vanity": replace(SEARCH, at_once=2), "native": PROGRAM}
    agent = Agent(Bounds(100, kinds, 100), lambda: 0.0)

    assert agent.handle(Started(0.0)) == [Poll(frozenset(kinds), at_most=2)]
    (started, _, poll) = agent.handle(PollAnswered(0.0, (FIRST, SECOND)))
    assert started == StartRun(FIRST)
    assert poll == Poll(frozenset({"native"}), at_most=MAX_ATTEMPTS_AN_EXCHANGE, wait_s=BRIEF_POLL_S)


def test_a_poll_that_did_not_wait_is_followed_by_one_that_does_at_once() -> None:
    agent = running()
    agent.handle(RunEnded(1.0, ONE, 1))
    agent.handle(EndAnswered(1.1, ONE))

    assert agent.handle(PollAnswered(1.1, (), waited=False)) == [Poll(KINDS)]
