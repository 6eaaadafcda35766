"""The curve secp256k1 on Python integers: the readable reference that every faster implementation is tested against.

Not constant time: the time taken depends on the values. `xwhep.fast_secp256k1` offers what a program needs often or
does with secrets, through libsecp256k1 where that is installed.

Source: SEC 1 v2.0 (group law 2.2.1, encodings 2.3.3 and 2.3.4) and SEC 2 v2.0, 2.4.1 (the parameters).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from xwhep.errors.keys import PrivateKeyError, PublicKeyError

P: Final = 2**256 - 2**32 - 977  #: the field's prime
N: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141  #: the group's (prime) order

# Cube roots of one in the field and modulo the order, so chosen that (BETA x, y) = LAMBDA (x, y).
# Source: Gallant, Lambert, Vanstone, "Faster point multiplication on elliptic curves with efficient endomorphisms",
# CRYPTO 2001, example 4; the two roots as in libsecp256k1, src/scalar_impl.h and src/field.h.
BETA: Final = 0x7AE96A2B_657C0710_6E64479E_AC3434E9_9CF04975_12F58995_C1396C28_719501EE
LAMBDA: Final = 0x5363AD4C_C05C30E0_A5261C02_8812645A_122E22EA_20816678_DF02967C_1B23BD72


class Point(NamedTuple):
    """An affine point of the curve; infinity is no `Point` but None. What comes from outside is checked by `decode`."""

    x: int  #: 0 <= x < P
    y: int  #: 0 <= y < P


G: Final = Point(
    0x79BE667E_F9DCBBAC_55A06295_CE870B07_029BFCDB_2DCE28D9_59F2815B_16F81798,
    0x483ADA77_26A3C465_5DA4FBFC_0E1108A8_FD17B448_A6855419_9C47D08F_FB10D4B8,
)


def checked_secret(secret: int) -> int:
    """Return the number, if it can be a private key.

    Raises:
        PrivateKeyError: it is not in 1 .. N - 1.
    """
    if not 0 < secret < N:
        raise PrivateKeyError("it is not a number from 1 to the order of secp256k1 less 1")
    return secret


def is_on_curve(x: int, y: int) -> bool:
    """Tell whether (x, y), both reduced, satisfies y^2 = x^3 + 7."""
    return 0 <= x < P and 0 <= y < P and (y * y - x * x * x - 7) % P == 0


def negate(point: Point | None) -> Point | None:
    """Return -point."""
    return None if point is None else Point(point.x, P - point.y)  # y is never 0: the order is odd


def add(a: Point | None, b: Point | None) -> Point | None:
    """Return a + b, for any two points, infinity and equal ones included."""
    if a is None:
        return b
    if b is None:
        return a
    if a.x == b.x and a.y != b.y:
        return None
    slope = 3 * a.x * a.x * pow(2 * a.y, -1, P) if a == b else (b.y - a.y) * pow(b.x - a.x, -1, P)
    x = (slope * slope - a.x - b.x) % P
    return Point(x, (slope * (a.x - x) - a.y) % P)


def multiply(point: Point | None, scalar: int) -> Point | None:
    """Return scalar * point; the scalar is any integer, taken modulo N."""
    scalar %= N
    if point is None or scalar == 0:
        return None
    total = (point.x, point.y, 1)
    for bit in f"{scalar:b}"[1:]:
        total = _double(*total)
        if bit == "1":
            # The even multiple 2k is never +-1 modulo N here, for 2 <= 2k < scalar < N: the sum is no special case.
            total = _add_affine(*total, point)
    return _affine(*total)


def add_multiple(point: Point | None, scalar: int) -> Point | None:
    """Return point + scalar * G; the scalar is any integer, taken modulo N."""
    return add(point, multiply(G, scalar))


def endomorphism(point: Point, e: int) -> Point:
    """Return LAMBDA^e * point, by one multiplication of x by BETA^e."""
    return Point(point.x * pow(BETA, e, P) % P, point.y)


def encode(point: Point, *, compressed: bool = True) -> bytes:
    """Return the 33 bytes (65 if not compressed) of a point. Source: SEC 1, 2.3.3."""
    x = point.x.to_bytes(32, "big")
    if compressed:
        return bytes([2 + point.y % 2]) + x
    return b"\x04" + x + point.y.to_bytes(32, "big")


def decode(data: bytes) -> Point:
    """Return the point that 33 or 65 bytes encode. Source: SEC 1, 2.3.4; hybrid encodings are not accepted.

    Raises:
        PublicKeyError: a wrong length or first byte, a point that is not on the curve, or infinity.
    """
    if data == b"\x00":
        raise PublicKeyError("it is the point at infinity")
    match len(data), data[:1]:
        case 33, b"\x02" | b"\x03":
            return _decompress(int.from_bytes(data[1:], "big"), data[0] % 2)
        case 65, b"\x04":
            x, y = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
            if not is_on_curve(x, y):
                raise PublicKeyError("it is not on the curve secp256k1")
            return Point(x, y)
        case 33 | 65, first:
            expected = "02 or 03" if len(data) == 33 else "04"
            raise PublicKeyError(f"its {len(data)} bytes begin with {first.hex()} instead of {expected}")
        case _:
            raise PublicKeyError(f"it has {len(data)} bytes instead of 33 (compressed) or 65 (uncompressed)")


def _decompress(x: int, parity: int) -> Point:
    y = pow(x * x * x + 7, (P + 1) // 4, P)  # a square root, if there is one, since P = 3 mod 4
    if not is_on_curve(x, y):
        raise PublicKeyError("it is not on the curve secp256k1")
    return Point(x, y if y % 2 == parity else P - y)


# Jacobian coordinates, (X, Y, Z) for (X / Z^2, Y / Z^3), need one inversion a multiplication instead of one a step.
# Source: Cohen, Miyaji, Ono, "Efficient elliptic curve exponentiation using mixed coordinates", ASIACRYPT 1998,
# with a = 0; the addition with Z2 = 1.


def _double(x: int, y: int, z: int) -> tuple[int, int, int]:
    yy = y * y % P
    s = 4 * x * yy % P
    m = 3 * x * x % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * yy * yy) % P, 2 * y * z % P


def _add_affine(x: int, y: int, z: int, other: Point) -> tuple[int, int, int]:
    zz = z * z % P
    h = (other.x * zz - x) % P
    r = (other.y * zz * z - y) % P
    hh = h * h % P
    hhh = h * hh % P
    v = x * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - y * hhh) % P, z * h % P


def _affine(x: int, y: int, z: int) -> Point:
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return Point(x * square % P, y * square * inverse % P)
