"""How long polls wait, by how many hosts poll."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.scheduling.polling import POLLS_PER_S, SHORTEST_S, next_wait_s
from dispatcher.usecases.waiting import HEARD_OF
from xwhep.protocol.attempts import MAX_WAIT_S

chances = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("hosts", "wait_s"), [(0, 25), (625, 25), (2500, 100), (5000, 200), (10**9, 200)])
def test_polls_wait_the_longer_the_more_hosts_poll(hosts: int, wait_s: float) -> None:
    assert next_wait_s(hosts, 0.0) == wait_s


@given(hosts=st.integers(0, 10**6), chance=chances)
def test_a_poll_is_within_its_bounds_and_hosts_spread(hosts: int, chance: float) -> None:
    longest = next_wait_s(hosts, 0.0)

    assert 0.9 * longest <= next_wait_s(hosts, chance) <= longest
    assert 0.9 * SHORTEST_S <= next_wait_s(hosts, chance) <= MAX_WAIT_S < HEARD_OF.total_seconds()


@given(hosts=st.integers(0, int(POLLS_PER_S * MAX_WAIT_S)), chance=chances)
def test_all_hosts_together_keep_to_the_rate(hosts: int, chance: float) -> None:
    assert hosts / next_wait_s(hosts, chance) <= POLLS_PER_S / 0.9 + 1e-9
