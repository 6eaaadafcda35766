"""How large a unit of a search is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.vanity.sizing import (
    FIRST_UNIT_KEYS,
    MAX_UNIT_KEYS,
    SIZE_BITS,
    TRUST,
    UNIT_S,
    proven_rate,
    sizing_rate,
    unit_steps,
)
from xwhep.vanity.units import MAX_STEPS, keys_of

STEP = keys_of(1, plain=False)


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
