"""The field of secp256k1, integers modulo p, on vectors: what its implementations share.

An element is a list of `Vec`s of 64-bit words, one for each limb, least significant first, and holds `width`
independent numbers, one a lane. Invariant of every result: its value is congruent to the right one, each limb but the
last is below 2^bits, and the last is at most a bit longer than p's. The value is also below p, except with a
probability under 2^-150 for numbers nobody chose, so that there is no final comparison; whoever reports a key found
with this arithmetic checks it on Python integers.

Not constant time: offsets pass through here, never private keys.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from worker.vanity.vectors import Place, Vec, constant
from xwhep.secp256k1 import P

Element = list[Vec]


@dataclass(frozen=True)
class Field(ABC):
    """One way to compute modulo p = 2^256 - 2^32 - 977 (SEC 2, 2.4.1)."""

    width: int  #: lanes of a vector
    bits: ClassVar[int]  #: of a limb
    size: ClassVar[int]  #: limbs of an element

    @abstractmethod
    def multiply(self, x: Element, y: Element, addend: Element | None = None) -> Element:
        """Return x y + addend. The addend's limbs may have a few bits more than a limb's."""

    @abstractmethod
    def square(self, x: Element, addend: Element | None = None) -> Element:
        """Return x^2 + addend. The addend's limbs may have a few bits more than a limb's."""

    @abstractmethod
    def carry(self, x: Element) -> Element:
        """Return x, of which limbs may have a few bits too many, as an element."""

    def add(self, x: Element, y: Element) -> Element:
        """Return x + y."""
        return self.carry([a + b for a, b in zip(x, y, strict=True)])

    def subtract(self, x: Element, y: Element) -> Element:
        """Return x - y."""
        return self.carry([a + b for a, b in zip(x, self.negative(y), strict=True)])

    def negative(self, *terms: Element) -> Element:
        """Return minus the sum of `terms`, not carried: an addend.

        Each limb of 2p is at least any limb of an element, so no limb of the result is below zero.
        """
        result = [vector.constant(2 * len(terms) * limb) for vector, limb in zip(terms[0], self.limbs(P), strict=True)]
        for term in terms:
            result = [a - b for a, b in zip(result, term, strict=True)]
        return result

    def word(self, x: Element, position: int) -> Vec:
        """Return the 32 bits of the value from bit `position` up, as 32-bit words."""
        return self._bits(x, position, 32).low32()

    def long_word(self, x: Element, position: int) -> Vec:
        """Return the 64 bits of the value from bit `position` up."""
        return self._bits(x, position, 64)

    def _bits(self, x: Element, position: int, count: int) -> Vec:
        """Return the bits of the value from bit `position` up, the first `count` of them right."""
        first, offset = divmod(position, self.bits)
        result = x[first] >> offset
        for limb in range(first + 1, self.size):
            shift = limb * self.bits - position
            if shift < count:
                result = result | x[limb] << shift
        return result

    # --- memory -----------------------------------------------------------------------------------------------------

    @property
    def vector_bytes(self) -> int:
        """Return the size of one element, all lanes together, in memory."""
        return self.size * self.width * 8

    def load(self, place: Place) -> Element:
        """Return the element stored at `place`: limb after limb, the lanes of a limb side by side."""
        return [place.load(self.width, 64, limb * self.width * 8) for limb in range(self.size)]

    def store(self, x: Element, place: Place) -> None:
        """Write an element as `load` reads it."""
        for limb, vector in enumerate(x):
            place.store(vector, limb * self.width * 8)

    def load_broadcast(self, place: Place) -> Element:
        """Return one number, stored at `place` limb after limb, in all lanes."""
        return [place.load_broadcast(self.width, 64, limb * 8) for limb in range(self.size)]

    def constant(self, builder: ir.IRBuilder, value: int) -> Element:
        """Return one number, known while compiling, in all lanes."""
        return [constant(builder, self.width, 64, limb) for limb in self.limbs(value)]

    # --- the host's side --------------------------------------------------------------------------------------------

    def limbs(self, value: int) -> list[int]:
        """Return the limbs of 0 <= value < 2^256."""
        return [value >> limb * self.bits & (1 << self.bits) - 1 for limb in range(self.size)]

    def pack(self, values: Sequence[int]) -> NDArray[np.uint64]:
        """Return numbers, a multiple of `width` many, as elements: an array [group, limb, lane]."""
        rows = np.array([self.limbs(value) for value in values], dtype=np.uint64)
        return np.ascontiguousarray(rows.reshape(-1, self.width, self.size).transpose(0, 2, 1))

    def unpack(self, elements: NDArray[np.uint64]) -> list[int]:
        """Return the numbers in an array [group, limb, lane], not reduced."""
        rows = elements.transpose(0, 2, 1).reshape(-1, self.size).tolist()
        return [sum(limb << position * self.bits for position, limb in enumerate(row)) for row in rows]
