"""The ids of everything on the grid: UUIDs of RFC 9562, written as 36 characters.

Clients make version 7 (version 4 is accepted). Version 8 is derived from what it names, so that who derives it again
gets the same one; only the grid's own services make these. This module knows no clock and no chance: fresh ids come
from `xwhep.world`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from xwhep.errors.requests import InvalidFieldError

CLIENT_VERSIONS: Final = frozenset({4, 7})  #: what a client may make
DERIVED_VERSION: Final = 8  #: reserved to the grid's services
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def uuid7(now: datetime, random: bytes) -> UUID:
    """Return the UUID of version 7 of an aware time, to the millisecond, and 10 random bytes. Source: RFC 9562, 5.7.

    Of the first two random bytes the upper 4 bits, and of the others the upper 2, give way to version and variant.
    """
    milliseconds = (now - _EPOCH) // timedelta(milliseconds=1)
    return _stamped(milliseconds.to_bytes(6, "big") + random, version=7)


def derived_uid(tag: str, *parts: bytes) -> UUID:
    """Return the UUID of version 8 that is the beginning of a SHA-256 over the tag and the parts, each with its length.

    The tag names the use and its version, as in "xwhep/unit-uid/1". Source: RFC 9562, 5.8.
    """
    pieces = (tag.encode(), *parts)
    digest = sha256(b"".join(len(piece).to_bytes(8, "big") + piece for piece in pieces)).digest()
    return _stamped(digest[:16], version=DERIVED_VERSION)


def parse_uid(text: str, field: str = "uid") -> UUID:
    """Return the id that 36 characters write, of a version that the grid knows.

    Raises:
        InvalidFieldError: anything else, the nil UUID and other ways to write a UUID included.
    """
    if not _TEXT.fullmatch(text):
        raise InvalidFieldError(
            field, "this is not a UUID of 36 characters, as in 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d"
        )
    uid = UUID(text)
    if uid.version not in CLIENT_VERSIONS | {DERIVED_VERSION}:
        raise InvalidFieldError(field, "this is a UUID of another version than 7, 4 and 8")
    return uid


def check_client_uid(uid: UUID, field: str = "uid") -> UUID:
    """Return an id that a client may have made.

    Raises:
        InvalidFieldError: it is derived, or of a version that the grid does not know.
    """
    if uid.version not in CLIENT_VERSIONS:
        raise InvalidFieldError(field, "clients make ids of version 7 (or 4); version 8 is reserved to the grid itself")
    return uid


def _stamped(data: bytes, version: int) -> UUID:
    """Return the UUID of 16 bytes, with version and variant in their places. Source: RFC 9562, 4.1 and 4.2."""
    number = int.from_bytes(data, "big")
    number = number & ~(0xF << 76) | version << 76
    return UUID(int=number & ~(0b11 << 62) | 0b10 << 62)
