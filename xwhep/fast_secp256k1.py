"""The two operations of `xwhep.secp256k1` that speed and secrets ask for, through libsecp256k1 where it is installed.

The extras `dispatcher` and `oracle` bring coincurve, the binding used; without it the reference does the same work,
slower and not in constant time. This module is the only importer of coincurve.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from xwhep import secp256k1
from xwhep.secp256k1 import G, N, Point, checked_secret

HAS_COINCURVE: Final = find_spec("coincurve") is not None  #: whether libsecp256k1 does the work


def _multiple_by_coincurve(scalar: int) -> Point:
    import coincurve  # an extra

    return Point(*coincurve.PublicKey.from_valid_secret(scalar.to_bytes(32, "big")).point())


def _sum_by_coincurve(point: Point, scalar: int) -> Point | None:
    import coincurve  # an extra

    key = coincurve.PublicKey.from_point(*point)
    try:
        return Point(*key.add((scalar % N).to_bytes(32, "big")).point())
    except ValueError:
        return None  # libsecp256k1 knows no infinity; with a reduced scalar nothing else can fail


def _multiple_by_reference(scalar: int) -> Point:
    point = secp256k1.multiply(G, scalar)
    assert point is not None
    return point


_multiple: Final[Callable[[int], Point]] = _multiple_by_coincurve if HAS_COINCURVE else _multiple_by_reference
_sum: Final[Callable[[Point, int], Point | None]] = _sum_by_coincurve if HAS_COINCURVE else secp256k1.add_multiple


def public_key_of(secret: int) -> Point:
    """Return secret * G; in constant time where coincurve is installed.

    Raises:
        PrivateKeyError: the secret is not in 1 .. N - 1.
    """
    return _multiple(checked_secret(secret))


def add_multiple(point: Point, scalar: int) -> Point | None:
    """Return point + scalar * G, None for infinity; the scalar is any integer, taken modulo N. Not constant time."""
    return _sum(point, scalar)
