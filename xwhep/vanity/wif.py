"""Private keys as texts, in the wallet import format.

Source: the Bitcoin Wiki, "Wallet import format"; Bitcoin Core, src/key_io.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from xwhep.errors.keys import PrivateKeyError
from xwhep.secp256k1 import checked_secret
from xwhep.vanity import base58
from xwhep.vanity.addresses import Form, Network

VERSION: Final = {Network.MAIN: b"\x80", Network.TEST: b"\xef"}
COMPRESSED: Final = b"\x01"  #: behind the key: its public key is meant in the compressed form


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """What a text in the wallet import format says."""

    secret: int = field(repr=False)  #: 1 .. N - 1
    compressed: bool  #: whether its public key is meant in the compressed form
    network: Network


def encode_wif(secret: int, form: Form = Form.P2PKH_COMPRESSED, network: Network = Network.MAIN) -> str:
    """Return a private key in the wallet import format, marked for the public key of this form.

    Segregated witness knows compressed keys only; that the address shall be of its form, the text does not say.
    """
    mark = b"" if form is Form.P2PKH_UNCOMPRESSED else COMPRESSED
    return base58.encode_check(VERSION[network] + secret.to_bytes(32, "big") + mark)


def decode_wif(text: str) -> PrivateKey:
    """Return the private key of a text in the wallet import format.

    Raises:
        PrivateKeyError: no Base58Check, no private key, or out of range; the text is not repeated.
    """
    try:
        payload = base58.decode_check(text)
    except base58.Base58Error as error:
        raise PrivateKeyError(str(error)) from error
    version, secret, mark = payload[:1], payload[1:33], payload[33:]
    networks = [network for network in Network if VERSION[network] == version]
    if not networks or len(secret) != 32 or mark not in {b"", COMPRESSED}:
        raise PrivateKeyError("it is not a private key in the wallet import format")
    return PrivateKey(checked_secret(int.from_bytes(secret, "big")), mark == COMPRESSED, networks[0])
