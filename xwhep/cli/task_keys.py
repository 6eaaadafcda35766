"""The requester's parts of keys for Tasks: stored before anything is paid, found again by the public key on chain."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from xwhep.chain.parameters import check_public_key
from xwhep.chain.values import Address
from xwhep.errors.keys import PublicKeyError
from xwhep.files import sync_folder
from xwhep.secp256k1 import Point, encode
from xwhep.vanity import key_files
from xwhep.vanity.key_files import PartKey, key_folder, key_path, read_part
from xwhep.vanity.requester import fresh_part

_PREFIX: Final = "task-"


def fresh_task_part() -> PartKey:
    """Return a fresh part of a key whose public key the contract takes."""
    return fresh_part(_is_taken)


def _is_taken(public_key: Point) -> bool:
    try:
        check_public_key(*public_key)
    except PublicKeyError:
        return False
    return True


def first_path(part: PartKey, requester: Address, pattern: str) -> Path:
    """Return where a part is kept while its Task has no number."""
    return key_path(f"{_PREFIX}{requester}-{pattern}-{part.public_key[2:18]}")


def rename(stored: Path, part: PartKey, number: int) -> Path:
    """Give the file of a part the name of its Task, once that has a number."""
    named = key_path(f"{_PREFIX}{number}-{part.public_key[2:18]}")
    stored.rename(named)
    sync_folder(named.parent)
    return named


def find_part(public_key: Point, path: Path | None) -> tuple[PartKey, Path] | None:
    """Return the part with this public key and its file: the one that is given, or one that a Task's name is on.

    Raises:
        PublicKeyError: the file that is given holds another key.
        XwhepError: it is no file of a part.
    """
    wanted = encode(public_key).hex()
    if path is not None:
        part = read_part(path)
        if part.public_key != wanted:
            raise PublicKeyError(f"the task was asked for with another than that in {path}")
        return part, path
    return key_files.find_part(wanted, sorted(key_folder().glob(f"{_PREFIX}*.key")))
