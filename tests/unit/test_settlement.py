"""The life of a task: every state, every next step."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.life import OPEN, TRANSITIONS, Event, Margins, Standing, State, Step, advance, next_step
from xwhep.errors.requests import IllegalTransitionError

FINAL = {State.SETTLED, State.REFUNDED, State.ORPHANED}
DEADLINE = 1_000
MARGINS = Margins(send_s=60, give_up_s=120, orphan_s=300)
EARLY, LATE, TOO_LATE = DEADLINE - 500, DEADLINE - 100, DEADLINE - 10


def step(state: State, now: int, *, answered: bool = False, batch_open: bool = False) -> Step | None:
    return next_step(Standing(state, DEADLINE, answered, batch_open, changed_at=0), MARGINS, now=now)


@pytest.mark.parametrize(
    ("state", "event", "following"),
    [
        (State.SEEN, Event.ADMITTED, State.CONFIRMED),
        (State.CONFIRMED, Event.DISPATCHED, State.DISPATCHED),
        (State.SEEN, Event.ANSWERED, State.ANSWERED),
        (State.CONFIRMED, Event.ANSWERED, State.ANSWERED),
        (State.DISPATCHED, Event.ANSWERED, State.ANSWERED),
        (State.ANSWERED, Event.SIGNED, State.SENT),
        (State.SENT, Event.VOIDED, State.ANSWERED),
        (State.SENT, Event.SETTLED, State.SETTLED),
        (State.SEEN, Event.REFUNDED, State.REFUNDED),
        (State.SETTLED, Event.REOPENED, State.SEEN),
        (State.REFUNDED, Event.REOPENED, State.SEEN),
        (State.SETTLED, Event.ORPHANED, State.ORPHANED),
        (State.ORPHANED, Event.SEEN_AGAIN, State.SEEN),
    ],
)
def test_a_task_takes_this_step(state: State, event: Event, following: State) -> None:
    assert advance(state, event) is following


def test_any_other_step_is_an_error() -> None:
    for state, event in product(State, Event):
        if (state, event) not in TRANSITIONS:
            with pytest.raises(IllegalTransitionError, match=f"what is {state} cannot become {event}"):
                advance(state, event)


def test_the_chain_can_end_a_task_in_every_open_state() -> None:
    for state in OPEN:
        assert advance(state, Event.SETTLED) is State.SETTLED
        assert advance(state, Event.REFUNDED) is State.REFUNDED
        assert advance(state, Event.ORPHANED) is State.ORPHANED


@given(st.lists(st.sampled_from(list(Event)), max_size=20))
def test_every_state_can_reach_a_final_one_and_come_back_from_it(events: list[Event]) -> None:
    state = State.SEEN
    for event in events:
        state = TRANSITIONS.get((state, event), state)

    assert state in FINAL or advance(state, Event.SETTLED) in FINAL
    after = state if state is State.ORPHANED else advance(state, Event.ORPHANED)
    assert advance(after, Event.SEEN_AGAIN) is State.SEEN


@pytest.mark.parametrize(
    ("state", "expected"),
    [(State.SEEN, Step.ADMIT), (State.CONFIRMED, Step.DISPATCH), (State.DISPATCHED, Step.LOOK)],
)
def test_a_task_in_time_goes_its_way(state: State, expected: Step) -> None:
    assert step(state, EARLY) is expected


@pytest.mark.parametrize("state", [State.SEEN, State.CONFIRMED, State.DISPATCHED])
def test_an_answer_that_is_known_is_recalled_as_long_as_it_can_be_sent(state: State) -> None:
    assert step(state, EARLY, answered=True) is Step.RECALL
    assert step(state, LATE, answered=True, batch_open=True) is Step.RECALL


@pytest.mark.parametrize("state", [State.SEEN, State.CONFIRMED, State.DISPATCHED])
def test_a_task_without_an_answer_is_given_up_while_there_is_time_to_say_so(state: State) -> None:
    assert step(state, LATE) is Step.GIVE_UP


@pytest.mark.parametrize("state", [State.SEEN, State.CONFIRMED, State.DISPATCHED, State.ANSWERED])
@pytest.mark.parametrize("answered", [True, False])
def test_when_it_is_too_late_only_the_batch_is_taken_back(state: State, answered: object) -> None:
    assert step(state, TOO_LATE, answered=bool(answered), batch_open=True) is Step.CANCEL
    assert step(state, TOO_LATE, answered=bool(answered)) is None


def test_an_answer_is_sent_while_it_can_come_in_time() -> None:
    assert step(State.ANSWERED, DEADLINE - MARGINS.send_s, answered=True) is Step.SEND
    assert step(State.ANSWERED, DEADLINE - MARGINS.send_s + 1, answered=True) is None


@pytest.mark.parametrize("state", [State.SENT, State.SETTLED, State.REFUNDED])
def test_a_task_that_nobody_waits_for_gives_its_batch_back(state: State) -> None:
    assert step(state, EARLY, batch_open=True) is Step.CANCEL
    assert step(state, EARLY) is None


def test_the_batch_of_an_orphaned_task_goes_on_for_a_while() -> None:
    assert step(State.ORPHANED, MARGINS.orphan_s, batch_open=True) is None
    assert step(State.ORPHANED, MARGINS.orphan_s + 1, batch_open=True) is Step.CANCEL
    assert step(State.ORPHANED, MARGINS.orphan_s + 1) is None


@given(
    state=st.sampled_from(list(State)),
    now=st.integers(0, 2 * DEADLINE),
    answered=st.booleans(),
    batch_open=st.booleans(),
)
def test_nothing_is_first_sent_when_it_might_come_too_late(
    state: State, now: int, answered: object, batch_open: object
) -> None:
    found = step(state, now, answered=bool(answered), batch_open=bool(batch_open))

    if now > DEADLINE - MARGINS.send_s:
        assert found in {None, Step.CANCEL}
