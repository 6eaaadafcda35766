"""What the attempts of a job say about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.scheduling.judge import Finding, JudgedAttempt, Judgement, Policy, judge
from xwhep.lifecycle import AttemptStatus

LEASED, FINISHED, FAILED = AttemptStatus.LEASED, AttemptStatus.FINISHED, AttemptStatus.FAILED
LOST, REVOKED = AttemptStatus.LOST, AttemptStatus.REVOKED

statuses = st.lists(st.sampled_from(AttemptStatus), max_size=8)
policies = st.builds(Policy, st.integers(1, 8))


def numbered(*ends: AttemptStatus) -> list[JudgedAttempt]:
    return [JudgedAttempt(number, end) for number, end in enumerate(ends, start=1)]


@pytest.mark.parametrize(
    ("ends", "judgement"),
    [
        ((), Judgement(Finding.UNDECIDED, wanted=1)),
        ((LEASED,), Judgement(Finding.UNDECIDED)),
        ((LEASED, LEASED), Judgement(Finding.UNDECIDED)),
        ((FINISHED,), Judgement(Finding.ACCEPTED, 1)),
        ((FAILED,), Judgement(Finding.FAILED, 1)),
        ((LOST,), Judgement(Finding.UNDECIDED, wanted=1)),
        ((REVOKED,), Judgement(Finding.UNDECIDED, wanted=1)),
        ((LOST, LEASED), Judgement(Finding.UNDECIDED)),
        ((LOST, LOST), Judgement(Finding.UNDECIDED, wanted=1)),
        ((LOST, LOST, LEASED), Judgement(Finding.UNDECIDED)),
        ((LOST, LOST, LOST), Judgement(Finding.ERROR)),
        ((LOST, LOST, FINISHED), Judgement(Finding.ACCEPTED, 3)),
        ((LEASED, FINISHED, LEASED), Judgement(Finding.ACCEPTED, 2)),
        ((LEASED, FAILED), Judgement(Finding.FAILED, 2)),
        ((FINISHED, FAILED), Judgement(Finding.ACCEPTED, 1)),
        ((FAILED, FINISHED), Judgement(Finding.FAILED, 1)),
        ((LOST, LOST, LOST, FINISHED), Judgement(Finding.ACCEPTED, 4)),
    ],
)
def test_three_allowed_attempts_say_this(ends: tuple[AttemptStatus, ...], judgement: Judgement) -> None:
    assert judge(Policy(3), numbered(*ends)) == judgement


@pytest.mark.parametrize("allowed", [1, 2, 3])
def test_a_job_is_in_error_once_its_attempts_are_used_up(allowed: int) -> None:
    assert judge(Policy(allowed), numbered(*[LOST] * (allowed - 1))).finding is Finding.UNDECIDED
    assert judge(Policy(allowed), numbered(*[LOST] * allowed)) == Judgement(Finding.ERROR)


@given(policies, statuses, st.data())
def test_the_order_of_attempts_decides_nothing(policy: Policy, ends: list[AttemptStatus], data: st.DataObject) -> None:
    attempts = numbered(*ends)
    shuffled = data.draw(st.permutations(attempts))

    assert judge(policy, shuffled) == judge(policy, attempts)


@given(policies, statuses)
def test_no_more_than_one_attempt_is_wanted(policy: Policy, ends: list[AttemptStatus]) -> None:
    judgement = judge(policy, numbered(*ends))

    assert judgement.wanted in {0, 1}
    if judgement.wanted:
        assert judgement.finding is Finding.UNDECIDED
        assert LEASED not in ends
        assert len(ends) < policy.attempts_allowed


@given(policies, statuses)
def test_what_decides_is_an_attempt_that_brought_an_end(policy: Policy, ends: list[AttemptStatus]) -> None:
    judgement = judge(policy, numbered(*ends))

    decides = {Finding.ACCEPTED: FINISHED, Finding.FAILED: FAILED}.get(judgement.finding)
    assert (judgement.attempt is not None) == (decides is not None)
    if judgement.attempt is not None:
        assert ends[judgement.attempt - 1] is decides
        assert not {FINISHED, FAILED} & set(ends[: judgement.attempt - 1]), "an earlier one decides"


@given(policies, statuses)
def test_an_undecided_job_has_an_attempt_live_or_wanted(policy: Policy, ends: list[AttemptStatus]) -> None:
    judgement = judge(policy, numbered(*ends))

    if judgement.finding is Finding.UNDECIDED:
        assert LEASED in ends or judgement.wanted == 1
    if judgement.finding is Finding.ERROR:
        assert LEASED not in ends
        assert len(ends) >= policy.attempts_allowed


@given(policies, statuses, st.sampled_from(AttemptStatus))
def test_a_later_attempt_does_not_change_a_decision(
    policy: Policy, ends: list[AttemptStatus], later: AttemptStatus
) -> None:
    before = judge(policy, numbered(*ends))

    if before.attempt is not None:
        assert judge(policy, numbered(*ends, later)) == before


@given(policies, statuses)
def test_each_attempt_that_is_given_leads_to_a_decision(policy: Policy, ends: list[AttemptStatus]) -> None:
    given_out = list(ends)
    for _ in range(policy.attempts_allowed + 1):
        given_out = [LOST if end is LEASED else end for end in given_out]
        judgement = judge(policy, numbered(*given_out))
        if judgement.finding is not Finding.UNDECIDED:
            return
        given_out.append(LEASED)
    raise AssertionError("the job is never decided")
