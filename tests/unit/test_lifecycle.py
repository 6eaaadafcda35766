"""The lives of jobs, attempts and batches, as tables."""

from __future__ import annotations

import itertools

import pytest

from xwhep.errors.requests import IllegalTransitionError
from xwhep.lifecycle import (
    TRANSITIONS,
    AttemptStatus,
    BatchStatus,
    Event,
    Status,
    advance,
    after_loss,
    bag_status,
    end_attempt,
    is_final,
)

FINAL = {Status.COMPLETED, Status.FAILED, Status.ERROR, Status.CANCELLED}
ALLOWED = [
    (Status.PENDING, Event.LEASED, Status.RUNNING),
    (Status.PENDING, Event.CANCELLED, Status.CANCELLED),
    (Status.RUNNING, Event.LEASE_EXPIRED, Status.PENDING),
    (Status.RUNNING, Event.ATTEMPTS_USED_UP, Status.ERROR),
    (Status.RUNNING, Event.COMPLETED, Status.COMPLETED),
    (Status.RUNNING, Event.FAILED, Status.FAILED),
    (Status.RUNNING, Event.CANCELLED, Status.CANCELLED),
]


@pytest.mark.parametrize(("status", "event", "following"), ALLOWED)
def test_a_job_takes_this_step(status: Status, event: Event, following: Status) -> None:
    assert advance(status, event) is following


@pytest.mark.parametrize(
    ("status", "event"), sorted(set(itertools.product(Status, Event)) - {(step[0], step[1]) for step in ALLOWED})
)
def test_a_job_takes_no_other_step(status: Status, event: Event) -> None:
    with pytest.raises(IllegalTransitionError, match=f"what is {status} cannot become {event}"):
        advance(status, event)


@pytest.mark.parametrize("status", Status)
def test_every_status_can_reach_a_final_one(status: Status) -> None:
    reached = {status}
    for _ in Status:
        reached |= {end for (start, _), end in TRANSITIONS.items() if start in reached}

    assert reached & FINAL


@pytest.mark.parametrize("status", Status)
def test_only_the_four_ends_are_final(status: Status) -> None:
    assert is_final(status) == (status in FINAL)


@pytest.mark.parametrize("end", sorted(set(AttemptStatus) - {AttemptStatus.LEASED}))
def test_an_attempt_ends_from_its_lease_and_only_once(end: AttemptStatus) -> None:
    assert end_attempt(AttemptStatus.LEASED, end) is end
    for other in AttemptStatus:
        with pytest.raises(IllegalTransitionError):
            end_attempt(end, other)


def test_a_lease_is_no_end() -> None:
    with pytest.raises(IllegalTransitionError):
        end_attempt(AttemptStatus.LEASED, AttemptStatus.LEASED)


@pytest.mark.parametrize(
    ("made", "allowed", "event"),
    [
        (1, 3, Event.LEASE_EXPIRED),
        (2, 3, Event.LEASE_EXPIRED),
        (3, 3, Event.ATTEMPTS_USED_UP),
        (1, 1, Event.ATTEMPTS_USED_UP),
    ],
)
def test_a_loss_is_followed_by_another_attempt_until_they_are_used_up(made: int, allowed: int, event: Event) -> None:
    assert after_loss(made, allowed) is event


@pytest.mark.parametrize(
    ("counts", "cancelled", "status"),
    [
        ({Status.COMPLETED: 3}, False, BatchStatus.COMPLETED),
        ({Status.COMPLETED: 3, Status.PENDING: 0}, False, BatchStatus.COMPLETED),
        ({Status.COMPLETED: 3, Status.PENDING: 1}, False, BatchStatus.RUNNING),
        ({Status.FAILED: 1, Status.RUNNING: 1}, False, BatchStatus.RUNNING),
        ({Status.COMPLETED: 3, Status.FAILED: 1}, False, BatchStatus.FAILED),
        ({Status.ERROR: 1}, False, BatchStatus.FAILED),
        ({Status.COMPLETED: 1, Status.CANCELLED: 1}, False, BatchStatus.FAILED),
        ({Status.CANCELLED: 2, Status.COMPLETED: 1}, True, BatchStatus.CANCELLED),
    ],
)
def test_a_bag_is_what_its_jobs_are(counts: dict[Status, int], status: BatchStatus, *, cancelled: bool) -> None:
    assert bag_status(counts, cancelled=cancelled) is status
