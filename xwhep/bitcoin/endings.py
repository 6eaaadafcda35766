"""What an address shall end with, and perhaps begin with too: a predicate, since an ending is no range of digests.

An address ends with its checksum, which depends on all of the digest. So what a search compares are the ranges of the
beginning, and each key in them is asked whether it `matches`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from xwhep.bitcoin import base58, bech32
from xwhep.bitcoin.addresses import HASH_BITS, Form, Network, address, base58_version
from xwhep.bitcoin.notations import notation_of
from xwhep.bitcoin.patterns import MAX_DIFFICULTY, parse_pattern, strange_character
from xwhep.bitcoin.ranges import Ranges, base58_numbers, difficulty_of, in_ranges, union
from xwhep.errors import PatternError

_NUMBERS: Final = 2 ** (HASH_BITS + 8 * base58.CHECKSUM_BYTES)  #: of 25 bytes that begin with one version


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of an address, and its beginning; made by `parse_ending`. Case matters."""

    prefix: str  #: empty if any will do
    suffix: str
    form: Form
    network: Network
    ranges: Ranges  #: the digests whose addresses begin with the prefix
    difficulty: Fraction  #: how many keys a search tries on average

    def matches(self, digest: bytes) -> bool:
        """Tell whether the address of a digest of 20 bytes begins and ends so."""
        return in_ranges(self.ranges, digest) and address(digest, self.form, self.network).endswith(self.suffix)


def parse_ending(
    suffix: str, prefix: str = "", form: Form = Form.P2PKH_COMPRESSED, network: Network = Network.MAIN
) -> Ending:
    """Return what addresses are that end, and begin, with these texts.

    Raises:
        PatternError: no address does, or the search would pass 2^80 keys.
    """
    notation = notation_of(form, network)
    if not suffix:
        raise PatternError(suffix, "the end is empty")
    if why := strange_character(suffix, notation):
        raise PatternError(suffix, why)
    beginnings = [parse_pattern(text, form, network) for text in ([prefix] if prefix else notation.heads)]
    ranges = union(one for beginning in beginnings for one in beginning.ranges)
    chance = _bech32_chance(suffix, ranges) if form is Form.P2WPKH else _base58_chance(suffix, prefix, form, network)
    if chance * MAX_DIFFICULTY < 1:
        raise PatternError(suffix, f"with {prefix or 'any beginning'} it takes more than 2^80 keys on average")
    return Ending(prefix, suffix, form, network, ranges, 1 / chance)


def _base58_chance(suffix: str, prefix: str, form: Form, network: Network) -> Fraction:
    """Return the part of the numbers that begin and end so, counted exactly, as if the checksum were any."""
    version = base58_version(form, network)[0]
    step, rest = 58 ** len(suffix), base58.value(suffix)
    intervals = base58_numbers(prefix, version)
    return Fraction(sum((high - rest) // step - (low - 1 - rest) // step for low, high in intervals), _NUMBERS)


def _bech32_chance(suffix: str, ranges: Ranges) -> Fraction:
    """Return the part of the digests whose addresses begin and end so.

    The checksum is linear in the digits before it, and any six digits side by side can make any checksum, since the
    generator's last coefficient is not zero. So each digit of the end divides the digests by 32, as long as there are
    six digits which neither beginning nor end names; where there are not, the search is too long anyway.
    """
    return Fraction(1, len(bech32.ALPHABET) ** len(suffix)) / difficulty_of(ranges)
