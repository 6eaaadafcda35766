"""How long a client waits before it repeats a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.client.connection import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    LONGEST_RETRY_AFTER_S,
    pause_before_retry,
    retry_after_s,
)
from xwhep.protocol.attempts import HEARTBEAT_S, LEASE_S

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


@given(attempt=attempts, jitter=jitters, asked_s=st.floats(0, LONGEST_RETRY_AFTER_S))
def test_a_pause_is_as_long_as_the_dispatcher_asks_for(attempt: int, jitter: float, asked_s: float) -> None:
    pause = pause_before_retry(attempt, lambda: jitter, asked_s)

    assert asked_s <= pause <= max(LONGEST_PAUSE_S, 2 * asked_s)
    assert pause < LEASE_S - HEARTBEAT_S


@given(st.none() | st.text(max_size=20) | st.integers(-5, 10**30).map(str))
def test_whatever_a_server_asks_for_is_bounded(field: str | None) -> None:
    assert 0 <= retry_after_s(field) <= LONGEST_RETRY_AFTER_S


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        (None, 0),
        ("0", 0),
        ("7", 7),
        ("3600", 20),
        ("9" * 400, 20),
        ("-1", 0),
        ("1.5", 0),
        ("\u0667", 0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
    ],
)
def test_retry_after_is_read_in_seconds(field: str | None, seconds: float) -> None:
    assert retry_after_s(field) == seconds


@given(attempt=attempts, jitter=st.floats(0, 0.5))
def test_two_clients_do_not_knock_at_the_same_moment(attempt: int, jitter: float) -> None:
    assert pause_before_retry(attempt, lambda: jitter) < pause_before_retry(attempt, lambda: jitter + 0.25)
