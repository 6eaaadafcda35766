"""What a kernel compares keys with: the first 32 bits of digests, and the last few characters of addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from worker.vanity.endings import CHARACTERS, parameters
from worker.vanity.kernel import BITMAP_BITS, KEY_LANES, Kernel
from worker.vanity.search import Wanted, is_among
from xwhep.bitcoin.addresses import HASH_BITS, Form, address
from xwhep.bitcoin.endings import Ending, value
from xwhep.bitcoin.ranges import Range, Ranges, union
from xwhep.bitcoin.targets import Target


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
    characters = min(ending.characters, CHARACTERS[ending.base])
    size = ending.base**characters
    return characters, union(part for one in ending.ranges for part in _modulo(one, size))


def _modulo(one: Range, size: int) -> Ranges:
    """Return what the numbers of a range leave over, divided by `size`."""
    first, last = one
    if last - first + 1 >= size:
        return ((0, size - 1),)
    low, high = first % size, last % size
    return ((low, high),) if low <= high else ((0, high), (low, size - 1))


def _rows(ranges: Ranges) -> NDArray[np.uint32]:
    return np.array([(first, last - first) for first, last in ranges], dtype=np.uint32).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the kernel for a target compares with."""

    words: dict[Form, NDArray[np.uint32]]  #: of each of the kernel's forms, in its order
    ending: Ending | None
    ends: NDArray[np.uint32]
    arrays: list[NDArray[np.uint32]]  #: the last of `Memory`: the bitmap and what follows

    @classmethod
    def of(cls, kernel: Kernel, target: Target) -> Self:
        """Return what a kernel `for_unit` of this target compares with."""
        ranges, ending = dict(target.ranges), target.ending
        words = {form: first_words(ranges[form]) for form in kernel.forms}
        characters, ends = (0, ()) if ending is None else last_characters(ending)
        known = [0] if ending is None else parameters(ending.form, ending.network, ending.base, characters)
        arrays = [
            np.concatenate([bitmap(rows) for rows in words.values()]),
            np.array(known, np.uint32),
            np.zeros(KEY_LANES, np.uint32),
        ]
        return cls(words, ending, _rows(ends), arrays)

    @property
    def wanted(self) -> Wanted:
        """Return the rows that the search goes through."""
        starts = np.cumsum([0, *(len(rows) for rows in self.words.values())], dtype=np.int64)
        return Wanted(np.concatenate([*self.words.values()]), starts, self.ends)

    def passes(self, form: Form, digest: bytes) -> bool:
        """Tell whether a key with this digest in a form is one that the kernel finds."""
        if not is_among(self.words[form], int.from_bytes(digest[:4], "big")):
            return False
        if self.ending is None:
            return True
        characters, _ = last_characters(self.ending)
        text = address(digest, self.ending.form, self.ending.network)[-characters:]
        return is_among(self.ends, value(text, self.ending.form, self.ending.network))
