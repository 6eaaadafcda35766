"""How long a lease is, and how large a unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.scheduling.leases import (
    DELIVERY,
    FIRST_UNIT_KEYS,
    LEASE,
    MAX_UNIT_KEYS,
    SAME_HOST_PAUSE,
    SIZE_BITS,
    TRUST,
    UNIT_S,
    lease_end,
    may_go_on,
    proven_rate,
    sizing_rate,
    unit_steps,
)
from xwhep.protocol.attempts import HEARTBEAT_S
from xwhep.vanity.units import MAX_STEPS, keys_of

STEP = keys_of(1, plain=False)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_lease_lasts_a_minute_and_outlives_some_lost_heartbeats() -> None:
    assert lease_end(NOON) == NOON + timedelta(seconds=60)
    assert timedelta(seconds=3 * HEARTBEAT_S) <= LEASE < SAME_HOST_PAUSE


@given(st.floats(STEP / UNIT_S, MAX_UNIT_KEYS / UNIT_S))
def test_a_unit_lasts_about_a_minute(keys_per_s: float) -> None:
    assert STEP * unit_steps(keys_per_s, STEP) / keys_per_s == pytest.approx(UNIT_S, rel=0.5)


@given(st.floats(100 * STEP / UNIT_S, MAX_UNIT_KEYS / UNIT_S))
def test_hosts_of_like_rates_get_units_of_one_size_a_little_below_a_minute(keys_per_s: float) -> None:
    steps = unit_steps(keys_per_s, STEP)

    assert 0.87 * UNIT_S < STEP * steps / keys_per_s < 1.01 * UNIT_S
    assert len(f"{steps:b}".rstrip("0")) <= SIZE_BITS


@given(st.floats(0, 1e12))
def test_a_unit_has_steps_within_bounds(keys_per_s: float) -> None:
    assert 1 <= unit_steps(keys_per_s, STEP) <= MAX_STEPS


def test_the_first_unit_of_a_host_is_of_modest_size() -> None:
    assert STEP * unit_steps(sizing_rate(0, 0), STEP) == pytest.approx(FIRST_UNIT_KEYS, rel=0.125)


@given(said=st.floats(0, 1e12), proven=st.floats(0, 1e12))
def test_a_unit_is_sized_by_what_a_host_says_within_what_it_has_proven(said: float, proven: float) -> None:
    believed = sizing_rate(said, proven)

    assert 0 < believed <= max(TRUST * proven, FIRST_UNIT_KEYS / UNIT_S)
    assert believed <= said or said == 0
    assert believed == said or said > TRUST * proven or said == 0


def test_what_a_host_has_proven_serves_where_it_says_nothing() -> None:
    assert sizing_rate(0, 123.0) == 123.0


@given(rate=st.floats(1, 1e9), lasts_s=st.floats(1, 3600), start=st.floats(0, 1e9))
def test_a_proven_rate_becomes_that_of_the_latest_units(rate: float, lasts_s: float, start: float) -> None:
    proven = start
    for _ in range(100):
        proven = proven_rate(proven, round(rate * lasts_s), lasts_s)

    assert proven == pytest.approx(rate, rel=0.5)


def test_a_unit_that_ended_at_once_proves_no_endless_rate() -> None:
    assert proven_rate(0, 1000, 0) == 1000


def test_heartbeats_keep_an_attempt_no_longer_than_its_time_limit_and_a_day() -> None:
    last = NOON + timedelta(seconds=3600) + DELIVERY

    assert may_go_on(NOON, 3600, last - timedelta(seconds=1))
    assert not may_go_on(NOON, 3600, last)
