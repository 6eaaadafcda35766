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
from xwhep.bitcoin.split_key import Hit, check, hit_public_key
from xwhep.bitcoin.wanted import Wanted
from xwhep.model.attempts import ProgressFields, ReportHit, VanityWork, unit_fields
from xwhep.secp256k1 import Point
from xwhep.units import Unit

#: of one unit: about half a minute of one processor
STEPS: Final = 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What to search for."""

    wanted: Wanted
    public_key: Point
    plain: bool = False


@dataclass(slots=True)
class Found:
    """Takes the first hit of all searches, and sums up how far they are."""

    order: Order
    show: Callable[[ProgressFields], None]
    compiling: Callable[[], None]
    hit: asyncio.Future[Hit]
    started_s: float = field(default_factory=time.monotonic)
    tried: dict[int, int] = field(default_factory=dict)  #: keys by unit

    def take(self, report: ReportHit) -> None:
        """Take a hit, once it is checked; not each one is wanted, where the case of letters is.

        Raises:
            FalseResultError: it is none.
        """
        hit = Hit(int(report.s, 16), report.e, report.sign)
        wanted, public_key = self.order.wanted, self.order.public_key
        check(public_key, hit, wanted.target.match)
        if wanted.find(hit_public_key(public_key, hit)) and not self.hit.done():
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

    def compiling(self) -> None:
        self.found.compiling()

    async def hit(self, hit: ReportHit) -> None:
        self.found.count(self.number, hit.keys_tried)
        self.found.take(hit)


async def search(
    order: Order,
    *,
    slots: int,
    nice: int,
    show: Callable[[ProgressFields], None],
    compiling: Callable[[], None] = lambda: None,
) -> Hit:
    """Return the first hit that is wanted; `show` is told, about every second, how far the search is.

    `compiling` is called if the search has to be compiled for this machine first.

    Raises:
        SearchFailedError: a searching process failed.
        FalseResultError: the kernel computed wrongly.
    """
    hit: asyncio.Future[Hit] = asyncio.get_running_loop().create_future()
    found = Found(order, show, compiling, hit)
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
    order = found.order
    while True:
        unit = Unit(batch_uid, next(numbers), STEPS, order.public_key, order.wanted.target, plain=order.plain)
        work = VanityWork(**unit_fields(unit), batch_uid=batch_uid)
        end = await vanity.search(work, _Sink(unit.number, found), nice=nice)
        found.count(unit.number, end.keys_tried)
