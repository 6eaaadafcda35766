"""The twin of the kernels in plain loops: every key of a unit, one after the other, in scalar words and numba alone.

It has no vectors and nothing of the kernels' arithmetic: numbers modulo p are eight words of 32 bits, each point is the
one before plus G, and the hashes are loops over bytes. Some hundred thousand keys a second: for tests for which the
reference on Python integers, with which it is compared itself, is too slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from worker.vanity.twin_hashes import (
    BIG,
    MASK,
    ONE,
    WORD,
    ZERO,
    Bytes,
    U,
    Words,
    as_bytes,
    keccak256,
    ripemd160,
    sha256,
)
from worker.vanity.vectors import compiled
from xwhep.fast_secp256k1 import add_multiple
from xwhep.secp256k1 import BETA, G, N, P, Point
from xwhep.vanity.addresses import HASH_BITS, Form
from xwhep.vanity.ranges import Ranges
from xwhep.vanity.split_key import Hit
from xwhep.vanity.units import GROUP, LANES, POINTS_PER_STEP, Unit, offset

FOLD = U(977)  #: 2^256 = 2^32 + 977 modulo p

COMPRESSED, UNCOMPRESSED, NESTED, ETHEREUM = range(4)
KINDS: Final = {
    Form.P2PKH_COMPRESSED: COMPRESSED,
    Form.P2PKH_UNCOMPRESSED: UNCOMPRESSED,
    Form.P2SH_P2WPKH: NESTED,
    Form.ETHEREUM: ETHEREUM,
}


def words(number: int) -> Words:
    """Return the eight words of 0 <= number < 2^256, least significant first."""
    return np.array([number >> 32 * place & 0xFFFFFFFF for place in range(8)], U)


G_X, G_Y, BETA_WORDS, P_MINUS_2 = words(G.x), words(G.y), words(BETA), words(P - 2)

# --- the field -------------------------------------------------------------------------------------------------------


@compiled
def fold(t: Words) -> None:
    """Replace what is above 2^256 in a number below 2^512, once, by what it is modulo p."""
    carry = ZERO
    for place in range(8):
        total = carry + t[place] + t[place + 8] * FOLD
        if place > 0:
            total += t[place + 7]
        t[place], carry = total & MASK, total >> WORD
    total = carry + t[15]
    t[8:] = ZERO
    t[8], t[9] = total & MASK, total >> WORD


@compiled
def reduced(t: Words) -> Words:
    """Return a number below 2^512 modulo p."""
    for _ in range(3):
        fold(t)
    lowered = t.copy()
    lowered[8] = ONE  # adds 2^256 modulo p: where that passes 2^256, the number was p or more
    fold(lowered)
    return lowered[:8] if lowered[8] else t[:8]


@compiled
def multiply(x: Words, y: Words) -> Words:
    """Return x y."""
    t = np.zeros(16, U)
    for i in range(8):
        carry = ZERO
        for j in range(8):
            total = t[i + j] + x[i] * y[j] + carry
            t[i + j], carry = total & MASK, total >> WORD
        t[i + 8] = carry
    return reduced(t)


@compiled
def subtract(x: Words, y: Words) -> Words:
    """Return x - y, as x + (p - y): p is all ones but for its two lowest words."""
    t, carry = np.zeros(16, U), ONE
    for place in range(8):
        p = MASK - FOLD + ONE if place == 0 else MASK - ONE if place == 1 else MASK
        total = x[place] + p + (y[place] ^ MASK) + carry
        t[place], carry = total & MASK, total >> WORD
    t[8] = carry - ONE
    return reduced(t)


@compiled
def inverse(x: Words) -> Words:
    """Return 1 / x = x^(p - 2)."""
    result = words_of_one()
    for bit in range(255, -1, -1):
        result = multiply(result, result)
        if P_MINUS_2[bit // 32] >> U(bit % 32) & ONE:
            result = multiply(result, x)
    return result


@compiled
def words_of_one() -> Words:
    """Return 1."""
    one = np.zeros(8, U)
    one[0] = ONE
    return one


@compiled
def inverses(numbers: Words) -> Words:
    """Return 1 / x of several numbers [number][8], by one inversion. Source: Montgomery (1987)."""
    results, product = np.zeros_like(numbers), words_of_one()
    for place in range(len(numbers)):
        results[place] = product
        product = multiply(product, numbers[place])
    rest = inverse(product)
    for place in range(len(numbers) - 1, -1, -1):
        results[place] = multiply(results[place], rest)
        rest = multiply(rest, numbers[place])
    return results


@compiled
def plus_g(x: Words, y: Words, inverse: Words) -> tuple[Words, Words]:
    """Return (x, y) + G, given 1 / (x - x(G)). Source: SEC 1, 2.2.1."""
    slope = multiply(subtract(y, G_Y), inverse)
    next_x = subtract(subtract(multiply(slope, slope), x), G_X)
    return next_x, subtract(multiply(slope, subtract(x, next_x)), y)


@compiled
def walk(starts: Words, count: int) -> Words:
    """Return the points P, P + G .. P + (count - 1) G for several P [lane][2][8], as words [lane][point][2][8]."""
    lanes = len(starts)
    points, differences = np.zeros((lanes, count, 2, 8), U), np.zeros((lanes, 8), U)
    points[:, 0] = starts
    for i in range(1, count):
        for lane in range(lanes):
            differences[lane] = subtract(points[lane, i - 1, 0], G_X)
        by_lane = inverses(differences)
        for lane in range(lanes):
            x, y = points[lane, i - 1, 0], points[lane, i - 1, 1]
            points[lane, i, 0], points[lane, i, 1] = plus_g(x, y, by_lane[lane])
    return points


# --- keys ------------------------------------------------------------------------------------------------------------


@compiled
def coordinate(x: Words) -> Bytes:
    """Return a number as 32 bytes, big-endian."""
    return as_bytes(x[::-1], 32, 32, BIG)


@compiled
def hash160(message: Bytes) -> Bytes:
    """Return RIPEMD-160(SHA-256(message))."""
    return ripemd160(sha256(message))


@compiled
def key_hash(x: Words, y: Words, kind: int) -> Bytes:
    """Return what the address of a key holds, 20 bytes. Source: SEC 1, 2.3.3; BIP 141; Yellow Paper, appendix F."""
    key, script = np.zeros(65, np.uint8), np.zeros(22, np.uint8)
    key[0], key[1:33], key[33:] = 4, coordinate(x), coordinate(y)
    if kind == ETHEREUM:
        return keccak256(key[1:])[12:]
    if kind == UNCOMPRESSED:
        return hash160(key)
    key[0] = U(2) + (y[0] & ONE)
    script[1], script[2:] = 20, hash160(key[:33])
    return hash160(script) if kind == NESTED else script[2:]


@compiled
def key_hashes(points: NDArray[np.uint64], images: int, signs: int, kind: int) -> NDArray[np.uint8]:
    """Return the `key_hash` of each point under 1, LAMBDA, LAMBDA^2, and of its negative: [point][image][sign][20]."""
    result, zero = np.zeros((len(points), images, signs, 20), np.uint8), np.zeros(8, U)
    for number in range(len(points)):
        x, y = points[number, 0], points[number, 1]
        for image in range(images):
            for sign in range(signs):
                result[number, image, sign] = key_hash(x, subtract(zero, y) if sign else y, kind)
            x = multiply(x, BETA_WORDS)
    return result


@lru_cache(maxsize=4)
def points_of(batch: UUID, number: int, public_key: Point, steps: range) -> tuple[list[int], Words]:
    """Return the first offset of each lane in some steps of a unit, and all its points in these steps."""
    firsts = [offset(batch, number, lane, steps.start, -GROUP) for lane in range(LANES)]
    points = [add_multiple(public_key, s) for s in firsts]
    starts = [[words(point.x), words(point.y)] for point in points if point is not None]
    return firsts, walk(np.array(starts), len(steps) * POINTS_PER_STEP)


def finds(unit: Unit, first_step: int = 0) -> Iterator[tuple[Form, Hit]]:
    """Yield the hits of a unit from a step on, with each form in which they are."""
    images, signs = (1, 1) if unit.plain else (3, 2)
    firsts, points = points_of(unit.batch, unit.number, unit.public_key, range(first_step, unit.steps))
    for form, ranges in unit.target.ranges:
        for first, lane in zip(firsts, points, strict=True):
            hashes = key_hashes(lane, images, signs, KINDS[form])
            leading = hashes[..., :4].copy().view(">u4")[..., 0]
            for i, e, sign in np.argwhere(in_any(ranges, leading)).tolist():
                if unit.target.accepts(form, hashes[i, e, sign].tobytes()):
                    yield form, Hit((first + i) % N, e, -1 if sign else 1)


def in_any(ranges: Ranges, leading: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Tell of each first word whether hashes in the ranges may have it."""
    firsts, lasts = (np.array([one[end] >> HASH_BITS - 32 for one in ranges]) for end in (0, 1))
    return leading <= lasts[np.maximum(np.searchsorted(firsts, leading, "right") - 1, 0)]
