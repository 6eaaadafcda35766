"""Who is woken when work comes."""

from __future__ import annotations

from dispatcher.wakeups import Waiter, Waiters


def woken(*waiters: Waiter) -> list[bool]:
    return [waiter.woken.is_set() for waiter in waiters]


def test_one_job_wakes_the_one_that_waited_longest() -> None:
    waiters = Waiters()
    first, second, third = waiters.enter(), waiters.enter(), waiters.enter()

    waiters.wake(1)

    assert woken(first, second, third) == [True, False, False]


def test_as_many_are_woken_as_jobs_came() -> None:
    waiters = Waiters()
    first, second, third = waiters.enter(), waiters.enter(), waiters.enter()

    waiters.wake(2)

    assert woken(first, second, third) == [True, True, False]


def test_a_search_wakes_all() -> None:
    waiters = Waiters()
    everybody = [waiters.enter() for _ in range(5)]

    waiters.wake()

    assert all(woken(*everybody))


def test_who_was_woken_and_used_the_news_wakes_nobody() -> None:
    waiters = Waiters()
    first, second = waiters.enter(), waiters.enter()

    waiters.wake(1)
    waiters.leave(first)

    assert woken(second) == [False]


def test_news_that_did_not_fit_goes_to_the_next() -> None:
    waiters = Waiters()
    first, second, third = waiters.enter(), waiters.enter(), waiters.enter()

    waiters.wake(1)
    waiters.pass_on(first)
    waiters.pass_on(first)

    assert woken(second, third) == [True, False]


def test_news_goes_to_nobody_who_has_looked_since() -> None:
    waiters = Waiters()
    first = waiters.enter()
    waiters.wake(1)
    late = waiters.enter()

    waiters.pass_on(first)

    assert woken(late) == [False]


def test_who_was_never_woken_has_nothing_to_pass_on() -> None:
    waiters = Waiters()
    first, second = waiters.enter(), waiters.enter()

    waiters.leave(first)
    waiters.pass_on(first)
    waiters.wake(1)

    assert woken(first, second) == [False, True]


def test_news_for_nobody_is_forgotten() -> None:
    waiters = Waiters()

    waiters.wake(1)

    assert woken(waiters.enter()) == [False]


def test_a_close_sends_everybody_home_and_lets_nobody_wait() -> None:
    waiters = Waiters()
    before = waiters.enter()

    waiters.close()
    after = waiters.enter()
    waiters.leave(after)

    assert woken(before, after) == [True, True]
