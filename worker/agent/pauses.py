"""Growing pauses between tries that fail: for a dispatcher that is away, a delivery, a machine in trouble.

This module knows no clock: `now` is seconds of a monotonic one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from xwhep.backoff import pause_s

#: the first and the longest pause while the dispatcher is away, seconds; the longest is half of a lease, so that a
#: dispatcher that comes back hears of a running attempt before it gives the job to another
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
#: the longest pause of a machine on which nothing runs to its end: its disk is full, or its sandbox broken, seconds
LONGEST_TROUBLE_S: Final = 600.0


@dataclass(slots=True)
class Pause:
    """Growing pauses between tries that fail."""

    not_before: float = 0.0
    failures: int = 0
    longest_s: float = LONGEST_PAUSE_S

    def lengthen(self, now: float, jitter: float, at_least_s: float = 0.0) -> None:
        """Wait longer than the last time, on average, and at least as long as the other side asked for.

        `jitter`, in [0, 1), spreads those who failed together.
        """
        is_new = now >= self.not_before  # several requests that failed together are one failure
        if is_new or at_least_s:
            longest_s = self.longest_s if is_new else 0.0
            until_s = pause_s(self.failures, jitter, first_s=FIRST_PAUSE_S, longest_s=longest_s, at_least_s=at_least_s)
            self.not_before = max(self.not_before, now + until_s)
        self.failures += is_new

    def end(self) -> None:
        """Go on at once: something succeeded."""
        self.not_before, self.failures = 0.0, 0


@dataclass(slots=True)
class Link:
    """Whether the dispatcher answers."""

    pause: Pause = field(default_factory=Pause)  #: nothing is sent before its end
    gave_up: bool = False  #: whether the dispatcher was away when last tried by a worker that stops

    def is_away(self) -> bool:
        """Tell whether the dispatcher could not be reached when last tried."""
        return self.pause.failures > 0

    def answered(self) -> None:
        """Take in that the dispatcher answered."""
        self.pause.end()
        self.gave_up = False

    def failed(self, now: float, jitter: float, at_least_s: float, *, stopping: bool) -> None:
        """Take in that the dispatcher did not answer, or asked to wait so long at least."""
        self.pause.lengthen(now, jitter, at_least_s)
        self.gave_up = stopping
