"""What a kernel compares keys with: the first 32 bits of digests, and the last few characters of addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from worker.vanity.endings import parameters
from worker.vanity.kernel import BITMAP_BITS, KEY_LANES, Kernel
from worker.vanity.search import Wanted
from xwhep.vanity.addresses import HASH_BITS
from xwhep.vanity.endings import TOGETHER, Ending
from xwhep.vanity.ranges import Ranges, union
from xwhep.vanity.targets import Target


def first_words(ranges: Ranges) -> NDArray[np.uint32]:
    """Return what the first 32 bits of hashes in these ranges can be: rows of (lowest, how many more), disjoint."""
    return _rows(union((first >> HASH_BITS - 32, last >> HASH_BITS - 32) for first, last in ranges))


def bitmap(first_words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the bits that `Memory.bitmap` has for these ranges of first words."""
    bits = np.zeros(1 << BITMAP_BITS, np.uint8)
    for low, span in first_words.tolist():
        bits[low >> 32 - BITMAP_BITS : (low + span >> 32 - BITMAP_BITS) + 1] = 1
    return np.packbits(bits, bitorder="little").view(np.dtype("<u4"))


def last_characters(ending: Ending) -> tuple[int, Ranges]:
    """Return how many of an ending's characters a kernel compares, the last ones, and which numbers these can be."""
    numbers = union((first // ending.before, last // ending.before) for first, last in ending.ranges)
    return min(ending.characters, TOGETHER[ending.base]), numbers


def _rows(ranges: Ranges) -> NDArray[np.uint32]:
    return np.array([(first, last - first) for first, last in ranges], dtype=np.uint32).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the kernel for a target compares with."""

    wanted: Wanted  #: the rows that the search goes through
    arrays: list[NDArray[np.uint32]]  #: of `Memory`: the bitmap, and what endings need

    @classmethod
    def of(cls, kernel: Kernel, target: Target) -> Self:
        """Return what a kernel `for_unit` of this target compares with."""
        ranges, ending = dict(target.ranges), target.ending
        words = [first_words(ranges[form]) for form in kernel.forms]
        characters, ends = (0, ()) if ending is None else last_characters(ending)
        known = [0] if ending is None else parameters(ending.form, ending.network, ending.base, characters)
        starts = np.cumsum([0, *(len(rows) for rows in words)], dtype=np.int64)
        arrays = [
            np.concatenate([bitmap(rows) for rows in words]),
            np.array(known, np.uint32),
            np.zeros(KEY_LANES, np.uint32),
        ]
        return cls(Wanted(np.concatenate(words), starts, _rows(ends)), arrays)
