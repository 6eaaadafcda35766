"""What an address shall end with: the number that its last characters are, since an ending is no range of digests.

An address of Bitcoin ends with its checksum, which depends on all of the digest, and in Base58 the last characters are
what the whole number leaves over; so an ending is asked of each key apart, as a number to the base of the alphabet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from xwhep.vanity import base58
from xwhep.vanity.addresses import HASH_BITS, Form, Network, address, base58_version
from xwhep.vanity.errors import PatternError
from xwhep.vanity.notations import notation_of
from xwhep.vanity.patterns import MAX_DIFFICULTY, letters_of_checksum, parse_pattern, strange_character
from xwhep.vanity.ranges import Ranges, base58_numbers, difficulty_of, union

#: by the base of the alphabet: how many characters make a number of at most 32 bits, which a kernel compares
TOGETHER: Final = {58: 5, 32: 6, 16: 7}
MAX_CHARACTERS: Final = 20  #: fewer than the least of all addresses has behind its head
_NUMBERS: Final = 2 ** (HASH_BITS + 8 * base58.CHECKSUM_BYTES)  #: of 25 bytes that begin with one version


@dataclass(frozen=True, slots=True)
class Ending:
    """What the last characters of an address may be, as ranges of their ranks.

    The rank of an ending is the number of its last characters, `TOGETHER` of them, and then that of those before: so
    wide ranges name the last characters, which are compared for many keys, and leave open the others.
    """

    form: Form
    network: Network
    characters: int  #: how many, 1 .. MAX_CHARACTERS
    ranges: Ranges  #: of ranks, ascending and disjoint, below `size`

    @property
    def base(self) -> int:
        """Return how many characters the alphabet has."""
        return len(notation_of(self.form, self.network).alphabet)

    @property
    def size(self) -> int:
        """Return how many endings of so many characters there are."""
        return int(self.base**self.characters)

    @property
    def before(self) -> int:
        """Return how many endings have the same last characters, `TOGETHER` of them."""
        return int(self.base ** max(0, self.characters - TOGETHER[self.base]))

    def rank(self, text: str) -> int:
        """Return the rank of an ending of so many characters."""
        before, last = divmod(value(text, self.form, self.network), self.size // self.before)
        return last * self.before + before

    @property
    def chance(self) -> Fraction:
        """Return the part of the addresses that end so, the checksum taken for random."""
        return Fraction(sum(last - first + 1 for first, last in self.ranges), self.size)

    def accepts(self, digest: bytes) -> bool:
        """Tell whether the address of a digest of 20 bytes ends so."""
        rank = self.rank(address(digest, self.form, self.network)[-self.characters :])
        return any(first <= rank <= last for first, last in self.ranges)


def value(text: str, form: Form, network: Network) -> int:
    """Return the number whose digits are these characters, all of a form's alphabet but for case where it has one."""
    notation, number = notation_of(form, network), 0
    for character in text if notation.both_cases else text.lower():
        number = number * len(notation.alphabet) + notation.alphabet.index(character)
    return number


def parse_ending(
    suffix: str, prefix: str = "", form: Form = Form.P2PKH_COMPRESSED, network: Network = Network.MAIN
) -> tuple[Ending, Ranges, Fraction]:
    """Return what addresses are that end, and begin, with these texts, and how many keys a search for them tries.

    The ranges are those of the beginning; where it is empty, of all digests. If letters have both cases in an address
    of Ethereum's, the checksum must give them these, which divides what ranges and ending let through.

    Raises:
        PatternError: no address is like that, or the search would pass 2^80 keys.
    """
    notation = notation_of(form, network)
    if not suffix:
        raise PatternError(suffix, "the end is empty")
    if len(suffix) > MAX_CHARACTERS:
        raise PatternError(suffix, f"an end has at most {MAX_CHARACTERS} characters and this has {len(suffix)}")
    folded = suffix.lower() if form is Form.ETHEREUM and suffix.isascii() else suffix
    if why := strange_character(folded, notation):
        raise PatternError(suffix, why)
    beginnings = [parse_pattern(text, form, network) for text in ([prefix] if prefix else notation.heads)]
    ranges = union(one for beginning in beginnings for one in beginning.ranges)
    ending = Ending(form, network, len(suffix), ())
    rank = ending.rank(folded)
    ending = replace(ending, ranges=((rank, rank),))
    # Bech32's checksum is linear in the digits before it, and any six digits side by side can make any checksum, since
    # the generator's last coefficient is not zero: each digit of the end divides the digests by 32, as long as there
    # are six which neither beginning nor end names; where there are not, the search is too long anyway.
    chance = ending.chance / difficulty_of(ranges)
    if notation.both_cases:
        chance = _base58_chance(suffix, prefix, form, network)
    chance /= 2 ** letters_of_checksum(prefix + suffix, form)
    if chance * MAX_DIFFICULTY < 1:
        raise PatternError(suffix, f"with {prefix or 'any beginning'} it takes more than 2^80 keys on average")
    return ending, ranges, 1 / chance


def _base58_chance(suffix: str, prefix: str, form: Form, network: Network) -> Fraction:
    """Return the part of the numbers that begin and end so, counted exactly, as if the checksum were any."""
    version = base58_version(form, network)[0]
    step, rest = 58 ** len(suffix), base58.value(suffix)
    intervals = base58_numbers(prefix, version)
    return Fraction(sum((high - rest) // step - (low - 1 - rest) // step for low, high in intervals), _NUMBERS)
