"""`make fuzz-crash`: kill the real dispatcher under load again and again, and check that it keeps its word.

The last line is one JSON object; the exit status is 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.crash.fuzz import Round

LATE: Final = "came since the time was up, and the dispatcher had not come to its point"


async def run(rounds: AsyncIterator[Round], points: int, seed: int) -> int:
    """Tell of all rounds; return how many promises were broken."""
    print(f"{points} kills, seed {seed}", flush=True)
    started = time.monotonic()
    kills: Counter[str] = Counter()
    total: Counter[str] = Counter()
    async for played in rounds:
        kills.update(point.deed for point in played.kills)
        total.update(requests=len(played.records), finished=played.finished, survived=played.survived)
        total.update(late=played.late, violations=len(played.violations))
        for line in played.told():
            print(line, flush=True)
        text = f"{kills.total()} of {points} kills, {total['requests']:,} requests, {total['finished']:,} attempts"
        print(f"{time.monotonic() - started:5.0f} s: {text}, {total['violations']} broken promises", flush=True)
    print("killed at: " + ", ".join(f"{deed} {count}" for deed, count in kills.most_common()))
    print(f"{total['survived']} attempts were given before a kill and ended after it")
    print(f"{total['late']} of the kills {LATE}")
    seconds = round(time.monotonic() - started, 1)
    print(json.dumps({"points": kills.total(), "seed": seed, "seconds": seconds, **total}))
    return total["violations"]


def main() -> int:
    """Run the command; return its exit status."""
    arguments = argparse.ArgumentParser(prog="fuzz-crash", description=__doc__)
    arguments.add_argument("--points", type=int, default=300, help="how many kills")
    arguments.add_argument("--seed", type=int, help="of kills and load; one that chance picks if none is given")
    given = arguments.parse_args()
    seed = secrets.randbelow(10**9) if given.seed is None else given.seed
    try:
        from tests.crash.fuzz import fuzz  # takes a second, in which Ctrl-C ends the program too

        return 1 if asyncio.run(run(fuzz(given.points, seed), given.points, seed)) else 0
    except KeyboardInterrupt:
        sys.stdout.flush()
        os._exit(130)  # everything is closed by now; the interpreter would take another second to take itself apart


if __name__ == "__main__":
    sys.exit(main())
