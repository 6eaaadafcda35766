"""When something is tried again: pauses of each task's own, so that one that fails stops no other.

Pure: times are seconds of a clock that never goes back, and randomness is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Final, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

#: the first and the longest pause after a failure, and the longest between two looks at what takes its time, seconds
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
#: before what has to wait for its turn, or for the chain, is looked at again, seconds
WAIT_S: Final = 5.0
#: a step went on: the next one may follow at once
AT_ONCE: Final = 0.0
#: a pause between looks is this part of the time that something has taken so far
_PART: Final = 0.1


def look_pause_s(age_s: float) -> float:
    """Return how long to wait before the next look at what has taken `age_s` seconds so far; at least 0.2."""
    return min(LONGEST_PAUSE_S, max(0.2, age_s * _PART))


class Backoff(Generic[T]):
    """What has to wait, and until when."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random  #: gives numbers in [0, 1)
        self._until: dict[T, float] = {}
        self._failures: dict[T, int] = {}

    def is_due(self, thing: T, now: float) -> bool:
        """Tell whether it may be tried."""
        return self._until.get(thing, now) <= now

    def went_well(self, thing: T, pause_s: float, now: float) -> None:
        """Note a try that did what it should; the next one waits `pause_s`."""
        self._failures.pop(thing, None)
        self._until[thing] = now + pause_s

    def failed(self, thing: T, now: float, at_least_s: float = 0.0) -> float:
        """Note a try that failed, and return the pause after it: doubling, bounded, spread over its upper half.

        `at_least_s` is what the other side asked for.
        """
        failures = self._failures.get(thing, 0)
        self._failures[thing] = failures + 1
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * float(2 ** min(failures, 16))) * (0.5 + self._random() / 2)
        pause_s = max(pause_s, at_least_s * (1 + self._random()))
        self._until[thing] = now + pause_s
        return pause_s

    def keep(self, things: Collection[T]) -> None:
        """Forget everything but these."""
        kept = set(things)
        self._until = {thing: until for thing, until in self._until.items() if thing in kept}
        self._failures = {thing: count for thing, count in self._failures.items() if thing in kept}
