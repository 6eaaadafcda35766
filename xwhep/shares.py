"""Shares: which hashes of a unit are evidence of work, and how much work one of them proves.

A search may take years to its first hit, and a hit could have been prepared beforehand by whoever made the key. So a
host is credited for shares alone: keys whose hash lies in ranges that are wider than what is wanted, wide enough that
a unit has some of them. The wanted ranges lie somewhere inside, so that a worker, which is told the wide ones only,
cannot tell a win from a share. Nothing but trying keys finds a share, and the check of one is a few operations.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import Final

from xwhep.bitcoin.addresses import HASH_BITS
from xwhep.bitcoin.patterns import Ranges
from xwhep.units import keys_of

#: how many shares a unit has on average, at least; it has less than twice as many where few hashes are wanted
SHARES_A_UNIT: Final = 8


@lru_cache(maxsize=256)
def share_ranges(wanted: Ranges, steps: int) -> Ranges:
    """Return the ranges, disjoint and ascending, in which the shares of a unit of so many steps lie.

    They are the wanted ranges, each widened to whole blocks of 2^k hashes that begin at multiples of 2^k; k is the
    least that gives a unit `SHARES_A_UNIT`. So the ranges of a search's units, of whatever sizes, lie one inside the
    other: many of them together tell no more about what is wanted than the narrowest alone.
    """
    enough = -(-(SHARES_A_UNIT << HASH_BITS) // keys_of(steps))
    bits = bisect_left(range(HASH_BITS), enough, key=lambda bits: _hashes_in(_in_blocks(wanted, bits)))
    return _in_blocks(wanted, bits)


def keys_proven(ranges: Ranges) -> int:
    """Return how many keys one share in these ranges proves: as many as are tried for it on average, at least 1."""
    return (1 << HASH_BITS) // _hashes_in(ranges)


def _in_blocks(ranges: Ranges, bits: int) -> Ranges:
    """Return the blocks of 2^bits hashes that hold these ascending ranges, neighbours as one range."""
    blocks: list[tuple[int, int]] = []
    for first, last in ranges:
        low, high = first >> bits << bits, last | ((1 << bits) - 1)
        if blocks and low <= blocks[-1][1] + 1:
            low = blocks.pop()[0]
        blocks.append((low, high))
    return tuple(blocks)


def _hashes_in(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)
