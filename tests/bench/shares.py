"""`python -m tests.bench.shares`: what a unit of a search and its shares cost the dispatcher.

Hosts lease units, report their shares and end them, by exchanges. The shares are real: the kernel finds those of all
units before anything is measured. The last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from worker.vanity import cache

if "numba" not in sys.modules:
    cache.activate(cache.default_root())

from tests.bench.alone import run_alone
from tests.bench.dispatcher_grid import LoadedGrid, a_loaded_grid
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
#: of a unit here: then it has 24 shares on average, and all but one in a hundred have as many as are reported
STEPS: Final = 8
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
HOSTS: Final = 32


@dataclass(frozen=True, slots=True)
class Mode:
    """How hosts report."""

    hosts: int  #: at work at the same time
    at_once: int  #: shares in an exchange


MODES: Final = {
    "unit": Mode(HOSTS, 1),
    "unit_together": Mode(HOSTS, SHARES),
    "unit_alone": Mode(1, 1),
    "unit_alone_together": Mode(1, SHARES),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a unit has taken on average, microseconds of the dispatcher's processor."""

    unit: float
    share: float


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
async def searchers(grid: LoadedGrid, units: int) -> AsyncIterator[list[Searcher]]:
    """Submit a search, and yield hosts that know the shares of so many units of it."""
    async with Connection(f"https://127.0.0.1:{grid.port}", client_context(grid.user)) as connection:
        search = SubmitSearch(uid=REAL.new_uid(), name="s", patterns=[PATTERN], public_key=keygen()[1].hex())
        await OwnerClient(connection).submit_batch(search)
    hosts = [Searcher(grid, await grid.as_host(number)) for number in range(HOSTS)]
    first = await hosts[0].lease()
    work = VanityWork.model_validate(first["work"])
    assert work.steps == STEPS, "the dispatcher sizes units by what the host says of its rate"
    shares = await asyncio.to_thread(shares_of, work, units)
    for host in hosts:
        host.shares = shares
    await hosts[0].end(first)
    yield hosts
    for host in hosts:
        host.wire.close()


async def cost(hosts: Sequence[Searcher], units: int, at_once: int) -> Cost:
    """Let each host do so many units, all at the same time step by step; return what one unit has taken."""
    grid, reports_s, begun_s = hosts[0].grid, 0.0, hosts[0].grid.cpu_s()
    for _ in range(units):
        leases = await asyncio.gather(*(host.lease() for host in hosts))
        before_s = grid.cpu_s()
        await asyncio.gather(*(host.report(lease, at_once) for host, lease in zip(hosts, leases, strict=True)))
        reports_s += grid.cpu_s() - before_s
        await asyncio.gather(*(host.end(lease) for host, lease in zip(hosts, leases, strict=True)))
    done, all_s = units * len(hosts), grid.cpu_s() - begun_s
    return Cost(all_s / done * 1e6, reports_s / done / SHARES * 1e6)


async def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """Return what a unit and a share of it take, the median of several rounds in which all modes take turns."""
    rounds, alone = (3, 4) if quick else (5, 8)
    units = {name: 1 if mode.hosts > 1 else alone for name, mode in MODES.items()}
    needed = sum(units[name] * mode.hosts for name, mode in MODES.items()) * (rounds + 1) + 1
    found: dict[str, list[Cost]] = {name: [] for name in MODES}
    async with a_loaded_grid(folder, hosts=HOSTS) as grid, searchers(grid, needed) as hosts:
        for number in range(rounds + 1):
            for name, mode in MODES.items():
                one = await cost(hosts[: mode.hosts], units[name], mode.at_once)
                if number:  # the first prepares statements, and fills the caches
                    found[name].append(one)
    print(f"us a unit of {SHARES} shares                    a share    unit   lowest to highest; asked: {ASKED_US:,}")
    for name, costs in found.items():
        print(_row(MODES[name], costs))
    return {
        **{f"{name}_cpu_us": round(median(cost.unit for cost in costs)) for name, costs in found.items()},
        **{
            f"{name.replace('unit', 'share')}_cpu_us": round(median(cost.share for cost in costs))
            for name, costs in found.items()
        },
    }


def _row(mode: Mode, costs: Sequence[Cost]) -> str:
    units = sorted(cost.unit for cost in costs)
    how = "one by one" if mode.at_once == 1 else "together"
    return (
        f"{mode.hosts:2} hosts, reports {how:20} {median(cost.share for cost in costs):7,.0f} {median(units):7,.0f}"
        f"   ({units[0]:,.0f} to {units[-1]:,.0f})"
    )


if __name__ == "__main__":
    run_alone(measure, __doc__)
