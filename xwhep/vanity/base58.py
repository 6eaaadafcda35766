"""Base58 and Base58Check, the texts of Bitcoin's addresses and private keys.

Source: the Bitcoin Wiki, "Base58Check encoding"; Bitcoin Core, src/base58.h.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

ALPHABET: Final = (
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  #: without 0, O, I and l, which look alike
)
CHECKSUM_BYTES: Final = 4
MAX_CHARACTERS: Final = 128  #: what `decode` reads at most; the longest text in use, an extended key, has 111


class Base58Error(ValueError):
    """A text that is not Base58, or whose checksum is wrong; the message never holds the text, which may be secret."""


def value(text: str) -> int:
    """Return the number whose digits to the base 58 are these; 0 for no digit at all.

    Raises:
        Base58Error: a character that is no digit.
    """
    number = 0
    for position, character in enumerate(text, start=1):
        digit = ALPHABET.find(character)
        if digit < 0:
            raise Base58Error(f"character {position} is none of Base58's")
        number = number * 58 + digit
    return number


def encode(data: bytes) -> str:
    """Return the Base58 text of any bytes: one `1` for each leading zero byte, then the digits of the rest."""
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = ALPHABET[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def decode(text: str) -> bytes:
    """Return the bytes that `encode` made this text of.

    Raises:
        Base58Error: a character that is none of the alphabet's, or more than `MAX_CHARACTERS`.
    """
    if len(text) > MAX_CHARACTERS:
        raise Base58Error(f"it has {len(text)} characters, more than any key or address")
    number = value(text)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def checksum(payload: bytes) -> bytes:
    """Return the 4 bytes that Base58Check appends: the beginning of the double SHA-256."""
    return sha256(sha256(payload).digest()).digest()[:CHECKSUM_BYTES]


def encode_check(payload: bytes) -> str:
    """Return the Base58Check text of a version byte and what follows it."""
    return encode(payload + checksum(payload))


def decode_check(text: str) -> bytes:
    """Return the payload, version byte included, of a Base58Check text.

    Raises:
        Base58Error: no Base58, too short, or a wrong checksum.
    """
    data = decode(text)
    payload, check = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if not payload or checksum(payload) != check:
        raise Base58Error("its checksum is wrong; look for a typing mistake")
    return payload
