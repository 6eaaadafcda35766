"""Wrong join tokens, by address: whoever sends some waits longer and longer for the next answer.

A secret of 256 bits is not guessed; what is kept down is the work, and a person sees in the log that somebody tries.
This module knows no clock but the one that it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cachetools import TTLCache

from xwhep.errors.identity import TooManyWrongTokensError

#: wrong tokens that cost nothing: a person's slips
FREE: Final = 3
#: the first and the longest pause, seconds
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
#: the longest that a request is kept waiting, seconds; a client of ours gives up after 60
LONGEST_WAIT_S: Final = 30.0
#: how long a wrong token is held against its address, seconds
REMEMBERED_S: Final = 600.0
#: addresses that are remembered; those with the oldest wrong token go first. About 300 bytes each.
ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Record:
    """What an address has done lately."""

    failures: int = 0
    next_at: float = 0.0  #: when the next of its requests gets its turn, by the monotonic clock

    @property
    def pause_s(self) -> float:
        """The pause between two requests of this address."""
        over = self.failures - FREE
        return min(FIRST_PAUSE_S * 2.0 ** min(over, 16), LONGEST_PAUSE_S) if over >= 0 else 0.0


class WrongTokens:
    """The addresses that sent wrong tokens."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._records: TTLCache[str, _Record] = TTLCache(ADDRESSES, REMEMBERED_S, monotonic)

    def turn(self, address: str) -> float:
        """Return how long a request of this address has to wait for its turn, seconds, and take that turn.

        Raises:
            TooManyWrongTokensError: it would have to wait too long.
        """
        record = self._records.get(address)
        if record is None:
            return 0.0
        now = self._monotonic()
        wait_s = max(record.next_at - now, 0.0)
        if wait_s > LONGEST_WAIT_S:
            raise TooManyWrongTokensError(wait_s)
        record.next_at = now + wait_s + record.pause_s
        return wait_s

    def note(self, address: str) -> int:
        """Note a wrong token, and return how many came from this address lately."""
        record = self._records.get(address) or _Record()
        record.failures += 1
        record.next_at = max(record.next_at, self._monotonic() + record.pause_s)
        self._records[address] = record
        return record.failures
