"""Units of a vanity search and the shares that prove work on them: the rules that dispatcher and workers share.

A unit is named by its batch and its number alone. From these follow 16 centres, scattered over all offsets, so that no
two units overlap and nobody has to keep a list; 16 on every machine, whatever the width of its vectors, so that a unit
is the same set of keys everywhere. Lane l of a unit covers, in each step, the 513 offsets around its centre, and then
moves the centre by 513: all its offsets lie side by side, each exactly once. Each offset s stands for six keys,
sign * LAMBDA^e * (A' + sG) with e in 0, 1, 2 and both signs; in a plain search, for A' + sG alone, so that whoever adds
two keys can combine what is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, TypeAlias
from uuid import UUID

from xwhep.errors.jobs import FalseResultError
from xwhep.errors.requests import InvalidFieldError
from xwhep.ids import derived_uid
from xwhep.secp256k1 import N, Point
from xwhep.vanity import split_key
from xwhep.vanity.split_key import Hit
from xwhep.vanity.targets import Target

LANES: Final = 16  #: centres of a unit
GROUP: Final = 256  #: points on either side of a centre: a step covers C - 256 G .. C + 256 G
POINTS_PER_STEP: Final = 2 * GROUP + 1  #: of one lane, the centre included; also how far a step moves the centre
KEYS_PER_POINT: Final = 6  #: in a search that is not plain
MAX_NUMBER: Final = 2**64 - 1
MAX_STEPS: Final = 2**32

Share: TypeAlias = Hit  #: evidence of work: a hit in the unit's target, of which a worker cannot tell those that win


@dataclass(frozen=True, slots=True)
class Unit:
    """A deterministic slice of a vanity search.

    Raises:
        InvalidFieldError: a number or steps out of bounds.
    """

    batch: UUID
    number: int  #: 0 .. MAX_NUMBER
    steps: int  #: of each lane, 1 .. MAX_STEPS
    public_key: Point  #: A', the requester's public key as blinded for this batch
    target: Target  #: what a hit must be
    plain: bool = False  #: whether hits have e = 0 and sign = 1

    def __post_init__(self) -> None:
        if not 0 <= self.number <= MAX_NUMBER:
            raise InvalidFieldError("number", f"{self.number} is not in 0 .. {MAX_NUMBER}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise InvalidFieldError("steps", f"{self.steps} is not in 1 .. {MAX_STEPS}")


def unit_uid(batch: UUID, number: int) -> UUID:
    """Return the id of the job that is this unit: whoever makes it makes the same one."""
    return derived_uid("xwhep/unit-uid/1", batch.bytes, number.to_bytes(8, "big"))


def centre(batch: UUID, number: int, lane: int) -> int:
    """Return the first centre, 0 .. N - 1, of a lane (0 .. 15) of a unit.

    That is SHA-256("xwhep/unit/1" || batch, 16 bytes || number, u64 || lane, u32), all big-endian, modulo N.
    """
    name = b"xwhep/unit/1" + batch.bytes + number.to_bytes(8, "big") + lane.to_bytes(4, "big")
    return int.from_bytes(sha256(name).digest(), "big") % N


def offset(batch: UUID, number: int, lane: int, step: int, i: int) -> int:
    """Return the offset s, 0 .. N - 1, of the point i (-256 .. 256) from the centre in a step (from 0) of a lane."""
    return (centre(batch, number, lane) + step * POINTS_PER_STEP + i) % N


def keys_of(steps: int, *, plain: bool) -> int:
    """Return how many keys a unit of so many steps tries, whatever forms of address each has."""
    return steps * LANES * POINTS_PER_STEP * (1 if plain else KEYS_PER_POINT)


@lru_cache(maxsize=4096)  # sixteen digests, for each share of a unit again
def _first_offsets(batch: UUID, number: int) -> tuple[int, ...]:
    """Return the first offset of each lane of a unit."""
    return tuple(offset(batch, number, lane, 0, -GROUP) for lane in range(LANES))


def contains(unit: Unit, s: int) -> bool:
    """Tell whether the offset s is one of the unit's."""
    points = unit.steps * POINTS_PER_STEP
    return any((s - first) % N < points for first in _first_offsets(unit.batch, unit.number))


def verify(unit: Unit, hit: Hit) -> Point:
    """Return the public key of a hit of a unit, a hash of which is in the unit's target.

    Raises:
        FalseResultError: the offset is not the unit's, no hash of the key is in its target, or it is a hit of another
            than a plain search.
    """
    if not contains(unit, hit.s):
        raise FalseResultError(f"its offset is not in unit {unit.number} of batch {unit.batch}")
    if unit.plain and not hit.is_plain:
        raise FalseResultError("in a plain search e is 0 and sign is 1")
    return split_key.check(unit.public_key, hit, lambda key: key if unit.target.match(key) else None)
