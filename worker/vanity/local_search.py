"""A vanity search on this machine alone: the units of a search of one's own, on all processors.

The requester's secret, if it is made here, stays in this process; the searching children know the public key only.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from worker.vanity import process
from xwhep.protocol.attempts import ProgressFields
from xwhep.secp256k1 import Point
from xwhep.vanity.messages import ReportShare, VanityWork, unit_fields
from xwhep.vanity.split_key import Hit, check, hit_public_key
from xwhep.vanity.units import Unit
from xwhep.vanity.wanted import Wanted
from xwhep.world import REAL

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
    slots: int
    show: Callable[[ProgressFields], None]
    compiling: Callable[[], None]
    hit: asyncio.Future[Hit]
    running: dict[int, ProgressFields] = field(default_factory=dict)  #: by unit
    ended: int = 0  #: keys of units that are over

    def take(self, share: ReportShare) -> None:
        """Take a hit, once it is checked; not each one is wanted, where the case of letters is.

        Raises:
            FalseResultError: it is none.
        """
        hit = share.hit()
        wanted, public_key = self.order.wanted, self.order.public_key
        check(public_key, hit, wanted.target.match)
        if wanted.find(hit_public_key(public_key, hit)) and not self.hit.done():
            self.hit.set_result(hit)

    def tell(self, number: int, progress: ProgressFields) -> None:
        """Take how far one unit is, and show how far all are."""
        self.running[number] = progress
        units = self.running.values()
        keys = self.ended + sum(one.amount for one in units)
        keys_per_s = self.slots * sum(one.amount_per_s for one in units) / len(units)  # some slots may be between units
        self.show(ProgressFields(amount=keys, amount_per_s=keys_per_s))

    def end(self, number: int, keys: int) -> None:
        """Take that a unit is over."""
        self.running.pop(number, None)
        self.ended += keys


@dataclass(slots=True)
class _Sink:
    """What one unit says."""

    number: int
    found: Found

    def progress(self, progress: ProgressFields) -> None:
        self.found.tell(self.number, progress)

    def compiling(self) -> None:
        self.found.compiling()

    async def hit(self, share: ReportShare) -> None:
        self.found.tell(self.number, share)
        self.found.take(share)


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
    found = Found(order, slots, show, compiling, hit)
    batch_uid, numbers = REAL.new_uid(), itertools.count()
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
        end = await process.search(work, _Sink(unit.number, found), nice=nice)
        found.end(unit.number, end.amount)
