"""Files with secret keys: a requester's part of a key before a search, and the whole private key after it.

TOML, mode 0600 from the first byte, on the disk before this module returns. No error shows what a file holds.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from xwhep.errors.base import XwhepError
from xwhep.errors.installations import LocalFileError
from xwhep.errors.keys import PrivateKeyError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.files import PRIVATE, make_private_folder, replace_file, sync_folder
from xwhep.folders import home
from xwhep.secp256k1 import checked_secret, encode
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.wif import encode_wif

_PART = """\
# Your part of a private key. Keep it secret, and keep it until the search has ended: without it nobody can use
# what the grid finds. It serves one search.
secret = "{secret:064x}"
public_key = "{public_key}"
"""
_WHOLE = """\
# The private key of a Bitcoin address, in the wallet import format. Whoever reads it owns what the address holds.
# A wallet does not see from the text of a key which form of address it shall make of it.
address = "{address}"
form = "{form}"
wif = "{wif}"
"""
_WHOLE_OF_ETHEREUM = """\
# The private key of an Ethereum address, as wallets import it. Whoever reads it owns what the address holds.
address = "{address}"
form = "{form}"
private_key = "0x{key:064x}"
"""


@dataclass(frozen=True, slots=True)
class PartKey:
    """A secret a and its public key A = aG, 33 bytes as 66 hexadecimal digits."""

    secret: int = field(repr=False)
    public_key: str


def key_path(name: str) -> Path:
    """Return where a key of this name is kept unless somebody says otherwise."""
    return key_folder() / f"{name}.key"


def key_folder() -> Path:
    """Return the folder of keys."""
    return home() / "keys"


def part_key(secret: int) -> PartKey:
    """Return the part with this secret.

    Raises:
        PrivateKeyError: it is not in 1 .. N - 1.
    """
    return PartKey(secret, encode(public_key_of(checked_secret(secret))).hex())


def write_part(path: Path, part: PartKey) -> None:
    """Write a part into a new file.

    Raises:
        LocalFileError: the file exists: it may hold the only copy of another key.
        OSError: it could not be written.
    """
    make_private_folder(path.absolute().parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(path, flags, PRIVATE)
    except FileExistsError as error:
        raise LocalFileError(str(path), "it exists already, and may hold the only copy of a key") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(_PART.format(secret=part.secret, public_key=part.public_key))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.absolute().parent)


def read_part(path: Path) -> PartKey:
    """Return the part in a file.

    Raises:
        LocalFileError: this is no such file.
        PrivateKeyError: the secret is not in 1 .. N - 1.
        OSError: it cannot be read.
    """
    try:
        written = tomllib.loads(path.read_text(encoding="ascii")).get("secret")
    except ValueError:  # not TOML, or not ASCII; the cause may show what stands there
        written = None
    if not isinstance(written, str):
        raise LocalFileError(str(path), "this is no file that `xwhep vanity keygen` wrote")
    return part_key(parse_secret(written))


def find_part(public_key: str, files: Iterable[Path]) -> tuple[PartKey, Path] | None:
    """Return the part with this public key, 66 hexadecimal digits, and its file; None if none of the files has it."""
    for path in files:
        try:
            part = read_part(path)
        except (XwhepError, OSError):
            continue  # some other file; it is not what is looked for
        if part.public_key == public_key:
            return part, path
    return None


def parse_secret(text: str) -> int:
    """Return the number that 64 hexadecimal digits write.

    Raises:
        PrivateKeyError: they are not; the text is not repeated.
    """
    digits = text.strip().lower()
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise PrivateKeyError("it is not written as 64 hexadecimal digits")
    return int(digits, 16)


def write_whole(
    path: Path, address: str, key: int, *, form: Form = Form.P2PKH_COMPRESSED, network: Network = Network.MAIN
) -> None:
    """Write a private key, as wallets read it, and its address, of a form and network; replace the file if it is there.

    Bitcoin's is in the wallet import format; Ethereum's in hexadecimal digits, which is the same on every network.
    """
    make_private_folder(path.absolute().parent)
    if form is Form.ETHEREUM:
        text = _WHOLE_OF_ETHEREUM.format(address=address, form=form, key=key)
    else:
        text = _WHOLE.format(address=address, form=form, wif=encode_wif(key, form, network))
    replace_file(path, text.encode("ascii"), PRIVATE)
