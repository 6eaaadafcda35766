"""The proof: the address of a private key derived by others' code than the search's.

OpenSSL (through `cryptography`) multiplies the curve's generator, PyCryptodome hashes, and the library `base58` writes.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Final

from Crypto.Hash import RIPEMD160
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from xwhep.errors.installations import DemoError

MAINNET: Final = b"\x00"  #: version of a P2PKH address
WIF: Final = 0x80  #: version of a private key


def prove(key_file: Path) -> str:
    """Return the P2PKH address, compressed, of the private key in a key file.

    Raises:
        DemoError: the library `base58` is not installed, or the file holds no private key.
    """
    try:
        import base58  # of the extra `all`: only the demonstration needs it
    except ImportError as error:
        raise DemoError("the proof needs the library base58; install xwhep[all]", "") from error
    text = tomllib.loads(key_file.read_text(encoding="utf-8"))["wif"]
    version, *secret = base58.b58decode_check(text)
    if version != WIF or len(secret) != 33 or secret[-1] != 1:
        raise DemoError(f"{key_file} holds no private key of a compressed public key", "")
    key = ec.derive_private_key(int.from_bytes(bytes(secret[:32]), "big"), ec.SECP256K1())
    public_key = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    digest = RIPEMD160.new(hashlib.sha256(public_key).digest()).digest()
    return str(base58.b58encode_check(MAINNET + digest).decode("ascii"))
