"""`python -m tests.bench.shares`: what a unit of a search and its shares cost the dispatcher.

A host leases a unit, reports its shares and ends it, by exchanges. The shares are real: the kernel finds those of all
units before anything is measured. The last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

from worker.vanity import cache

if "numba" not in sys.modules:
    cache.activate(cache.default_root())

from tests.bench.dispatcher_grid import LoadedGrid, a_loaded_grid
from tests.bench.lists import run_alone
from tests.bench.wire import Wire
from worker.vanity.choice import choose_kernel
from worker.vanity.engine import UnitSearch
from xwhep.client.connection import Connection
from xwhep.client.owner import OwnerClient
from xwhep.pki.contexts import client_context
from xwhep.protocol.attempts import PROTOCOL
from xwhep.vanity.hit_fields import hit_fields
from xwhep.vanity.messages import SubmitSearch, VanityAbility, VanityWork
from xwhep.vanity.split_key import Hit, keygen
from xwhep.vanity.units import keys_of
from xwhep.world import REAL

#: reported of each unit: what one has on average, of all searches
SHARES: Final = 13
#: of a unit here: then it has 15 shares on average, and three in four have as many as are reported
STEPS: Final = 5
KEYS: Final = keys_of(STEPS, plain=False)
#: a host of this rate, in keys a second, is given units of so many steps
ASK: Final = {
    "protocol": PROTOCOL,
    "os": "linux",
    "cpu": "x86_64",
    "kinds": {"vanity": VanityAbility(keys_per_s=KEYS / 60).model_dump(mode="json")},
    "wait_s": 0,
}
#: none of its addresses is found here: a share that wins would end the search
PATTERN: Final = "1LoVELoVE"
#: microseconds of the dispatcher's processor that a unit is asked to take at most
ASKED_US: Final = 6_000
#: of the shares in one exchange
MODES: Final = {"one by one": 1, "together": SHARES}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one unit has taken, microseconds of the dispatcher's processor."""

    lease: float
    reports: float
    end: float

    @property
    def unit(self) -> float:
        """Return what all of it has taken."""
        return self.lease + self.reports + self.end

    @property
    def share(self) -> float:
        """Return what one report has taken."""
        return self.reports / SHARES


@dataclass(slots=True)
class Searcher:
    """A host that knows the shares of the units to come."""

    grid: LoadedGrid
    wire: Wire
    shares: Mapping[int, list[dict[str, Any]]] = field(default_factory=dict)  #: of a unit, by its number

    async def lease(self) -> dict[str, Any]:
        """Lease the next unit."""
        (lease,) = (await self._exchange(ask=ASK))["leases"]
        return dict(lease)

    async def report(self, lease: Mapping[str, Any], at_once: int) -> None:
        """Report shares of a unit, so many in an exchange."""
        found = self.shares[lease["work"]["number"]][:SHARES]
        for start in range(0, SHARES, at_once):
            reports = [_named(lease, report=share) for share in found[start : start + at_once]]
            answers = (await self._exchange(reports=reports))["reports"]
            assert all(answer["reply"]["status"] == "leased" for answer in answers), "each share counts, and none wins"

    async def end(self, lease: Mapping[str, Any]) -> None:
        """End a unit."""
        end = {"outcome": "finished", "fraction": 1, "amount": KEYS, "amount_per_s": KEYS / 60}
        (answer,) = (await self._exchange(ends=[_named(lease, **end)]))["ends"]
        assert answer["reply"]["status"] == "finished", "the end is accepted"

    async def cost(self, at_once: int) -> Cost:
        """Do the next unit that has enough shares; those before it end without any."""
        while True:
            clock_s = [self.grid.cpu_s()]
            lease = await self.lease()
            clock_s.append(self.grid.cpu_s())
            if is_rich := len(self.shares[lease["work"]["number"]]) >= SHARES:
                await self.report(lease, at_once)
            clock_s.append(self.grid.cpu_s())
            await self.end(lease)
            clock_s.append(self.grid.cpu_s())
            if is_rich:
                return Cost(*((after - before) * 1e6 for before, after in pairwise(clock_s)))

    async def _exchange(self, **said: Any) -> dict[str, Any]:
        return dict(await self.wire.call("POST", "/v1/exchange", said))


def _named(lease: Mapping[str, Any], **said: Any) -> dict[str, Any]:
    return {"job_uid": lease["job_uid"], "attempt": lease["attempt"], **said}


def hits(work: VanityWork) -> Iterator[Hit]:
    """Search a unit with this machine's kernel."""
    search = UnitSearch(choose_kernel(), work.unit(work.batch_uid))
    while search.next_step < work.steps:
        for candidate in search.advance(work.steps):
            if (hit := search.check(candidate)) is not None:
                yield hit


def shares_of(work: VanityWork, count: int) -> dict[int, list[dict[str, Any]]]:
    """Return the shares of this unit and of those that come after it, as reports, by the unit's number."""
    units = (work.model_copy(update={"number": number}) for number in range(work.number, work.number + count))
    return {
        unit.number: [{"kind": "vanity", **hit_fields(hit), "fraction": 0.5, "amount": KEYS // 2} for hit in hits(unit)]
        for unit in units
    }


@contextlib.asynccontextmanager
async def a_searcher(grid: LoadedGrid, units: int) -> AsyncIterator[Searcher]:
    """Submit a search, and yield a host that knows the shares of so many units of it."""
    async with Connection(f"https://127.0.0.1:{grid.port}", client_context(grid.user)) as connection:
        search = SubmitSearch(uid=REAL.new_uid(), name="s", patterns=[PATTERN], public_key=keygen()[1].hex())
        await OwnerClient(connection).submit_batch(search)
    searcher = Searcher(grid, await grid.as_host(0))
    first = await searcher.lease()
    work = VanityWork.model_validate(first["work"])
    assert work.steps == STEPS, "the dispatcher sizes units by what the host says of its rate"
    searcher.shares = await asyncio.to_thread(shares_of, work, units)
    await searcher.end(first)
    yield searcher
    searcher.wire.close()


async def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """Return what a unit and a share of it take, the median of several rounds in which both ways take turns."""
    rounds, units = (3, 8) if quick else (5, 16)
    found: dict[str, list[list[Cost]]] = {mode: [] for mode in MODES}
    async with a_loaded_grid(folder, hosts=1) as grid, a_searcher(grid, 3 * len(MODES) * units * (rounds + 1)) as host:
        for number in range(rounds + 1):
            costs = {mode: [await host.cost(at_once) for _ in range(units)] for mode, at_once in MODES.items()}
            for mode in MODES if number else ():  # the first prepares statements, and fills the caches
                found[mode].append(costs[mode])
    print(f"us a unit of {SHARES} shares    lease  a share    unit   lowest to highest; asked: {ASKED_US:,} at most")
    for mode, of_rounds in found.items():
        print(_row(mode, of_rounds))
    return {
        "unit_cpu_us": round(_median(found["one by one"], lambda cost: cost.unit)),
        "share_cpu_us": round(_median(found["one by one"], lambda cost: cost.share)),
        "unit_together_cpu_us": round(_median(found["together"], lambda cost: cost.unit)),
        "share_together_cpu_us": round(_median(found["together"], lambda cost: cost.share)),
    }


def _of_rounds(rounds: list[list[Cost]], part: Callable[[Cost], float]) -> list[float]:
    return sorted(sum(map(part, costs)) / len(costs) for costs in rounds)


def _median(rounds: list[list[Cost]], part: Callable[[Cost], float]) -> float:
    return median(_of_rounds(rounds, part))


def _row(mode: str, rounds: list[list[Cost]]) -> str:
    lease, share = (_median(rounds, part) for part in (lambda cost: cost.lease, lambda cost: cost.share))
    units = _of_rounds(rounds, lambda cost: cost.unit)
    spread = f"({units[0]:,.0f} to {units[-1]:,.0f})"
    return f"{'reports ' + mode:25} {lease:7,.0f} {share:8,.0f} {median(units):7,.0f}   {spread}"


if __name__ == "__main__":
    run_alone(measure, __doc__)
