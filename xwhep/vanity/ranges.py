"""What a search compares: ranges of digests of 160 bits, and the ranges of addresses that begin alike.

An address in Base58 is the text of a number of 25 bytes: version, digest, checksum. A prefix therefore names a few
intervals of such numbers, one for each length an address may have, and these name ranges of digests. The checksum, a
function of the digest, is looked at where it decides: at the two ends of each interval. So a search compares numbers
only, and a digest is in a range if and only if its address begins with the prefix. In Bech32, the digits are the bits
of the digest, and a prefix is a range by itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Final, TypeAlias

from xwhep.vanity import base58, bech32
from xwhep.vanity.addresses import HASH_BITS

Range: TypeAlias = tuple[int, int]  #: first and last digest of a range, as big-endian numbers of 160 bits
Ranges: TypeAlias = tuple[Range, ...]  #: disjoint and ascending

_ADDRESS_BYTES: Final = 25
_HASH_AND_CHECKSUM_BITS: Final = HASH_BITS + 8 * base58.CHECKSUM_BYTES
_DIGIT_BITS: Final = 5  #: of Bech32


def difficulty_of(ranges: Ranges) -> Fraction:
    """Return how many keys it takes on average to find one in these ranges: 2^160 by the number of digests in them."""
    return Fraction(2**HASH_BITS, sum(last - first + 1 for first, last in ranges))


def in_ranges(ranges: Ranges, digest: bytes) -> bool:
    """Tell whether a digest of 20 bytes lies in one of the ranges."""
    number = int.from_bytes(digest, "big")
    behind = bisect_right(ranges, number, key=_first)
    return behind > 0 and number <= ranges[behind - 1][1]


def union(ranges: Iterable[Range]) -> Ranges:
    """Return the digests that lie in any of these ranges, which may overlap and come in any order."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def is_ascending(ranges: Ranges, size: int = 2**HASH_BITS) -> bool:
    """Tell whether these are ranges as this module makes them: below `size`, not empty, ascending and disjoint."""
    ends = [-1, *(end for one in ranges for end in one), size]
    return all(a <= b if place % 2 else a < b for place, (a, b) in enumerate(pairwise(ends)))


def base58_ranges(prefix: str, version: int) -> Ranges:
    """Return the ranges of a prefix, of Base58's characters, among the addresses of a version, 0 to 255."""
    between = (_digests_between(low, high, version) for low, high in base58_numbers(prefix, version))
    return tuple(one for one in between if one is not None)


def bech32_ranges(digits: str) -> Ranges:
    """Return the range of the digests that begin with these digits of Bech32, 32 at most."""
    return _beginning_with(bech32.value(digits), _DIGIT_BITS * len(digits))


def hexadecimal_ranges(digits: str) -> Ranges:
    """Return the range of the digests that begin with these hexadecimal digits, 40 at most."""
    return _beginning_with(int(digits or "0", 16), 4 * len(digits))


def _beginning_with(number: int, bits: int) -> Ranges:
    rest = HASH_BITS - bits
    return ((number << rest, ((number + 1) << rest) - 1),)


def _first(one: Range) -> int:
    return one[0]


def base58_numbers(prefix: str, version: int) -> Iterator[tuple[int, int]]:
    """Yield, ascending, the intervals of the numbers of 25 bytes whose text, with any checksum, begins so.

    As of `base58_ranges`; both ends are included.
    """
    digits = prefix.lstrip("1")
    zeros = len(prefix) - len(digits)  # the zero bytes at the beginning of the number: these, or at least these
    floor, below = version << _HASH_AND_CHECKSUM_BITS, (version + 1) << _HASH_AND_CHECKSUM_BITS
    below = min(below, 256 ** max(_ADDRESS_BYTES - zeros, 0))
    if not digits:
        if floor < below:
            yield floor, below - 1
        return
    floor = max(floor, 256 ** max(_ADDRESS_BYTES - zeros - 1, 0))
    low, high = base58.value(digits), base58.value(digits) + 1
    while low < below:
        if max(low, floor) < min(high, below):
            yield max(low, floor), min(high, below) - 1
        low, high = low * 58, high * 58


def _digests_between(low: int, high: int, version: int) -> Range | None:
    """Return the range of the digests whose 25-byte numbers, of the version, lie in low .. high, if there is any."""
    first, last = (end >> 8 * base58.CHECKSUM_BYTES & 2**HASH_BITS - 1 for end in (low, high))
    first += _number(first, version) < low
    last -= _number(last, version) > high
    return (first, last) if first <= last else None


def _number(digest: int, version: int) -> int:
    """Return the number of 25 bytes whose Base58 text is the address of this digest."""
    payload = (version << HASH_BITS | digest).to_bytes(1 + HASH_BITS // 8, "big")
    return int.from_bytes(payload + base58.checksum(payload), "big")
