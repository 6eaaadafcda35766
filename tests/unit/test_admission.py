"""Who is let in, by the numbers alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.admission import (
    MOST_BACKLOG,
    MOST_CONNECTIONS,
    Admission,
    Admitted,
    Holds,
    Pace,
    PeerBounds,
    address_group,
)
from xwhep.errors.jobs import BusyError, UnavailableError

BOUNDS = PeerBounds(connections=10, per_address=3, per_identity=2, handshakes=8)


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, group: str) -> None:
    assert address_group(address) == group


@pytest.mark.parametrize(
    ("descriptors", "connections", "handshakes", "per_address", "per_identity"),
    [
        (256, 96, 48, 24, 24),
        (1024, 480, 240, 120, 120),
        (20_000, 9_968, 512, 256, 128),
        (2**20, MOST_CONNECTIONS, 512, 256, 128),
        (10, 8, 4, 2, 2),
    ],
)
def test_bounds_follow_from_the_descriptors(
    descriptors: int, connections: int, handshakes: int, per_address: int, per_identity: int
) -> None:
    bounds = PeerBounds().within(descriptors)

    assert (bounds.connections, bounds.handshakes) == (connections, handshakes)
    assert (bounds.per_address, bounds.per_identity) == (per_address, per_identity)


def test_configured_bounds_are_kept_where_they_leave_room_for_others() -> None:
    bounds = PeerBounds(connections=100_000, per_address=7, per_identity=9, handshakes=20).within(256)
    greedy = PeerBounds(connections=100, per_address=100, per_identity=100, handshakes=100).within(256)

    assert (bounds.connections, bounds.per_address, bounds.per_identity, bounds.handshakes) == (100_000, 7, 9, 20)
    assert (greedy.connections, greedy.per_address, greedy.per_identity, greedy.handshakes) == (100, 25, 25, 50)


def test_a_stranger_is_refused_over_the_bound_of_the_address_and_others_are_not() -> None:
    admission = Admission(BOUNDS)
    mine = [admission.enter("mine") for _ in range(3)]
    admission.shook_hands(mine[0], None)  # without a certificate it still counts for its address

    with pytest.raises(BusyError, match="no more than 3 connections of one address without a certificate"):
        admission.enter("mine")
    admission.enter("another")
    admission.leave(mine[0])
    admission.enter("mine")


def test_members_behind_one_address_are_not_in_each_others_way() -> None:
    admission = Admission(BOUNDS)
    for member in range(10):
        admission.shook_hands(admission.enter("nat"), str(member))

    assert admission.connections == 10


def test_an_identity_is_refused_over_its_bound_from_whatever_address() -> None:
    admission = Admission(BOUNDS)
    for address in ("one", "two"):
        admission.shook_hands(admission.enter(address), "alice")
    third = admission.enter("three")

    with pytest.raises(BusyError, match="no more than 2 connections of one identity"):
        admission.shook_hands(third, "alice")
    admission.leave(third)
    assert admission.connections == 2


def test_handshakes_and_connections_have_bounds_in_all() -> None:
    admission = Admission(BOUNDS)
    entered = [admission.enter(str(number)) for number in range(8)]
    before = admission.has_room_for_a_handshake
    admission.shook_hands(entered[0], None)
    assert (before, admission.has_room_for_a_handshake) == (False, True)
    admission.enter("9")
    admission.enter("10")

    with pytest.raises(BusyError, match="no more than 10 connections open; try again later"):
        admission.enter("11")


@given(st.lists(st.floats(0, 3), max_size=200), st.sampled_from([1.0, 7.0, 200.0]))
def test_beginnings_keep_their_pace(pauses_s: list[float], per_s: float) -> None:
    """However late each begins, of any of them no more than two too many have begun since another one."""
    pace, now, begun = Pace(per_s), 1000.0, []
    for pause_s in pauses_s:
        now += pause_s / per_s
        now += pace.wait_s(now)
        pace.begin(now)
        begun.append(now)

    for first in range(len(begun)):
        for last in range(first, len(begun)):
            assert last - first <= (begun[last] - begun[first]) * per_s + 1 + 1e-6


def test_a_pace_is_kept_by_those_that_come_a_little_late() -> None:
    pace, now = Pace(100), 0.0
    for _ in range(100):
        now += pace.wait_s(now) + 0.004  # a timer that is late
        pace.begin(now)

    assert now == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("accepts_per_s", "backlog"), [(200.0, 4000), (10.0, 200), (0.01, 1), (1e6, MOST_BACKLOG)])
def test_the_backlog_is_for_as_many_as_are_accepted_in_time(accepts_per_s: float, backlog: int) -> None:
    assert PeerBounds(accepts_per_s=accepts_per_s).backlog == backlog


def test_a_busy_dispatcher_is_one_to_try_again_at() -> None:
    assert issubclass(BusyError, UnavailableError)
    assert BusyError.http_status == 503


def test_an_identity_holds_a_few_at_a_time() -> None:
    holds: Holds[str] = Holds("long polls of one identity", 2)
    with holds.one("alice"), holds.one("alice"):
        with pytest.raises(BusyError, match="no more than 2 long polls of one identity"), holds.one("alice"):
            pass
        with holds.one("bob"):
            pass
    with holds.one("alice"), holds.one("alice"):
        pass
    assert not holds._held


@given(st.lists(st.tuples(st.sampled_from(["enter", "shake", "leave"]), st.integers(0, 3), st.booleans()), max_size=60))
def test_nothing_is_left_when_all_have_left(steps: list[tuple[str, int, bool]]) -> None:
    """Whatever happens in whatever order, the counters neither leak nor go below zero."""
    admission = Admission(BOUNDS)
    known: list[Admitted] = []
    for step, number, is_member in steps:
        try:
            if step == "enter":
                known.append(admission.enter(f"address {number % 2}"))
            elif step == "shake" and number < len(known) and known[number].is_shaking_hands:
                admission.shook_hands(known[number], f"member {number % 2}" if is_member else None)
            elif step == "leave" and number < len(known):
                admission.leave(known[number])
        except BusyError:
            continue
        assert 0 <= admission.handshakes <= admission.connections <= 10
    for admitted in known:
        admission.leave(admitted)

    assert (admission.connections, admission.handshakes) == (0, 0)
    assert not admission._addresses
    assert not admission._identities
