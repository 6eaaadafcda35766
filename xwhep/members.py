"""Who belongs to a grid: hosts, users and services, and the names that their certificates carry.

A member's URI says who the certificate was made for. It grants nothing: rights come from the dispatcher's database, by
the digest of the public key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_URI = re.compile(f"urn:xwhep:(?P<grid>{_UUID}):(?P<kind>host|user|service):(?P<uid>{_UUID})")


class Kind(StrEnum):
    """What a member is."""

    HOST = "host"
    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Member:
    """One member of one grid."""

    grid_uid: UUID
    kind: Kind
    uid: UUID

    @property
    def uri(self) -> str:
        """The URI in the subject alternative name of the member's certificate."""
        return f"urn:xwhep:{self.grid_uid}:{self.kind}:{self.uid}"


def parse_member(uri: str) -> Member:
    """Return the member that `uri` names; only the form that `Member.uri` writes is read.

    Raises:
        ValueError: this is no member's URI.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError("not the URI of a grid's member")
    return Member(UUID(match["grid"]), Kind(match["kind"]), UUID(match["uid"]))
