"""Addresses as texts: the forms that a key may have, on Bitcoin's main network and its test networks, and on Ethereum.

Source: the Bitcoin Wiki, "Technical background of version 1 Bitcoin addresses"; BIP 141 and BIP 173; the versions and
human-readable parts as in Bitcoin Core, src/kernel/chainparams.cpp. Ethereum's: the Yellow Paper, appendix F; EIP-55.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple, assert_never

from xwhep.secp256k1 import Point, encode
from xwhep.vanity import base58, bech32
from xwhep.vanity.errors import AddressError

HASH_BITS: Final = 160  #: of the hash160 that an address holds
#: the beginning of a P2WPKH script: version 0, and a push of the 20 bytes that follow. Source: BIP 141
WITNESS_PROGRAM: Final = b"\x00\x14"


class Network(StrEnum):
    """Where an address is valid; all test networks (testnet 3 and 4, signet) write theirs alike."""

    MAIN = "main"
    TEST = "test"


class Form(StrEnum):
    """How a public key becomes the 160 bits that a search compares."""

    P2PKH_COMPRESSED = "p2pkh-compressed"  #: hash160 of the 33 bytes of the compressed key; `1...`
    P2PKH_UNCOMPRESSED = "p2pkh-uncompressed"  #: hash160 of the 65 bytes of the uncompressed key; `1...`
    P2WPKH = "p2wpkh"  #: the same hash as P2PKH_COMPRESSED; `bc1q...`
    P2SH_P2WPKH = "p2sh-p2wpkh"  #: hash160 of the 22 bytes of the P2WPKH script; `3...`
    ETHEREUM = "ethereum"  #: the last 20 bytes of the Keccak-256 of x and y; `0x...`, on whatever network


#: before the hash in a Base58Check address, and why each of a network begins alike: with 1, with m or n
P2PKH_VERSION: Final = {Network.MAIN: b"\x00", Network.TEST: b"\x6f"}
P2SH_VERSION: Final = {Network.MAIN: b"\x05", Network.TEST: b"\xc4"}  #: likewise: with 3, with 2
HRP: Final = {Network.MAIN: "bc", Network.TEST: "tb"}  #: the human-readable parts of Bech32


class Address(NamedTuple):
    """What an address says."""

    digest: bytes  #: 20 bytes, the `key_hash` of its key
    form: Form  #: of `1...` P2PKH_COMPRESSED: the address of an uncompressed key looks the same
    network: Network


def _openssl_has(name: str) -> bool:
    try:
        hashlib.new(name, usedforsecurity=False)
    except ValueError:
        return False
    return True


def _ripemd160_by_openssl(data: bytes) -> bytes:
    return hashlib.new("ripemd160", data, usedforsecurity=False).digest()


def _ripemd160_by_pycryptodome(data: bytes) -> bytes:
    from Crypto.Hash import RIPEMD160  # slow to load: it brings a parser of C

    return RIPEMD160.new(data).digest()


# OpenSSL 3 keeps RIPEMD-160 in its legacy provider, which many systems do not load.
_ripemd160: Final[Callable[[bytes], bytes]] = (
    _ripemd160_by_openssl if _openssl_has("ripemd160") else _ripemd160_by_pycryptodome
)


def hash160(data: bytes) -> bytes:
    """Return RIPEMD-160(SHA-256(data)), 20 bytes."""
    return _ripemd160(hashlib.sha256(data).digest())


def keccak256(data: bytes) -> bytes:
    """Return the Keccak-256 of data, 32 bytes: the hash of Ethereum, whose padding is not that of SHA3-256."""
    from Crypto.Hash import keccak  # slow to load: it brings a parser of C

    return keccak.new(digest_bits=256, data=data).digest()


def hashed_as(form: Form) -> Form:
    """Return the form that stands for all whose addresses hold the same 160 bits."""
    return Form.P2PKH_COMPRESSED if form is Form.P2WPKH else form


def key_hash(public_key: Point, form: Form = Form.P2PKH_COMPRESSED) -> bytes:
    """Return the 20 bytes that the address of this key in this form holds.

    Source: BIP 141, BIP 49; Yellow Paper, appendix F, A(p) = the 160 rightmost bits of KEC(p).
    """
    match form:
        case Form.P2PKH_COMPRESSED | Form.P2WPKH:
            return hash160(encode(public_key))
        case Form.P2PKH_UNCOMPRESSED:
            return hash160(encode(public_key, compressed=False))
        case Form.P2SH_P2WPKH:
            return hash160(WITNESS_PROGRAM + hash160(encode(public_key)))
        case Form.ETHEREUM:
            return keccak256(encode(public_key, compressed=False)[1:])[-HASH_BITS // 8 :]
        case _:
            assert_never(form)


def base58_version(form: Form, network: Network) -> bytes:
    """Return the byte before the hash in the Base58Check addresses of a form that is written so."""
    return (P2SH_VERSION if form is Form.P2SH_P2WPKH else P2PKH_VERSION)[network]


def address(digest: bytes, form: Form = Form.P2PKH_COMPRESSED, network: Network = Network.MAIN) -> str:
    """Return the address of a `key_hash` of 20 bytes."""
    if form is Form.P2WPKH:
        return bech32.encode(HRP[network], digest)
    if form is Form.ETHEREUM:
        return ethereum_address(digest)
    return base58.encode_check(base58_version(form, network) + digest)


def ethereum_address(digest: bytes) -> str:
    """Return the address of 20 bytes, whose letters are upper case where a digit of its hash is above 7. EIP-55."""
    digits = digest.hex()
    shades = keccak256(digits.encode()).hex()
    return "0x" + "".join(a.upper() if shade > "7" else a for a, shade in zip(digits, shades, strict=False))


def decode_address(text: str) -> Address:
    """Return what an address of one of the forms says.

    Raises:
        AddressError: no Base58Check or Bech32, or another kind of address.
    """
    try:
        if text.startswith("0x"):
            return _decode_ethereum(text)
        found = _decode_bech32(text) if text[:3].lower() in {"bc1", "tb1"} else _decode_base58(text)
    except ValueError as error:
        raise AddressError(str(error)) from error
    if found is None:
        raise AddressError(
            "it is none of P2PKH (1...), P2SH (3...), P2WPKH (bc1q...) and Ethereum's (0x...), on whatever network"
        )
    return found


def _decode_ethereum(text: str) -> Address:
    if not re.fullmatch("0x[0-9a-fA-F]{40}", text):
        raise ValueError("behind 0x there are not 40 hexadecimal digits")
    digest = bytes.fromhex(text[2:])
    if text[2:] not in {text[2:].lower(), text[2:].upper()} and text != ethereum_address(digest):
        raise ValueError("the cases of its letters are wrong; look for a typing mistake")
    return Address(digest, Form.ETHEREUM, Network.MAIN)


def _decode_bech32(text: str) -> Address | None:
    hrp, program = bech32.decode(text)
    networks = [network for network in Network if HRP[network] == hrp]
    return Address(program, Form.P2WPKH, networks[0]) if networks and len(program) == HASH_BITS // 8 else None


def _decode_base58(text: str) -> Address | None:
    payload = base58.decode_check(text)
    for form in (Form.P2PKH_COMPRESSED, Form.P2SH_P2WPKH):
        for network in Network:
            if len(payload) == 1 + HASH_BITS // 8 and payload[:1] == base58_version(form, network):
                return Address(payload[1:], form, network)
    return None
