"""How the addresses of each form and network are written, and so what they can begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

from xwhep.vanity import base58, bech32
from xwhep.vanity.addresses import HASH_BITS, HRP, Form, Network, address, base58_version
from xwhep.vanity.ranges import Ranges, base58_ranges, bech32_ranges, hexadecimal_ranges

_LEAST: Final = bytes(HASH_BITS // 8)
_GREATEST: Final = b"\xff" * (HASH_BITS // 8)


@dataclass(frozen=True, slots=True)
class Notation:
    """The writing of the addresses of one form on one network."""

    heads: tuple[str, ...]  #: what they begin with, one of these, which have the same length
    alphabet: str  #: of the characters behind the head
    lacking: str  #: digits and letters that the alphabet leaves out
    least: str  #: the address of the least digest
    greatest: str  #: and of the greatest
    ranges: Callable[[str], Ranges]  #: the digests of the addresses that begin with a text of this notation

    @property
    def both_cases(self) -> bool:
        """Whether there are letters of upper and of lower case."""
        return not self.alphabet.islower()


@cache
def notation_of(form: Form, network: Network) -> Notation:
    """Return how the addresses of a form are written on a network."""
    if form is Form.P2WPKH:
        return _bech32_notation(network)
    if form is Form.ETHEREUM:
        return _ethereum_notation()
    version = base58_version(form, network)[0]
    least, greatest = (address(digest, form, network) for digest in (_LEAST, _GREATEST))
    heads = tuple(digit for digit in base58.ALPHABET if base58_ranges(digit, version))
    return Notation(heads, base58.ALPHABET, "0OIl", least, greatest, partial(base58_ranges, version=version))


def _bech32_notation(network: Network) -> Notation:
    head = HRP[network] + bech32.SEPARATOR + bech32.VERSION
    least, greatest = (address(digest, Form.P2WPKH, network) for digest in (_LEAST, _GREATEST))
    return Notation((head,), bech32.ALPHABET, "1bio", least, greatest, partial(_bech32_prefix, len(head)))


def _ethereum_notation() -> Notation:
    """Return the writing in lower case; the case of letters is a checksum, which is no matter of digits. EIP-55."""
    least, greatest = (address(digest, Form.ETHEREUM).lower() for digest in (_LEAST, _GREATEST))
    return Notation(("0x",), "0123456789abcdef", "", least, greatest, _hexadecimal_prefix)


def _hexadecimal_prefix(text: str) -> Ranges:
    return hexadecimal_ranges(text.removeprefix("0x"))


def _bech32_prefix(head_characters: int, text: str) -> Ranges:
    """Return the range of an address's beginning; of the checksum behind the digest's 32 digits, nothing is asked."""
    return bech32_ranges(text[head_characters:][:32])


def kinds(forms: Iterable[Form], network: Network) -> str:
    """Return, for people, the forms and their network; Ethereum's addresses are the same on each."""
    names = list(forms)
    where = "" if names == [Form.ETHEREUM] else f" on the {network} network"
    return f"{', '.join(names)}{where}"


def guess_form(text: str) -> tuple[Form, Network] | None:
    """Return the form and the network, case aside, whose addresses begin as this text does, or None.

    Of the two forms that begin alike it is the one of compressed keys.
    """
    for form in (Form.P2PKH_COMPRESSED, Form.P2SH_P2WPKH, Form.P2WPKH, Form.ETHEREUM):
        for network in Network:
            if text.lower().startswith(notation_of(form, network).heads):
                return form, network
    return None
