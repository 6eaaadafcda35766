"""Bech32, the texts of the addresses of native segregated witness, version 0.

Source: BIP 173. Version 1 and later are written in another code, Bech32m of BIP 350, and are none of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"  #: without 1, b, i and o; the digit's value is its position
MAX_CHARACTERS: Final = 90
SEPARATOR: Final = "1"  #: between the human-readable part, which tells the network, and the digits
VERSION: Final = ALPHABET[0]  #: the first digit of the addresses that this module knows: witness version 0
_CHECKSUM_DIGITS: Final = 6
_PROGRAM_BYTES: Final = (20, 32)  #: of a public key's hash, of a script's. Source: BIP 141
GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class Bech32Error(ValueError):
    """A text that is not Bech32, or no address of witness version 0."""


def value(text: str) -> int:
    """Return the number whose digits to the base 32 are these characters, all of the alphabet's; 0 for none."""
    number = 0
    for character in text:
        number = number << 5 | ALPHABET.index(character)
    return number


def encode(hrp: str, program: bytes) -> str:
    """Return the address of a witness program of version 0 on the network of a human-readable part in lower case."""
    digits = [0, *_digits(program)]
    check = polymod([*expanded(hrp), *digits, *[0] * _CHECKSUM_DIGITS]) ^ 1
    digits += [check >> 5 * place & 31 for place in reversed(range(_CHECKSUM_DIGITS))]
    return hrp + SEPARATOR + "".join(ALPHABET[digit] for digit in digits)


def decode(text: str) -> tuple[str, bytes]:
    """Return the human-readable part, in lower case, and the program, 20 or 32 bytes, of an address of version 0.

    Raises:
        Bech32Error: no Bech32, another witness version, or a program of another length.
    """
    hrp, digits = parse(text)
    if not digits or digits[0] != 0:
        raise Bech32Error("it is not an address of witness version 0")
    number, padding = 0, 5 * len(digits[1:]) % 8
    for digit in digits[1:]:
        number = number << 5 | digit
    size = 5 * len(digits[1:]) // 8
    if padding > 4 or number & ((1 << padding) - 1):
        raise Bech32Error("the bits that fill it up are not zero or too many")
    if size not in _PROGRAM_BYTES:
        raise Bech32Error(f"it holds {size} bytes and not 20 or 32")
    return hrp, (number >> padding).to_bytes(size, "big")


def parse(text: str) -> tuple[str, Sequence[int]]:
    """Return the human-readable part, in lower case, and the digits before the checksum, of any Bech32 text.

    Raises:
        Bech32Error: a wrong length, character, mixture of cases, or checksum.
    """
    if len(text) > MAX_CHARACTERS:
        raise Bech32Error(f"it has {len(text)} characters, more than any address")
    if not all("!" <= character <= "~" for character in text):
        raise Bech32Error("it has characters beyond those of ASCII that can be seen")
    if text not in {text.lower(), text.upper()}:
        raise Bech32Error("it mixes lower and upper case")
    hrp, _, rest = text.lower().rpartition(SEPARATOR)
    if not hrp or len(rest) < _CHECKSUM_DIGITS:
        raise Bech32Error("it has no part before its last 1, or too little behind it")
    digits = [ALPHABET.find(character) for character in rest]
    if -1 in digits:
        raise Bech32Error(f"character {len(hrp) + 2 + digits.index(-1)} is none of Bech32's")
    if polymod([*expanded(hrp), *digits]) != 1:
        raise Bech32Error("its checksum is wrong; look for a typing mistake")
    return hrp, digits[:-_CHECKSUM_DIGITS]


def _digits(data: bytes) -> list[int]:
    """Return the digits of 5 bits that data make, zero bits added at the end."""
    padding = -8 * len(data) % 5
    number, count = int.from_bytes(data, "big") << padding, (8 * len(data) + padding) // 5
    return [number >> 5 * place & 31 for place in reversed(range(count))]


def expanded(hrp: str) -> list[int]:
    """Return the human-readable part as the checksum takes it. Source: BIP 173, "Checksum"."""
    return [*(ord(character) >> 5 for character in hrp), 0, *(ord(character) & 31 for character in hrp)]


def polymod(digits: Iterable[int]) -> int:
    """Return the remainder that the checksum makes 1. Source: BIP 173, "Checksum"."""
    check = 1
    for digit in digits:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ digit
        for bit, generator in enumerate(GENERATOR):
            check ^= generator if top >> bit & 1 else 0
    return check
