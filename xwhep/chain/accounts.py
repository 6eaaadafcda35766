"""Accounts: a secret key in a Web3 keystore, encrypted by a password, in a file for its owner alone.

The key leaves an `Account` in no other way than as signatures: it is in no repr, no log and no error.
Source: Web3 Secret Storage Definition, version 3; scrypt, RFC 7914.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from xwhep.chain.values import Address, parse_address
from xwhep.errors.chain import KeystoreError
from xwhep.errors.requests import InvalidFieldError
from xwhep.files import PRIVATE, make_private_folder, replace_file

if TYPE_CHECKING:
    from eth_account.datastructures import SignedTransaction
    from eth_account.signers.local import LocalAccount

#: scrypt's cost, some two seconds and 256 MiB: what geth uses for keystores that shall last
SCRYPT_COST: Final = 2**18
#: what a foreign keystore may ask of this machine at most
_MAX_COST: Final = 2**20
_MAX_BYTES: Final = 64 * 1024


class Account:
    """An account whose transactions can be signed here."""

    __slots__ = ("_key", "address")

    def __init__(self, key: LocalAccount) -> None:
        self._key = key
        self.address: Address = str(key.address)

    def __repr__(self) -> str:
        return f"Account({self.address})"

    def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Return a transaction, given by the names of its fields in JSON-RPC, signed. Source: EIP-2718, EIP-1559."""
        return self._key.sign_transaction(dict(transaction))


def create_keystore(path: Path, password: str, *, cost: int = SCRYPT_COST) -> Address:
    """Make a fresh account, write its keystore into a new file, and return its address.

    Raises:
        KeystoreError: there is a file already: it may hold the only copy of a key.
        OSError: it could not be written.
    """
    import eth_account  # slow to load

    refuse_existing(path)
    account = eth_account.Account.create()
    content = eth_account.Account.encrypt(account.key, password, kdf="scrypt", iterations=cost)
    make_private_folder(path.absolute().parent)
    replace_file(path, (json.dumps(content) + "\n").encode("ascii"), PRIVATE)
    return str(account.address)


def refuse_existing(path: Path) -> None:
    """Check that a new keystore would take no other file's place.

    Raises:
        KeystoreError: there is a file already: it may hold the only copy of a key.
    """
    if path.exists():
        raise KeystoreError(path, "it exists already, and may hold the only copy of a key; name another file")


def open_keystore(path: Path, password: str) -> Account:
    """Return the account in a keystore file.

    Raises:
        KeystoreError: it cannot be read, is no keystore, asks too much of this machine, or the password is another.
    """
    import eth_account  # slow to load

    content = _read(path)
    try:
        key = eth_account.Account.decrypt(content, password)
        return Account(eth_account.Account.from_key(key))
    except ValueError as error:
        # no cause is chained: what the library says of a key or a password may show it
        why = "the password is wrong" if "MAC" in str(error) else "it is no Web3 keystore"
        raise KeystoreError(path, why) from None
    except Exception:  # noqa: BLE001 - any shape of foreign JSON, and the library promises no kind of error
        raise KeystoreError(path, "it is no Web3 keystore") from None


def check_keystore(path: Path) -> None:
    """Check what can be checked of a keystore without its password.

    Raises:
        KeystoreError: it cannot be read, is no keystore, or asks too much of this machine.
    """
    _read(path)


def keystore_address(path: Path) -> Address | None:
    """Return the address that a keystore file tells without its password; None when it tells none.

    Raises:
        KeystoreError: it cannot be read, or is no keystore.
    """
    told = _read(path).get("address")
    try:
        return parse_address("0x" + str(told).removeprefix("0x")) if told else None
    except InvalidFieldError:
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
        content = from_json(text) if len(text) <= _MAX_BYTES else None
    except OSError as error:
        raise KeystoreError(path, f"{(error.strerror or 'it cannot be read').lower()}") from error
    except ValueError:
        content = None
    crypto = content.get("crypto", content.get("Crypto")) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(crypto, dict):
        raise KeystoreError(path, "it is no Web3 keystore")
    _check_cost(path, crypto)
    return content


def _check_cost(path: Path, crypto: Mapping[str, Any]) -> None:
    """Check what deriving the key asks of this machine: a foreign file may ask for all of its memory.

    Raises:
        KeystoreError: too much, or nothing that can be understood.
    """
    parameters = crypto.get("kdfparams")
    if not isinstance(parameters, dict):
        raise KeystoreError(path, "it is no Web3 keystore")
    bounds = {"n": _MAX_COST, "r": 8, "p": 8, "c": 10_000_000, "dklen": 64}
    for name, limit in bounds.items():
        value = parameters.get(name, 1)
        if not isinstance(value, int) or not 0 < value <= limit:
            raise KeystoreError(path, f"its {name} is not a number from 1 to {limit}")
