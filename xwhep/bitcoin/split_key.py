"""Keys made in two parts: those who search learn a public key only, and the requester alone can finish what they find.

The requester keeps a secret a and publishes A = aG. A searcher tries A + sG for many s, and of each the six points
sign * LAMBDA^e * (A + sG), whose x are BETA^e x. A hit is (s, e, sign); its private key, sign * LAMBDA^e * (a + s), is
known to nobody but the requester. One secret serves one search: of a final private key that leaks, and a hit that
others know, follows a, and with it every other key made of it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from xwhep.bitcoin.addresses import Form, key_hash
from xwhep.bitcoin.ranges import Ranges, in_ranges
from xwhep.errors import FalseResultError, PublicKeyError
from xwhep.fast_secp256k1 import add_multiple, public_key_of
from xwhep.secp256k1 import LAMBDA, N, P, Point, checked_secret, encode, endomorphism


@dataclass(frozen=True, slots=True)
class Hit:
    """What a search finds; one key of a search has one hit only, so that equal hits are the same find.

    Raises:
        FalseResultError: a value out of its range.
    """

    s: int  #: the offset, 0 <= s < N
    e: int  #: how often the endomorphism is applied, 0, 1 or 2
    sign: int  #: 1, or -1 for the negative of the point

    def __post_init__(self) -> None:
        if not 0 <= self.s < N:
            raise FalseResultError("s is not a number from 0 to the order of secp256k1 less 1")
        if self.e not in {0, 1, 2}:
            raise FalseResultError("e is none of 0, 1 and 2")
        if self.sign not in {1, -1}:
            raise FalseResultError("sign is neither 1 nor -1")


def keygen() -> tuple[int, bytes]:
    """Return a fresh secret and the 33 bytes of its public key; a secret serves one search."""
    secret = secrets.randbelow(N - 1) + 1
    return secret, encode(public_key_of(secret))


def hit_public_key(public_key: Point, hit: Hit) -> Point:
    """Return sign * LAMBDA^e * (A + sG).

    Raises:
        FalseResultError: it is infinity.
    """
    point = add_multiple(public_key, hit.s)
    if point is None:
        raise FalseResultError("its public key is the point at infinity")
    x, y = endomorphism(point, hit.e)
    return Point(x, y * hit.sign % P)


def hit_hash160(public_key: Point, hit: Hit, form: Form = Form.P2PKH_COMPRESSED) -> bytes:
    """Return the 20 bytes that the address of a hit in this form holds.

    Raises:
        FalseResultError: the hit's public key is infinity.
    """
    return key_hash(hit_public_key(public_key, hit), form)


def check(public_key: Point, hit: Hit, ranges: Ranges, form: Form = Form.P2PKH_COMPRESSED) -> bytes:
    """Return the `key_hash`, 20 bytes, of a hit that lies in one of the ranges; a hit has the form of its search.

    Raises:
        FalseResultError: the hash is in no range, or the public key is infinity.
    """
    return _wanted(hit_public_key(public_key, hit), ranges, form)


def combine(secret: int, hit: Hit, ranges: Ranges, form: Form = Form.P2PKH_COMPRESSED) -> int:
    """Return the private key, 1 .. N - 1, of a hit whose `key_hash` lies in one of the ranges.

    The ranges are a pattern's, or for one address, whose hash is h, ((h, h),).

    Raises:
        PrivateKeyError: the secret is not in 1 .. N - 1.
        FalseResultError: the key's address is not what was asked for, or the sum is zero.
    """
    key = hit.sign * pow(LAMBDA, hit.e, N) * (checked_secret(secret) + hit.s) % N
    if key == 0:
        raise FalseResultError("its private key is zero")
    _wanted(public_key_of(key), ranges, form)
    return key


def blind(public_key: Point, r: int) -> Point:
    """Return A' = A + rG, under which those who search do not recognise A; r is random in 1 .. N - 1.

    Raises:
        PublicKeyError: A' is infinity: the secret is -r.
    """
    point = add_multiple(public_key, r)
    if point is None:
        raise PublicKeyError("it is the negative of its blinding; blind it with another number")
    return point


def unblind(hit: Hit, r: int) -> Hit:
    """Return the hit of A that is the same key as this hit of A' = A + rG."""
    return replace(hit, s=(hit.s + r) % N)


def _wanted(public_key: Point, ranges: Ranges, form: Form) -> bytes:
    digest = key_hash(public_key, form)
    if not in_ranges(ranges, digest):
        raise FalseResultError(f"its {form} hash is {digest.hex()}, which was not asked for")
    return digest
