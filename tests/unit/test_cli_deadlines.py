"""Deadlines as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.cli.deadlines import parse_deadline
from xwhep.errors.chain import DeadlineError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ahead"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("1h", timedelta(hours=1)),
        ("30d", timedelta(days=30)),
        ("2026-03-01T13:00:00Z", timedelta(hours=1)),
        ("2026-03-01 15:00+02:00", timedelta(hours=1)),
        ("2026-03-05T00:00:00+00:00", timedelta(hours=84)),
    ],
)
def test_a_span_or_a_time_is_a_moment(text: str, ahead: timedelta) -> None:
    assert parse_deadline(text, NOW) == NOW + ahead


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-01T11:59:59Z", "it lies in the past"),
        ("0s", "it lies in the past"),
        ("59s", "none less than 1 min ahead"),
        ("31d", "none more than 30 days ahead"),
        ("9999-12-31T23:59:59-12:00", "it is beyond the calendar"),
        ("999999999d", "it is beyond the calendar"),
        ("tomorrow", "it is no time"),
        ("-1h", "it is no time"),
        ("1h30m", "it is no time"),
        ("", "it is no time"),
    ],
)
def test_another_deadline_is_refused(text: str, why: str) -> None:
    with pytest.raises(DeadlineError, match=why):
        parse_deadline(text, NOW)


@given(st.text(max_size=30))
def test_any_text_is_a_deadline_within_bounds_or_refused(text: str) -> None:
    try:
        when = parse_deadline(text, NOW)
    except DeadlineError:
        return
    assert NOW + timedelta(minutes=1) <= when <= NOW + timedelta(days=30)
