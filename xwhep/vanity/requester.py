"""What a requester does with a key: make a part of it, read what was found, check it, and finish the private key.

Nothing that a dispatcher, a worker or a chain says is believed: an address is computed again from the public key, or
from the secret. Key files are in `xwhep.vanity.key_files`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xwhep.errors.jobs import FalseResultError
from xwhep.errors.keys import PublicKeyError
from xwhep.secp256k1 import Point, decode
from xwhep.vanity.addresses import Form, address, decode_address
from xwhep.vanity.hit_fields import HitFields
from xwhep.vanity.key_files import PartKey, part_key, write_whole
from xwhep.vanity.split_key import Hit, check, combine, keygen
from xwhep.vanity.targets import target_of
from xwhep.vanity.wanted import Found, Wanted


@dataclass(frozen=True, slots=True)
class Finished:
    """An address whose private key was made, and the file with that key."""

    found: Found
    key_file: Path


def fresh_part(usable: Callable[[Point], bool] = lambda _: True) -> PartKey:
    """Return a fresh part of a key, whose public key is usable; nearly every one should be."""
    while True:
        part = part_key(keygen()[0])
        if usable(point_of(part)):
            return part


def point_of(part: PartKey) -> Point:
    """Return the public key of a part."""
    return parse_public_key(part.public_key)


def parse_public_key(text: str) -> Point:
    """Return the point that hexadecimal digits encode.

    Raises:
        PublicKeyError: they do not, or it is not on the curve.
    """
    try:
        return decode(bytes.fromhex(text))
    except ValueError as error:
        raise PublicKeyError("it is not written in hexadecimal digits") from error


def read_hit(fields: HitFields, *, plain: bool = False) -> Hit:
    """Return the hit that was sent, of a plain search or another.

    Raises:
        FalseResultError: its numbers cannot be.
    """
    hit = fields.hit()
    if plain and not hit.is_plain:
        raise FalseResultError("in a plain search e is 0 and sign is 1")
    return hit


def find(public_key: Point, hit: Hit, wanted: Wanted) -> Found:
    """Return the address of a hit; its private key is elsewhere.

    Raises:
        FalseResultError: the hit is not what was asked for.
    """
    return check(public_key, hit, wanted.find)


def finish(part: PartKey, hit: Hit, wanted: Wanted, folder: Path) -> Finished:
    """Combine the requester's part with a hit and store the private key, in a file named by its address.

    Raises:
        FalseResultError: the hit is not what was asked for; nothing was written.
        OSError: the file could not be written.
    """
    key, found = combine(part.secret, hit, wanted.find)
    path = folder / f"{found.address}.key"
    write_whole(path, found.address, key, form=found.form, network=wanted.network)
    return Finished(found, path)


def verify(public_key: Point, hit: Hit, wanted: Wanted, claimed: str) -> Found:
    """Return the address of a hit, which is the one that is claimed. No secret is needed.

    Raises:
        FalseResultError: the hit is not what was asked for, or its address is another.
    """
    found = find(public_key, hit, wanted)
    if found.address != claimed:
        raise FalseResultError(f"its address is {found.address} and not {claimed}")
    return found


def verify_address(public_key: Point, hit: Hit, text: str, *, uncompressed: bool = False) -> str:
    """Return an address as it is usually written, whose private key the hit makes.

    `uncompressed` takes an address of Bitcoin's first form for that of an uncompressed key.

    Raises:
        AddressError: the text is no address.
        FalseResultError: the hit's address is another.
    """
    claimed = decode_address(text)
    if uncompressed and claimed.form is Form.P2PKH_COMPRESSED:
        claimed = claimed._replace(form=Form.P2PKH_UNCOMPRESSED)
    check(public_key, hit, target_of(claimed.digest, claimed.form).match)
    return address(*claimed)
