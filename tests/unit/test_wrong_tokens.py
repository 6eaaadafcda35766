"""Wrong join tokens slow their address down, within bounds."""

from __future__ import annotations

import pytest

from dispatcher import wrong_tokens
from dispatcher.wrong_tokens import ADDRESSES, FREE, LONGEST_WAIT_S, REMEMBERED_S, WrongTokens
from xwhep.errors.identity import TooManyWrongTokensError


class Clock:
    """A monotonic clock that goes on when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> WrongTokens:
    return WrongTokens(clock)


def patiently(tokens: WrongTokens, clock: Clock, count: int) -> list[float]:
    """Send so many wrong tokens, each after its answer; return the waits."""
    waits = []
    for _ in range(count):
        waits.append(tokens.turn("eve"))
        clock.now += waits[-1]
        tokens.note("eve")
    return waits


def test_slips_cost_nothing_and_each_wrong_token_after_them_twice_as_much(tokens: WrongTokens, clock: Clock) -> None:
    waits = patiently(tokens, clock, 12)

    assert waits == [0] * FREE + [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_whoever_does_not_wait_is_refused_and_told_how_long(tokens: WrongTokens, clock: Clock) -> None:
    patiently(tokens, clock, 9)  # the pause is 30 s from here on
    waits = [tokens.turn("eve")]
    with pytest.raises(TooManyWrongTokensError, match="try again in 60 seconds"):
        tokens.turn("eve")
    clock.now += 31
    waits.append(tokens.turn("eve"))

    assert waits == [30, 29]


def test_other_addresses_are_not_slowed(tokens: WrongTokens, clock: Clock) -> None:
    patiently(tokens, clock, 12)

    assert tokens.turn("alice") == 0
    assert [tokens.note("alice"), tokens.turn("alice")] == [1, 0]


def test_requests_that_are_sent_together_wait_for_each_other(tokens: WrongTokens, clock: Clock) -> None:
    patiently(tokens, clock, FREE)
    clock.now += 100

    assert [tokens.turn("eve") for _ in range(4)] == [0, 0.5, 1.0, 1.5]


def test_wrong_tokens_are_forgotten_after_a_while(tokens: WrongTokens, clock: Clock) -> None:
    patiently(tokens, clock, 12)
    clock.now += REMEMBERED_S + 1

    assert [tokens.turn("eve"), tokens.turn("eve")] == [0, 0]


def test_a_million_addresses_take_bounded_memory(tokens: WrongTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_tokens, "ADDRESSES", 100)
    few = WrongTokens(Clock())
    for number in range(1000):
        few.note(str(number))

    assert len(few._records) == 100
    assert tokens._records.maxsize == ADDRESSES
    assert LONGEST_WAIT_S < 60
