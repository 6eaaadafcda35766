"""Keys made in two parts: those who search learn a public key only, and the requester alone can finish what they find.

The requester keeps a secret a and publishes A = aG. A searcher tries A + sG for many s, and of each the six points
sign * LAMBDA^e * (A + sG), whose x are BETA^e x. A hit is (s, e, sign); its private key, sign * LAMBDA^e * (a + s), is
known to nobody but the requester. One secret serves one search: of a final private key that leaks, and a hit that
others know, follows a, and with it every other key made of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from xwhep.errors.jobs import FalseResultError
from xwhep.errors.keys import PublicKeyError
from xwhep.fast_secp256k1 import add_multiple, public_key_of
from xwhep.secp256k1 import LAMBDA, N, P, Point, checked_secret, encode, endomorphism

Verdict = TypeVar("Verdict")


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

    @property
    def is_plain(self) -> bool:
        """Whether the private key is a + s, as tools that do no more than add two keys make it."""
        return (self.e, self.sign) == (0, 1)


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


def check(public_key: Point, hit: Hit, judge: Callable[[Point], Verdict | None]) -> Verdict:
    """Return what `judge` (the `match` of a target, the `find` of what is wanted) makes of a hit's public key.

    Raises:
        FalseResultError: it is nothing, or the public key is infinity.
    """
    return _judged(hit_public_key(public_key, hit), judge)


def combine(secret: int, hit: Hit, judge: Callable[[Point], Verdict | None]) -> tuple[int, Verdict]:
    """Return the private key, 1 .. N - 1, of a hit, and what `judge` makes of its public key.

    Raises:
        PrivateKeyError: the secret is not in 1 .. N - 1.
        FalseResultError: the key's address is not what was asked for, or the sum is zero.
    """
    key = hit.sign * pow(LAMBDA, hit.e, N) * (checked_secret(secret) + hit.s) % N
    if key == 0:
        raise FalseResultError("its private key is zero")
    return key, _judged(public_key_of(key), judge)


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


def _judged(public_key: Point, judge: Callable[[Point], Verdict | None]) -> Verdict:
    verdict = judge(public_key)
    if verdict is None:
        raise FalseResultError(f"its public key is {encode(public_key).hex()}, whose address was not asked for")
    return verdict
