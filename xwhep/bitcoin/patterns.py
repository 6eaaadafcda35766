"""What an address shall begin with, as exact ranges of hash160 values, and how long the search for it is.

An address is the Base58 text of a number of 25 bytes: version 0, hash160, checksum. A prefix therefore names a few
intervals of such numbers, one for each length an address may have, and these name ranges of hash160 values. The
checksum, a function of the hash, is looked at where it decides: at the two ends of each interval. So a search compares
numbers only, and a hash is in a range if and only if its address begins with the pattern.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

from xwhep.bitcoin import base58
from xwhep.bitcoin.addresses import HASH_BITS, P2PKH_VERSION, Network, p2pkh
from xwhep.errors import PatternError

Range: TypeAlias = tuple[int, int]  #: first and last hash160 of a range, as big-endian numbers of 160 bits
Ranges: TypeAlias = tuple[Range, ...]  #: disjoint and ascending

MAX_CHARACTERS: Final = 34  #: of an address
MAX_DIFFICULTY: Final = 2**80  #: what is beyond is refused: no grid would ever find it
_ADDRESS_BYTES: Final = 25
_GREATEST: Final = p2pkh(b"\xff" * 20)


@dataclass(frozen=True, slots=True)
class Pattern:
    """The beginning of a P2PKH address; made by `parse_pattern`."""

    text: str
    ranges: Ranges  #: the hashes whose addresses begin with the text, never empty
    difficulty: Fraction  #: how many keys a search tries on average; at least 1


def parse_pattern(text: str) -> Pattern:
    """Return the pattern of this text, of which case matters.

    Raises:
        PatternError: no address begins so, or the search would pass `MAX_DIFFICULTY`.
    """
    if why := _fault(text):
        raise PatternError(text, why)
    ranges = tuple(_ranges(text))
    if not ranges:
        raise PatternError(text, f"none of the 2^160 addresses begins so; the greatest of them is {_GREATEST}")
    difficulty = difficulty_of(ranges)
    if difficulty > MAX_DIFFICULTY:
        why = f"it takes {float(difficulty):.2e} keys on average, more than the 2^80 = {MAX_DIFFICULTY:.2e} allowed"
        raise PatternError(text, f"{why}; leave out characters at its end")
    return Pattern(text, ranges, difficulty)


def difficulty_of(ranges: Ranges) -> Fraction:
    """Return how many keys it takes on average to find one in these ranges: 2^160 by the number of hashes in them."""
    return Fraction(2**HASH_BITS, sum(last - first + 1 for first, last in ranges))


def in_ranges(ranges: Ranges, digest: bytes) -> bool:
    """Tell whether a hash160 of 20 bytes lies in one of the ranges."""
    number = int.from_bytes(digest, "big")
    return any(first <= number <= last for first, last in ranges)


def probability(difficulty: Fraction, keys: int) -> float:
    """Return the probability that `keys` keys (0 or more) hold a match: 1 - (1 - 1 / difficulty)^keys."""
    chance = float(1 / difficulty)
    if chance == 1:
        return float(keys > 0)
    return -math.expm1(keys * math.log1p(-chance))  # neither 1 - chance nor 1 - the power may be rounded to 1


def keys_for(difficulty: Fraction, wanted: float) -> float:
    """Return after how many keys the `probability` of a match is the wanted one, 0 <= wanted < 1.

    A search has no memory: however many keys were tried in vain, so many more are needed. The mean is the difficulty.
    """
    chance = float(1 / difficulty)
    if chance == 1:
        return float(wanted > 0)
    return math.log1p(-wanted) / math.log1p(-chance)


def _fault(text: str) -> str | None:
    """Return what is wrong with the text as such, if anything."""
    if not text:
        return "it is empty; addresses begin with 1"
    if len(text) > MAX_CHARACTERS:
        return f"an address has at most {MAX_CHARACTERS} characters and this has {len(text)}"
    for position, character in enumerate(text, start=1):
        if character in "0OIl":
            return f"character {position} is {character!a}, and addresses have no 0, O, I or l, which look alike"
        if character not in base58.ALPHABET:
            return f"character {position} is {character!a}, and addresses have only digits and letters from 1 to z"
    if text[0] != "1":
        return f"addresses of the kind searched for begin with 1, not {text[0]}"
    return None


def _ranges(prefix: str) -> Iterator[Range]:
    """Yield the ranges, ascending, of a prefix that has only characters of Base58."""
    digits = prefix.lstrip("1")
    zeros = len(prefix) - len(digits)  # the zero bytes at the beginning of the number, at least these or exactly
    below = 256 ** max(_ADDRESS_BYTES - zeros, 0)
    if not digits:
        yield from _hashes_between(0, below - 1)
        return
    low, high = base58.value(digits), base58.value(digits) + 1
    while low < below:
        yield from _hashes_between(max(low, below // 256), min(high, below) - 1)
        low, high = low * 58, high * 58


def _hashes_between(low: int, high: int) -> Iterator[Range]:
    """Yield the range of the hashes whose 25-byte numbers lie in low .. high, if there is any; both under 2^192."""
    first, last = low >> 32, high >> 32
    first += _number(first) < low
    last -= _number(last) > high
    if first <= last:
        yield first, last


def _number(hash160: int) -> int:
    """Return the number of 25 bytes whose Base58 text is the address of this hash."""
    digest = hash160.to_bytes(HASH_BITS // 8, "big")
    return hash160 << 32 | int.from_bytes(base58.checksum(P2PKH_VERSION[Network.MAIN] + digest), "big")
