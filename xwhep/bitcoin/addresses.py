"""Addresses and private keys as texts, on Bitcoin's main network.

Source: the Bitcoin Wiki, "Technical background of version 1 Bitcoin addresses" and "Wallet import format".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import Final, assert_never

from Crypto.Hash import RIPEMD160

from xwhep.bitcoin import base58
from xwhep.errors import AddressError, PrivateKeyError
from xwhep.secp256k1 import Point, checked_secret, encode

HASH_BITS: Final = 160  #: of the hash160 that an address holds
ADDRESS_VERSION: Final = b"\x00"  #: P2PKH on the main network; the reason why each such address begins with `1`
WIF_VERSION: Final = b"\x80"
#: the beginning of a P2WPKH script: version 0, and a push of the 20 bytes that follow. Source: BIP 141
WITNESS_PROGRAM: Final = b"\x00\x14"
WIF_COMPRESSED: Final = b"\x01"  #: behind the key: its public key is meant in the compressed form


class Form(StrEnum):
    """How a public key becomes the 160 bits that a search compares."""

    P2PKH_COMPRESSED = "p2pkh-compressed"  #: hash160 of the 33 bytes of the compressed key; `1...`
    P2PKH_UNCOMPRESSED = "p2pkh-uncompressed"  #: hash160 of the 65 bytes of the uncompressed key; `1...`
    P2WPKH = "p2wpkh"  #: the same hash as P2PKH_COMPRESSED; `bc1q...`
    P2SH_P2WPKH = "p2sh-p2wpkh"  #: hash160 of the 22 bytes of the P2WPKH script; `3...`


def _openssl_has(name: str) -> bool:
    try:
        hashlib.new(name, usedforsecurity=False)
    except ValueError:
        return False
    return True


def _ripemd160_by_openssl(data: bytes) -> bytes:
    return hashlib.new("ripemd160", data, usedforsecurity=False).digest()


def _ripemd160_by_pycryptodome(data: bytes) -> bytes:
    return RIPEMD160.new(data).digest()


# OpenSSL 3 keeps RIPEMD-160 in its legacy provider, which many systems do not load.
_ripemd160: Final[Callable[[bytes], bytes]] = (
    _ripemd160_by_openssl if _openssl_has("ripemd160") else _ripemd160_by_pycryptodome
)


def hash160(data: bytes) -> bytes:
    """Return RIPEMD-160(SHA-256(data)), 20 bytes."""
    return _ripemd160(hashlib.sha256(data).digest())


def key_hash(public_key: Point, form: Form = Form.P2PKH_COMPRESSED) -> bytes:
    """Return the 20 bytes that the address of this key in this form holds. Source: BIP 141, BIP 49."""
    match form:
        case Form.P2PKH_COMPRESSED | Form.P2WPKH:
            return hash160(encode(public_key))
        case Form.P2PKH_UNCOMPRESSED:
            return hash160(encode(public_key, compressed=False))
        case Form.P2SH_P2WPKH:
            return hash160(WITNESS_PROGRAM + hash160(encode(public_key)))
        case _:
            assert_never(form)


def p2pkh(digest: bytes) -> str:
    """Return the P2PKH address of a hash160 of 20 bytes."""
    return base58.encode_check(ADDRESS_VERSION + digest)


def decode_p2pkh(address: str) -> bytes:
    """Return the hash160, 20 bytes, of a P2PKH address.

    Raises:
        AddressError: no Base58Check, another kind of address, or another network's.
    """
    try:
        payload = base58.decode_check(address)
    except base58.Base58Error as error:
        raise AddressError(str(error)) from error
    if len(payload) != 21 or payload[:1] != ADDRESS_VERSION:
        raise AddressError("it is not a P2PKH address of the main network, which begins with 1")
    return payload[1:]


def encode_wif(secret: int) -> str:
    """Return a private key in the wallet import format, with the mark of a compressed public key."""
    return base58.encode_check(WIF_VERSION + secret.to_bytes(32, "big") + WIF_COMPRESSED)


def decode_wif(text: str) -> int:
    """Return the private key of a text in the wallet import format.

    Raises:
        PrivateKeyError: no Base58Check, another network's, meant for an uncompressed public key, or out of range.
    """
    try:
        payload = base58.decode_check(text)
    except base58.Base58Error as error:
        raise PrivateKeyError(str(error)) from error
    if payload[:1] != WIF_VERSION or len(payload) not in {33, 34}:
        raise PrivateKeyError("it is not a private key of the main network in the wallet import format")
    if payload[33:] != WIF_COMPRESSED:
        raise PrivateKeyError("it is not marked as the key of a compressed public key")
    return checked_secret(int.from_bytes(payload[1:33], "big"))
