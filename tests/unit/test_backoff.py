"""Pauses: what fails is tried again later and later, and stops nothing else."""

from __future__ import annotations

from oracle.settlement.backoff import FIRST_PAUSE_S, LONGEST_PAUSE_S, Backoff, look_pause_s


def test_pauses_after_failures_grow_to_a_bound_and_start_again_after_a_success() -> None:
    backoff: Backoff[str] = Backoff(lambda: 1.0)

    pauses = [backoff.failed("a", 0.0) for _ in range(8)]
    backoff.went_well("a", 0.0, 0.0)

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (FIRST_PAUSE_S, LONGEST_PAUSE_S)
    assert backoff.failed("a", 0.0) == FIRST_PAUSE_S


def test_a_pause_is_as_long_as_the_other_side_asked_for_at_least() -> None:
    assert Backoff[str](lambda: 0.0).failed("a", 0.0, 7.0) == 7.0
    assert Backoff[str](lambda: 0.5).failed("a", 0.0, 7.0) == 10.5
    assert Backoff[str](lambda: 1.0).failed("a", 0.0, 0.1) == FIRST_PAUSE_S


def test_a_pause_is_one_things_own_and_ends() -> None:
    backoff: Backoff[str] = Backoff(lambda: 0.0)
    pause_s = backoff.failed("a", 100.0)

    assert not backoff.is_due("a", 100.0 + pause_s - 0.01)
    assert backoff.is_due("a", 100.0 + pause_s)
    assert backoff.is_due("b", 100.0)


def test_what_is_not_kept_is_forgotten() -> None:
    backoff: Backoff[str] = Backoff(lambda: 0.0)
    backoff.failed("a", 100.0)

    backoff.keep(["b"])

    assert backoff.is_due("a", 100.0)


def test_the_longer_something_takes_the_more_rarely_it_is_looked_at() -> None:
    assert look_pause_s(0) < look_pause_s(100) < look_pause_s(1e9) == LONGEST_PAUSE_S
