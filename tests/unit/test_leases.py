"""How long a lease is, and how much of what a host says is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.scheduling.leases import (
    DELIVERY,
    LEASE,
    SAME_HOST_PAUSE,
    believed_amount,
    lease_end,
    may_go_on,
)
from xwhep.protocol.attempts import HEARTBEAT_S

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_lease_lasts_a_minute_and_outlives_some_lost_heartbeats() -> None:
    assert lease_end(NOON) == NOON + timedelta(seconds=60)
    assert timedelta(seconds=3 * HEARTBEAT_S) <= LEASE < SAME_HOST_PAUSE


def test_heartbeats_keep_an_attempt_no_longer_than_its_time_limit_and_a_day() -> None:
    last = NOON + timedelta(seconds=3600) + DELIVERY

    assert may_go_on(NOON, 3600, last - timedelta(seconds=1))
    assert not may_go_on(NOON, 3600, last)


@pytest.mark.parametrize(("said", "amount", "believed"), [(5, 9, 5), (9, 9, 9), (10, 9, 9), (10, 0, 0), (10, None, 0)])
def test_a_host_is_believed_no_more_than_there_is_to_do(said: int, amount: int | None, believed: int) -> None:
    assert believed_amount(said, amount) == believed
