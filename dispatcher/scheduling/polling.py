"""How long a host's next poll may wait: the longer, the more hosts poll. This module knows no clock."""

from __future__ import annotations

from typing import Final

from xwhep.protocol.attempts import MAX_WAIT_S

#: polls that end without work in a second, of all hosts together: at 2 to 3 ms each, less than a tenth of a processor
POLLS_PER_S: Final = 25.0
#: the length of a poll while few hosts poll, seconds
SHORTEST_S: Final = 25.0
#: the part of a poll's length that chance may take off, so that hosts which were woken together do not stay together
_SPREAD: Final = 0.1


def next_wait_s(hosts: int, chance: float) -> float:
    """Return how many seconds the next poll may wait where so many hosts wait now; `chance` is a number in [0, 1)."""
    length_s = min(max(hosts / POLLS_PER_S, SHORTEST_S), MAX_WAIT_S)
    return length_s * (1 - _SPREAD * chance)
