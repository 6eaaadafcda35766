"""Waking long polls: hosts wait in queues, and work that becomes ready wakes as many of those it fits as it can use.

Hosts of equal profiles share a queue, so that a job that fits nobody wakes nobody, however many wait. A host that was
woken and found nothing passes the news on to the next that waited before the work came. So no submission wakes all
hosts, and none is overlooked. Nothing here is authoritative: a poll looks at the database when it begins, whatever was
lost here.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from dispatcher.scheduling.matching import Profile, Requirement


class News(NamedTuple):
    """Jobs that require this became ready."""

    number: int  #: in the order of news and of waiters
    requirement: Requirement


@dataclass(slots=True)
class Waiter:
    """One long poll."""

    ticket: int = 0
    profile: Profile | None = None  #: of its host
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    news: News | None = None  #: what woke it


class Waiters:
    """The long polls of this process."""

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self._queues: dict[Profile, OrderedDict[int, Waiter]] = {}  #: none is empty
        self.closed = False

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(map(len, self._queues.values()))

    def enter(self, profile: Profile) -> Waiter:
        """Join the queue of a profile; do so before looking at the database, or news may be missed."""
        waiter = Waiter(next(self._count), profile)
        if self.closed:
            waiter.woken.set()
        else:
            self._queues.setdefault(profile, OrderedDict())[waiter.ticket] = waiter
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Leave the queue; who was woken is in it no more."""
        if waiter.profile is None or (queue := self._queues.get(waiter.profile)) is None:
            return
        queue.pop(waiter.ticket, None)
        if not queue:
            del self._queues[waiter.profile]

    def pass_on(self, waiter: Waiter) -> None:
        """Hand on the news that woke somebody who could not use it; once, and nothing if none did."""
        news, waiter.news = waiter.news, None
        if news is not None:
            self._wake_one(news)

    def wake(self, ready: Mapping[Requirement, int]) -> None:
        """Tell that so many attempts became wanted of jobs with each requirement."""
        for requirement, count in ready.items():
            news = News(next(self._count), requirement)
            while count > 0 and self._wake_one(news):
                count -= 1  # noqa: PLW2901 - of how many more can use the news

    def close(self) -> None:
        """Send everybody home; the server stops."""
        self.closed = True
        for queue in self._queues.values():
            for waiter in queue.values():
                waiter.woken.set()
        self._queues.clear()

    def _wake_one(self, news: News) -> bool:
        """Wake the longest waiting, of those whom the work fits and who entered before the news, if there is one."""
        fitting = (queue for profile, queue in self._queues.items() if _fits(news.requirement, profile))
        waiter = min((next(iter(queue.values())) for queue in fitting), key=lambda one: one.ticket, default=None)
        if waiter is None or waiter.ticket > news.number:
            return False
        self.leave(waiter)
        waiter.news = news
        waiter.woken.set()
        return True


@lru_cache(maxsize=65_536)
def _fits(requirement: Requirement, profile: Profile) -> bool:
    return requirement.fits(profile)
