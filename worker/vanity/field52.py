"""The field on five limbs of 52 bits, for processors with AVX-512 IFMA.

The instructions vpmadd52luq and vpmadd52huq add the low or the high 52 bits of a product of 52-bit factors to a 64-bit
word (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2). They ignore the bits of a factor from
2^52 up, so a factor's limbs must be carried, and the columns of a product need carrying but no masking.
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.vanity.field import Element, Field
from worker.vanity.vectors import Vec
from xwhep.secp256k1 import P

MASK52, MASK48 = (1 << 52) - 1, (1 << 48) - 1
FOLD256 = (1 << 256) % P  #: 2^256 = 2^32 + 977
FOLD260 = (1 << 260) % P  #: the weight of the sixth limb


def add_low(accumulator: Vec, x: Vec, y: Vec) -> Vec:
    """Return accumulator + (x y modulo 2^52)."""
    return accumulator.call("llvm.x86.avx512.vpmadd52l.uq.512", x, y)


def add_high(accumulator: Vec, x: Vec, y: Vec) -> Vec:
    """Return accumulator + floor(x y / 2^52)."""
    return accumulator.call("llvm.x86.avx512.vpmadd52h.uq.512", x, y)


@dataclass(frozen=True)
class Field52(Field):
    """Eight lanes, 128 multiplications an element's product."""

    width: int = 8
    bits = 52
    size = 5

    def multiply(self, x: Element, y: Element, addend: Element | None = None) -> Element:
        """Return x y + addend."""
        columns = [x[0].constant(0)] * 10
        for i in range(5):
            for j in range(5):
                columns[i + j] = add_low(columns[i + j], x[i], y[j])
                columns[i + j + 1] = add_high(columns[i + j + 1], x[i], y[j])
        return self._reduce(columns, addend)

    def square(self, x: Element, addend: Element | None = None) -> Element:
        """Return x^2 + addend: mixed products count twice, doubled as sums since a factor has no bit to spare."""
        columns = [x[0].constant(0)] * 10
        for i in range(5):
            for j in range(i + 1, 5):
                columns[i + j] = add_low(columns[i + j], x[i], x[j])
                columns[i + j + 1] = add_high(columns[i + j + 1], x[i], x[j])
        columns = [column + column for column in columns]
        for i in range(5):
            columns[2 * i] = add_low(columns[2 * i], x[i], x[i])
            columns[2 * i + 1] = add_high(columns[2 * i + 1], x[i], x[i])
        return self._reduce(columns, addend)

    def carry(self, x: Element) -> Element:
        """Return x, limbs below 2^62, as an element: what is above 2^256 is folded first, so one chain suffices."""
        limbs = [*x[:4], x[4] & MASK48]
        limbs[0] = add_low(limbs[0], x[4] >> 48, x[0].constant(FOLD256))
        for i in range(4):
            limbs[i + 1] = limbs[i + 1] + (limbs[i] >> 52)
            limbs[i] = limbs[i] & MASK52
        return limbs

    def _reduce(self, columns: Element, addend: Element | None) -> Element:
        """Return the element of ten columns, each below 2^56, plus the addend."""
        zero, fold = columns[0].constant(0), columns[0].constant(FOLD260)
        high = [*columns[5:], zero]
        for i in range(5):
            high[i + 1] = high[i + 1] + (high[i] >> 52)
        low = [*columns[:5], zero]
        for i in range(5):
            low[i] = add_low(low[i], high[i], fold)
            low[i + 1] = add_high(low[i + 1], high[i], fold)
        sixth = add_low(low[5], high[5], fold)  # below 2^43: both summands are short
        low[0] = add_low(low[0], sixth, fold)
        low[1] = add_high(low[1], sixth, fold)
        return self.carry(low[:5] if addend is None else [a + b for a, b in zip(low, addend, strict=False)])
