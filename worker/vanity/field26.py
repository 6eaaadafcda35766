"""The field on ten limbs of 26 bits, for any processor that multiplies 32-bit factors into 64-bit products.

Every factor is masked to 32 bits where it is multiplied: that is how LLVM sees that a product of 32-bit factors
(vpmuludq, pmuludq, umull) is enough; the mask itself costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.vanity.field import Element, Field
from worker.vanity.vectors import Vec

MASK26, MASK22, MASK32 = (1 << 26) - 1, (1 << 22) - 1, (1 << 32) - 1


def product(x: Vec, y: Vec) -> Vec:
    """Return x y, both factors below 2^32."""
    return (x & MASK32) * (y & MASK32)


@dataclass(frozen=True)
class Field26(Field):
    """Any number of lanes; best are as many as one register, or two, hold."""

    bits = 26
    size = 10

    def multiply(self, x: Element, y: Element, addend: Element | None = None) -> Element:
        """Return x y + addend."""
        columns = [x[0].constant(0)] * 19
        for i in range(10):
            for j in range(10):
                columns[i + j] = columns[i + j] + product(x[i], y[j])
        return self._reduce(columns, addend)

    def square(self, x: Element, addend: Element | None = None) -> Element:
        """Return x^2 + addend: mixed products count twice."""
        doubled = [limb + limb for limb in x]
        columns = [x[0].constant(0)] * 19
        for i in range(10):
            columns[2 * i] = columns[2 * i] + product(x[i], x[i])
            for j in range(i + 1, 10):
                columns[i + j] = columns[i + j] + product(x[i], doubled[j])
        return self._reduce(columns, addend)

    def carry(self, x: Element) -> Element:
        """Return x, limbs below 2^60, as an element."""
        return self._fold256(x, x[0].constant(0))

    def _reduce(self, columns: Element, addend: Element | None) -> Element:
        """Return the element of nineteen columns, each below 2^58, plus the addend.

        The high half has the weight 2^260 = 2^36 + 0x3D10 modulo p, in limbs: 0x3D10, and 2^10 one limb up.
        """
        high = _carried([*columns[10:], columns[0].constant(0)])
        low = columns[:10]
        for i in range(10):
            low[i] = low[i] + high[i] * 0x3D10
        for i in range(9):
            low[i + 1] = low[i + 1] + (high[i] << 10)
        if addend is not None:
            low = [a + b for a, b in zip(low, addend, strict=True)]
        return self._fold256(low, high[9] << 10)

    def _fold256(self, x: Element, eleventh: Vec) -> Element:
        """Return x + 2^260 eleventh, limbs below 2^60 and eleventh below 2^48, as an element.

        What is above 2^256 has the weight 2^32 + 0x3D1, in limbs: 0x3D1, and 2^6 one limb up.
        """
        limbs = _carried(x)
        above = (limbs[9] >> 22) + (eleventh << 4)
        low, high = above & MASK26, above >> 26
        limbs[9] = limbs[9] & MASK22
        limbs[0] = limbs[0] + low * 0x3D1
        limbs[1] = limbs[1] + high * 0x3D1 + (low << 6)
        limbs[2] = limbs[2] + (high << 6)
        return _carried(limbs)


def _carried(limbs: Element) -> Element:
    """Return the same value with all limbs but the last below 2^26."""
    result = list(limbs)
    for i in range(len(result) - 1):
        result[i + 1] = result[i + 1] + (result[i] >> 26)
        result[i] = result[i] & MASK26
    return result
