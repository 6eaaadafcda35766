"""What an address shall begin with, as exact ranges of digests, and how long the search for it is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from xwhep.vanity.addresses import Form, Network, ethereum_address
from xwhep.vanity.chances import keys_for, probability
from xwhep.vanity.errors import PatternError
from xwhep.vanity.notations import Notation, guess_form, kinds, notation_of
from xwhep.vanity.ranges import Range, Ranges, difficulty_of, in_ranges, union

__all__ = [  # those who search for patterns find here what they need
    "Pattern",
    "Range",
    "Ranges",
    "difficulty_of",
    "in_ranges",
    "keys_for",
    "parse_pattern",
    "probability",
]

MAX_DIFFICULTY: Final = 2**80  #: what is beyond is refused: no grid would ever find it
MAX_SPELLINGS: Final = 4096  #: of one pattern whose case does not matter
_TAPROOT: Final = ("bc1p", "tb1p")  #: what BIP-86 addresses begin with: each is a point, not a hash of 160 bits


@dataclass(frozen=True, slots=True)
class Pattern:
    """The beginning of an address; made by `parse_pattern`."""

    text: str
    form: Form
    network: Network
    ignore_case: bool
    ranges: Ranges  #: the digests whose addresses begin with the text, case aside if it is a checksum; never empty
    difficulty: Fraction  #: how many keys a search tries on average; at least 1
    letters: int = 0  #: of which the checksum must give each the case it has in the text; EIP-55

    def matches(self, digest: bytes) -> bool:
        """Tell whether the address of a digest of 20 bytes begins so."""
        if not in_ranges(self.ranges, digest):
            return False
        return not self.letters or ethereum_address(digest).startswith(self.text)


def parse_pattern(
    text: str, form: Form = Form.P2PKH_COMPRESSED, network: Network = Network.MAIN, *, ignore_case: bool = False
) -> Pattern:
    """Return the pattern of this text, of which case matters unless it is ignored.

    Raises:
        PatternError: no address begins so, the search would pass `MAX_DIFFICULTY`, or there are more spellings than
            `MAX_SPELLINGS`.
    """
    notation = notation_of(form, network)
    folded = _folded(text, form, ignore_case=ignore_case)
    if why := _fault(folded, notation, ignore_case=ignore_case):
        raise PatternError(text, why)
    spellings = _spellings(text, folded, notation) if ignore_case and notation.both_cases else [folded]
    ranges = union(one for spelling in spellings for one in notation.ranges(spelling))
    if not ranges:
        limits = f"the least of them is {notation.least}, the greatest {notation.greatest}"
        raise PatternError(text, f"none of the 2^160 addresses begins so; {limits}")
    letters = 0 if ignore_case else letters_of_checksum(text, form)
    difficulty = difficulty_of(ranges) * 2**letters
    if difficulty > MAX_DIFFICULTY:
        why = f"it takes {float(difficulty):.2e} keys on average, more than the 2^80 = {MAX_DIFFICULTY:.2e} allowed"
        raise PatternError(text, f"{why}; leave out characters at its end")
    return Pattern(text, form, network, ignore_case, ranges, difficulty, letters)


def _folded(text: str, form: Form, *, ignore_case: bool) -> str:
    """Return the text as ranges are made of it: in lower case where the case of letters decides no digit."""
    if not text.isascii():
        return text
    if ignore_case:
        return text.lower()
    return text[:2] + text[2:].lower() if form is Form.ETHEREUM else text


def letters_of_checksum(text: str, form: Form) -> int:
    """Return of how many letters of a part of an address the checksum decides the case.

    That is of none but in Ethereum's addresses, where a text in one case stands for any. Source: EIP-55.
    """
    letters = [one for one in text.removeprefix("0x") if one.isalpha()] if form is Form.ETHEREUM else []
    return len(letters) if len({letter.islower() for letter in letters}) > 1 else 0


def _spellings(text: str, folded: str, notation: Notation) -> list[str]:
    """Return the texts, in upper and lower case, that addresses begin with; `folded` is `text` in lower case."""
    spellings = [""]
    for letter in folded:
        cases = [case for case in dict.fromkeys((letter, letter.upper())) if case in notation.alphabet]
        longer = (spelling + case for spelling in spellings for case in cases)
        spellings = [spelling for spelling in longer if notation.ranges(spelling)]
        if len(spellings) > MAX_SPELLINGS:
            why = f"in upper and lower case it has more than {MAX_SPELLINGS:,} spellings"
            raise PatternError(text, f"{why}; leave out letters, or let case matter")
    return spellings


def _fault(text: str, notation: Notation, *, ignore_case: bool) -> str | None:
    """Return what is wrong with the text as such, if anything."""
    heads = " or ".join(notation.heads)
    if not text:
        return f"it is empty; addresses begin with {heads}"
    if len(text) > len(notation.greatest):
        return f"an address has at most {len(notation.greatest)} characters and this has {len(text)}"
    if not text.startswith(notation.heads):
        return f"addresses of the kind searched for begin with {heads}{others_like(text, notation)}"
    return strange_character(text, notation, behind=len(notation.heads[0]), ignore_case=ignore_case)


def others_like(text: str, notation: Notation | None = None) -> str:
    """Return what is added where a text begins like no address of what is searched for, in one notation or several."""
    kind = guess_form(text)
    if kind is None:
        return "; those of Taproot are not searched for" if text.lower().startswith(_TAPROOT) else ""
    if notation_of(*kind) is notation:
        return "; case matters"
    form, network = kind
    return f"; like this begin those of {kinds([form], network)}"


def strange_character(text: str, notation: Notation, *, behind: int = 0, ignore_case: bool = False) -> str | None:
    """Return which character, behind so many, is none of the notation's, and why; None if there is none."""
    for position, character in enumerate(text[behind:], start=behind + 1):
        known = character in notation.alphabet or (ignore_case and character.upper() in notation.alphabet)
        if not known:
            return f"character {position} is {character!a}, {_lack(character, notation)}"
    return None


def _lack(character: str, notation: Notation) -> str:
    """Return why an address does not have a character."""
    where = "" if notation.both_cases else f"behind {notation.heads[0]} "
    if character in notation.lacking:
        lacking = f"{', '.join(notation.lacking[:-1])} or {notation.lacking[-1]}"
        return f"and {where}addresses have no {lacking}, which look alike"
    letters = "digits and letters from 1 to z" if notation.both_cases else "digits and lower-case letters"
    if not notation.lacking:
        letters = "the hexadecimal digits 0 to 9 and a to f"
    return f"and {where}addresses have only {letters}"
