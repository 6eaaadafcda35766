"""Shares: which keys of a unit are evidence of work, and how much work one of them proves.

A search may take years to its first hit, and a hit could have been prepared beforehand by whoever made the key. So a
host is credited for shares alone: keys in a target that is wider than what is wanted, wide enough that a unit has some
of them. What is wanted lies somewhere inside, so that a worker, which is told the wide target only, cannot tell a win
from a share. (Of an expression it must know all, and cannot but see a win; withholding it would still cost a share.)
Nothing but trying keys finds a share, and the check of one is a few operations.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import Final

from xwhep.vanity.addresses import HASH_BITS
from xwhep.vanity.ranges import Ranges
from xwhep.vanity.targets import Target

#: how many shares a unit has on average, at least; where few keys are wanted, it has less than twice as many, or less
#: than four times where the last endings of all are
SHARES_A_UNIT: Final = 8


def share_target(wanted: Target, keys: int) -> Target:
    """Return the target of the shares of a unit that tries so many keys.

    It is the wanted target, made wider level by level until a unit has `SHARES_A_UNIT`, or to all keys there are: first
    the ending or the sieve, until it is gone, then the ranges. So the targets of a search's units, of whatever sizes,
    lie one inside the other: many of them together tell no more about what is wanted than the narrowest alone.
    """
    narrow = _further_levels(wanted)
    levels = range(narrow + HASH_BITS)
    level = bisect_left(levels, SHARES_A_UNIT, key=lambda level: int(_widened(wanted, level).chance * keys))
    return _widened(wanted, level)


def keys_proven(target: Target) -> int:
    """Return how many keys one share in this target proves: as many as are tried for it on average, at least 1."""
    return int(1 / target.chance)


def _further_levels(target: Target) -> int:
    """Return at which level no ending and no sieve is left."""
    if target.ending is not None:
        return target.ending.size.bit_length()
    return 0 if target.sieve is None else HASH_BITS


def _widened(target: Target, level: int) -> Target:
    narrow = _further_levels(target)
    if level >= narrow:
        blocks = ((form, in_blocks(ranges, level - narrow, 1 << HASH_BITS)) for form, ranges in target.ranges)
        return Target(tuple(blocks))
    if (ending := target.ending) is not None:
        return replace(target, ending=replace(ending, ranges=in_blocks(ending.ranges, level, ending.size)))
    assert target.sieve is not None
    return replace(target, sieve=replace(target.sieve, zeros=HASH_BITS - level))


def in_blocks(ranges: Ranges, bits: int, size: int) -> Ranges:
    """Return the blocks of 2^bits numbers that hold these ascending ranges, neighbours as one range.

    The last whole block below `size` has what is left over too. So a block is less than four times as wide as any of
    the blocks, of 2^(bits - 1) numbers, that it is made of.
    """
    end = max(1, size >> bits) - 1
    blocks: list[tuple[int, int]] = []
    for first, last in ranges:
        low = min(first >> bits, end) << bits
        high = size - 1 if last >> bits >= end else last | ((1 << bits) - 1)
        if blocks and low <= blocks[-1][1] + 1:
            low = blocks.pop()[0]
        blocks.append((low, high))
    return tuple(blocks)
