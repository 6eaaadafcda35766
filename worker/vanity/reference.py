"""The twin of the kernels on Python integers and hashlib: every key of a unit, one after the other.

Some ten thousand keys a second: for tests, and to read what a search is. It never imports numba.
"""

from __future__ import annotations

from collections.abc import Iterator

from xwhep.secp256k1 import G, N, Point, add, add_multiple, endomorphism, negate
from xwhep.vanity.split_key import Hit
from xwhep.vanity.units import GROUP, LANES, POINTS_PER_STEP, Unit, offset


def points(unit: Unit, first_step: int = 0) -> Iterator[tuple[int, Point]]:
    """Yield (s, A' + sG) for the offsets of a unit from a step on, lane after lane, ascending; infinity is left out."""
    for lane in range(LANES):
        first = offset(unit.batch, unit.number, lane, first_step, -GROUP)
        point = add_multiple(unit.public_key, first)
        for i in range((unit.steps - first_step) * POINTS_PER_STEP):
            if point is not None:
                yield (first + i) % N, point
            point = add(point, G)


def keys(unit: Unit, first_step: int = 0) -> Iterator[tuple[Hit, Point]]:
    """Yield every key of a unit from a step on, as a hit and its public key, wanted or not."""
    for s, point in points(unit, first_step):
        for e in range(1 if unit.plain else 3):
            image = endomorphism(point, e)
            yield Hit(s, e, 1), image
            opposite = negate(image)
            assert opposite is not None
            if not unit.plain:
                yield Hit(s, e, -1), opposite


def hits(unit: Unit, first_step: int = 0) -> set[Hit]:
    """Return the hits of a unit from a step on."""
    return {hit for hit, key in keys(unit, first_step) if unit.target.match(key)}
