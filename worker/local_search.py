"""A vanity search on this machine alone: the units of a search of one's own, on all processors.

The requester's secret, if it is made here, stays in this process; the searching children know the public key only.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

from worker.runs import vanity
from xwhep.bitcoin.patterns import Pattern
from xwhep.bitcoin.split_key import Hit, check
from xwhep.model.attempts import ProgressFields, ReportHit, VanityWork
from xwhep.secp256k1 import Point, encode

#: of one unit: about half a minute of one processor
STEPS: Final = 1024


@dataclass(slots=True)
class Found:
    """Takes the first hit of all searches, and sums up how far they are."""

    pattern: Pattern
    public_key: Point
    show: Callable[[ProgressFields], None]
    hit: asyncio.Future[Hit]
    started_s: float = field(default_factory=time.monotonic)
    tried: dict[int, int] = field(default_factory=dict)  #: keys by unit

    def take(self, report: ReportHit) -> None:
        """Take a hit, once it is checked.

        Raises:
            FalseResultError: it is none.
        """
        hit = Hit(int(report.s, 16), report.e, report.sign)
        check(self.public_key, hit, self.pattern.ranges, self.pattern.form)
        if not self.hit.done():
            self.hit.set_result(hit)

    def count(self, number: int, keys: int) -> None:
        """Take how far one unit is."""
        self.tried[number] = keys
        total = sum(self.tried.values())
        self.show(ProgressFields(keys_tried=total, keys_per_s=total / max(1e-9, time.monotonic() - self.started_s)))


@dataclass(slots=True)
class _Sink:
    """What one unit says."""

    number: int
    found: Found

    def progress(self, progress: ProgressFields) -> None:
        self.found.count(self.number, progress.keys_tried)

    async def hit(self, hit: ReportHit) -> None:
        self.found.take(hit)


async def search(
    pattern: Pattern, public_key: Point, *, slots: int, nice: int, show: Callable[[ProgressFields], None]
) -> Hit:
    """Return the first hit of a pattern; `show` is told, about every second, how far the search is.

    Raises:
        SearchFailedError: a searching process failed.
        FalseResultError: the kernel computed wrongly.
    """
    hit: asyncio.Future[Hit] = asyncio.get_running_loop().create_future()
    found = Found(pattern, public_key, show, hit)
    batch_uid, numbers = uuid4(), itertools.count()
    searchers = [asyncio.create_task(_search_units(found, batch_uid, numbers, nice)) for _ in range(slots)]
    try:
        waited_for: list[asyncio.Future[Any]] = [hit, *searchers]
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        for searcher in searchers:
            if searcher.done():
                searcher.result()  # one that ends by itself has failed
        return hit.result()
    finally:
        for searcher in searchers:
            searcher.cancel()
        await asyncio.gather(*searchers, return_exceptions=True)


async def _search_units(found: Found, batch_uid: UUID, numbers: itertools.count[int], nice: int) -> None:
    while True:
        work = _work(found.pattern, found.public_key, batch_uid, next(numbers))
        end = await vanity.search(work, _Sink(work.number, found), nice=nice)
        found.count(work.number, end.keys_tried)


def _work(pattern: Pattern, public_key: Point, batch_uid: UUID, number: int) -> VanityWork:
    return VanityWork(
        batch_uid=batch_uid,
        number=number,
        steps=STEPS,
        form=pattern.form,
        public_key=encode(public_key).hex(),
        ranges=[(f"{first:040x}", f"{last:040x}") for first, last in pattern.ranges],
    )
