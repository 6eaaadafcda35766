"""Waking long polls: hosts wait in a queue, and work that becomes ready wakes as many of them as it can use.

A host that was woken and found nothing that fits passes the news on to the next that waited before the work came. So no
submission wakes all hosts, and none is overlooked. Nothing here is authoritative: a poll looks at the database when
it begins, whatever was lost here.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

ALL: Final = 1_000_000  #: a search has no last unit


@dataclass(slots=True)
class Waiter:
    """One long poll."""

    ticket: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    news: int = 0  #: the number of the event that woke it; 0: none did


class Waiters:
    """The queue of long polls of this process."""

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self._queue: OrderedDict[int, Waiter] = OrderedDict()
        self.closed = False

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._queue)

    def enter(self) -> Waiter:
        """Join the queue, at its end; do so before looking at the database, or news may be missed."""
        waiter = Waiter(next(self._count))
        if self.closed:
            waiter.woken.set()
        else:
            self._queue[waiter.ticket] = waiter
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Leave the queue; who was woken is in it no more."""
        self._queue.pop(waiter.ticket, None)

    def pass_on(self, waiter: Waiter) -> None:
        """Hand on the news that woke somebody who could not use it; once, and nothing if none did."""
        news, waiter.news = waiter.news, 0
        self._wake_one(news)

    def wake(self, count: int = ALL) -> None:
        """Tell that so many jobs became ready."""
        news = next(self._count)
        for _ in range(min(count, len(self._queue))):
            self._wake_one(news)

    def close(self) -> None:
        """Send everybody home; the server stops."""
        self.closed = True
        for waiter in self._queue.values():
            waiter.woken.set()
        self._queue.clear()

    def _wake_one(self, news: int) -> None:
        """Wake the longest waiting of those that entered before the news."""
        for ticket, waiter in self._queue.items():
            if ticket < news:
                del self._queue[ticket]
                waiter.news = news
                waiter.woken.set()
            return
