"""How long a client waits before it repeats a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.client.connection import FIRST_PAUSE_S, LONGEST_PAUSE_S, pause_before_retry

attempts = st.integers(0, 2000)
jitters = st.floats(0, 1, exclude_max=True)


@given(attempt=attempts, jitter=jitters)
def test_a_pause_is_bounded(attempt: int, jitter: float) -> None:
    assert 0 < pause_before_retry(attempt, lambda: jitter) <= LONGEST_PAUSE_S


@given(attempt=attempts, jitter=jitters)
def test_a_pause_is_not_shorter_than_the_one_before(attempt: int, jitter: float) -> None:
    assert pause_before_retry(attempt, lambda: jitter) <= pause_before_retry(attempt + 1, lambda: jitter)


@given(attempt=attempts)
def test_those_who_failed_together_spread_over_the_whole_pause(attempt: int) -> None:
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempt, 16))

    assert pause_before_retry(attempt, lambda: 0.0) <= longest / 9
    assert pause_before_retry(attempt, lambda: 1 - 2**-53) == pytest.approx(longest)


@given(attempt=attempts, jitter=st.floats(0, 0.5))
def test_two_clients_do_not_knock_at_the_same_moment(attempt: int, jitter: float) -> None:
    assert pause_before_retry(attempt, lambda: jitter) < pause_before_retry(attempt, lambda: jitter + 0.25)
