"""Who is woken when work comes."""

from __future__ import annotations

from dispatcher.scheduling.matching import Profile, Requirement
from dispatcher.usecases.ready import ENDLESS
from dispatcher.wakeups import Waiter, Waiters
from tests.support.kinds import NATIVE
from xwhep.protocol.base import Cpu, Os

LINUX = Profile({NATIVE: frozenset()}, Os.LINUX, Cpu.X86_64)
MACOS = Profile({NATIVE: frozenset()}, Os.MACOS, Cpu.ARM64)
ANYWHERE = Requirement(NATIVE)
ON_MACOS = Requirement(NATIVE, frozenset({(Os.MACOS, Cpu.ANY)}))
ON_WINDOWS = Requirement(NATIVE, frozenset({(Os.WINDOWS, Cpu.ANY)}))


def woken(*waiters: Waiter) -> list[bool]:
    return [waiter.woken.is_set() for waiter in waiters]


def test_one_job_wakes_the_one_that_waited_longest() -> None:
    waiters = Waiters()
    first, second, third = waiters.enter(LINUX), waiters.enter(LINUX), waiters.enter(LINUX)

    waiters.wake({ANYWHERE: 1})

    assert woken(first, second, third) == [True, False, False]


def test_as_many_are_woken_as_jobs_came() -> None:
    waiters = Waiters()
    first, second, third = waiters.enter(LINUX), waiters.enter(LINUX), waiters.enter(LINUX)

    waiters.wake({ANYWHERE: 2})

    assert woken(first, second, third) == [True, True, False]


def test_a_search_wakes_all() -> None:
    waiters = Waiters()
    everybody = [waiters.enter(LINUX) for _ in range(5)]

    waiters.wake({ANYWHERE: ENDLESS})

    assert all(woken(*everybody))


def test_who_was_woken_and_used_the_news_wakes_nobody() -> None:
    waiters = Waiters()
    first, second = waiters.enter(LINUX), waiters.enter(LINUX)

    waiters.wake({ANYWHERE: 1})
    waiters.leave(first)

    assert woken(second) == [False]


def test_news_that_did_not_fit_goes_to_the_next() -> None:
    waiters = Waiters()
    first, second, third = waiters.enter(LINUX), waiters.enter(LINUX), waiters.enter(LINUX)

    waiters.wake({ANYWHERE: 1})
    waiters.pass_on(first)
    waiters.pass_on(first)

    assert woken(second, third) == [True, False]


def test_news_goes_to_nobody_who_has_looked_since() -> None:
    waiters = Waiters()
    first = waiters.enter(LINUX)
    waiters.wake({ANYWHERE: 1})
    late = waiters.enter(LINUX)

    waiters.pass_on(first)

    assert woken(late) == [False]


def test_who_was_never_woken_has_nothing_to_pass_on() -> None:
    waiters = Waiters()
    first, second = waiters.enter(LINUX), waiters.enter(LINUX)

    waiters.leave(first)
    waiters.pass_on(first)
    waiters.wake({ANYWHERE: 1})

    assert woken(first, second) == [False, True]


def test_news_for_nobody_is_forgotten() -> None:
    waiters = Waiters()

    waiters.wake({ANYWHERE: 1})

    assert woken(waiters.enter(LINUX)) == [False]


def test_a_close_sends_everybody_home_and_lets_nobody_wait() -> None:
    waiters = Waiters()
    before = waiters.enter(LINUX)

    waiters.close()
    after = waiters.enter(LINUX)
    waiters.leave(after)

    assert woken(before, after) == [True, True]


def test_a_job_that_fits_nobody_wakes_nobody() -> None:
    waiters = Waiters()
    everybody = [waiters.enter(LINUX), waiters.enter(MACOS)]

    waiters.wake({ON_WINDOWS: 5})

    assert woken(*everybody) == [False, False]


def test_a_job_wakes_the_host_that_it_fits_though_another_has_waited_longer() -> None:
    waiters = Waiters()
    linux, macos = waiters.enter(LINUX), waiters.enter(MACOS)

    waiters.wake({ON_MACOS: 2})

    assert woken(linux, macos) == [False, True]


def test_of_hosts_with_different_profiles_the_one_that_waited_longest_is_woken() -> None:
    waiters = Waiters()
    everybody = [waiters.enter(profile) for profile in (MACOS, LINUX, MACOS, LINUX)]

    waiters.wake({ANYWHERE: 3})

    assert woken(*everybody) == [True, True, True, False]


def test_news_is_passed_on_to_a_host_that_it_fits() -> None:
    waiters = Waiters()
    first, linux, macos = (waiters.enter(profile) for profile in (MACOS, LINUX, MACOS))

    waiters.wake({ON_MACOS: 1})
    waiters.pass_on(first)

    assert woken(first, linux, macos) == [True, False, True]
