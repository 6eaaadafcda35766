"""How fast this machine searches, as its owner meets it: in children, as the worker does, one and all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from worker.vanity import process
from xwhep.protocol.attempts import ProgressFields
from xwhep.secp256k1 import G
from xwhep.vanity.addresses import Form
from xwhep.vanity.messages import ReportShare, VanityWork, unit_fields
from xwhep.vanity.patterns import parse_pattern
from xwhep.vanity.targets import target_of
from xwhep.vanity.units import MAX_STEPS, Unit
from xwhep.world import REAL

#: what the time is told for
EXAMPLE: Final = "1LoVE"
_NOTHING: Final = target_of(b"\xff" * 20, Form.P2PKH_COMPRESSED)


class BenchResult(BaseModel):
    """What `bench` prints; rates are in keys a second on the clock, but for those that say otherwise."""

    kernel: str
    why: str  #: this kernel and no other
    threads: int
    keys_per_s_of_one: float  #: of one thread alone
    keys_per_s_of_each: float  #: of each of them, all at once
    keys_per_s: float  #: of all threads together
    keys_per_cpu_s: float  #: of one thread in processor seconds, whatever else runs
    bound_keys_per_cpu_s: float
    example: str
    example_s: float  #: how long a search for it takes here on average


@dataclass(slots=True)
class _Meter:
    """Takes the progress of one search: keys and moments, the first one and the latest."""

    marks: list[tuple[int, float]] = field(default_factory=list)

    def progress(self, progress: ProgressFields) -> None:
        self.marks = [*self.marks[:1], (progress.amount, REAL.monotonic())]

    def compiling(self) -> None:
        """Compiled it is; a kernel that vanished meanwhile costs the trial ten seconds."""

    async def hit(self, share: ReportShare) -> None:
        raise AssertionError(f"nothing was wanted, and {share} was found")

    @property
    def seconds(self) -> float:
        return self.marks[-1][1] - self.marks[0][1] if self.marks else 0.0

    @property
    def keys_per_s(self) -> float:
        return (self.marks[-1][0] - self.marks[0][0]) / self.seconds


async def bench(threads: int, seconds: float, show: Callable[[float, str], None]) -> BenchResult:
    """Search for nothing with one thread, then with all, each for so many seconds; `show` is told how far it is.

    Raises:
        SearchFailedError: a searching process failed.
    """
    show(0.0, "compiling")
    compiled = await process.compile_kernel()
    show(0.2, "one thread")
    one = await _keys_per_s(1, seconds)
    show(0.6, f"{threads} threads")
    together = await _keys_per_s(threads, seconds) if threads > 1 else one
    return BenchResult(
        kernel=compiled.kernel,
        why=compiled.why,
        threads=threads,
        keys_per_s_of_one=one,
        keys_per_s_of_each=together / threads,
        keys_per_s=together,
        keys_per_cpu_s=compiled.keys_per_cpu_s,
        bound_keys_per_cpu_s=compiled.bound_keys_per_cpu_s,
        example=EXAMPLE,
        example_s=float(parse_pattern(EXAMPLE).difficulty) / together,
    )


async def _keys_per_s(threads: int, seconds: float) -> float:
    """Return how many keys a second so many searches try together."""
    meters = [_Meter() for _ in range(threads)]
    searches = [asyncio.create_task(process.search(_work(number), meter)) for number, meter in enumerate(meters)]
    try:
        while min(meter.seconds for meter in meters) < seconds:
            await REAL.sleep(0.2)
            for search in searches:
                if search.done():
                    search.result()  # one that ends by itself has failed
    finally:
        for search in searches:
            search.cancel()
        await asyncio.gather(*searches, return_exceptions=True)
    return sum(meter.keys_per_s for meter in meters)


def _work(number: int) -> VanityWork:
    unit = Unit(REAL.new_uid(), number, MAX_STEPS, G, _NOTHING)
    return VanityWork(**unit_fields(unit), batch_uid=unit.batch)
