"""The lives of jobs, attempts and batches, as tables."""

from __future__ import annotations

import itertools

import pytest

from xwhep.errors.requests import IllegalTransitionError
from xwhep.lifecycle import (
    ATTEMPT_ENDS,
    OPEN,
    TRANSITIONS,
    AttemptStatus,
    BatchStatus,
    Blame,
    Event,
    Status,
    advance,
    bag_status,
    is_final,
    leased,
)

FINAL = {Status.COMPLETED, Status.FAILED, Status.ERROR, Status.CANCELLED}
ALLOWED = [
    (Status.PENDING, Event.LEASED, Status.RUNNING),
    (Status.PENDING, Event.CANCELLED, Status.CANCELLED),
    (Status.RUNNING, Event.LEASED, Status.RUNNING),
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


def test_a_job_is_open_until_it_has_ended() -> None:
    assert set(OPEN) == set(Status) - FINAL


@pytest.mark.parametrize("status", Status)
def test_a_lease_of_a_job_that_has_ended_leaves_it_as_it_ended(status: Status) -> None:
    assert leased(status) is (status if status in FINAL else Status.RUNNING)


def test_an_attempt_that_is_leased_has_not_ended() -> None:
    assert set(ATTEMPT_ENDS) == set(AttemptStatus) - {AttemptStatus.LEASED}


@pytest.mark.parametrize(
    ("end", "blame"),
    [
        (AttemptStatus.FINISHED, None),
        (AttemptStatus.FAILED, Blame.JOB),
        (AttemptStatus.LOST, Blame.HOST),
        (AttemptStatus.REVOKED, Blame.GRID),
    ],
)
def test_an_end_without_a_result_is_somebodys_fault(end: AttemptStatus, blame: Blame | None) -> None:
    assert ATTEMPT_ENDS[end] is blame


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ({Status.COMPLETED: 3}, BatchStatus.COMPLETED),
        ({Status.COMPLETED: 3, Status.PENDING: 0}, BatchStatus.COMPLETED),
        ({Status.COMPLETED: 3, Status.PENDING: 1}, BatchStatus.RUNNING),
        ({Status.FAILED: 1, Status.RUNNING: 1}, BatchStatus.RUNNING),
        ({Status.COMPLETED: 3, Status.FAILED: 1}, BatchStatus.FAILED),
        ({Status.ERROR: 1}, BatchStatus.FAILED),
        ({Status.COMPLETED: 1, Status.CANCELLED: 1}, BatchStatus.FAILED),
        ({Status.CANCELLED: 2, Status.COMPLETED: 1}, BatchStatus.FAILED),
    ],
)
def test_a_bag_is_what_its_jobs_are(counts: dict[Status, int], status: BatchStatus) -> None:
    assert bag_status(counts) is status
