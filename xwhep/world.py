"""The world as a program finds it: time, chance, fresh ids, and sleep.

Each program takes one `World` at its edge and hands it down; nothing else reads a clock, draws a random number or
sleeps, so that a test may run a whole grid in a world of its own. Cores take `now` and the like as arguments. Time
limits follow the clock of the event loop: a simulated world runs on a loop whose time is simulated too.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from xwhep.ids import uuid7


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class World:
    """Where time and chance come from; each source is the real one unless another is given."""

    now: Callable[[], datetime] = _utc_now  #: the wall clock, aware, UTC
    monotonic: Callable[[], float] = time.monotonic  #: for durations and time limits, seconds from any beginning
    chance: Callable[[], float] = random.random  #: a number in [0, 1), for jitter; never for secrets
    token_bytes: Callable[[int], bytes] = secrets.token_bytes  #: so many random bytes that nobody can foresee
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep  #: let other tasks run for so many seconds
    pause: Callable[[float], None] = time.sleep  #: hold this thread up for so many seconds

    def new_uid(self) -> UUID:
        """Return a fresh id; of two, the one made at least a millisecond later is the greater."""
        return uuid7(self.now(), self.token_bytes(10))

    def randbelow(self, bound: int) -> int:
        """Return a secret number in [0, bound), each as likely as the others to 2**-64. Source: FIPS 186-5, A.2.1."""
        return int.from_bytes(self.token_bytes((bound.bit_length() + 64 + 7) // 8), "big") % bound

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Return a time limit for `async with`, as `asyncio.timeout`; None: no limit."""
        return asyncio.timeout(seconds)

    def timeout_at(self, moment: float) -> asyncio.Timeout:
        """Return a time limit that ends at a moment of `monotonic`."""
        return asyncio.timeout(moment - self.monotonic())


REAL: Final = World()
