"""Split keys: what is refused; that it works for all values is the property tests' part."""

import pytest

from tests.support.targets import ALL, of_ranges
from xwhep.errors.jobs import FalseResultError
from xwhep.errors.keys import PrivateKeyError, PublicKeyError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.secp256k1 import N, decode, encode
from xwhep.vanity.addresses import key_hash
from xwhep.vanity.split_key import Hit, blind, check, combine, hit_public_key, keygen, unblind

SECRET = 0xA5EC4E7
PUBLIC = public_key_of(SECRET)


def test_keygen_makes_a_fresh_pair_each_time() -> None:
    (first, public), (second, _) = keygen(), keygen()

    assert first != second
    assert encode(public_key_of(first)) == public
    assert decode(public) == public_key_of(first)


@pytest.mark.parametrize(
    ("s", "e", "sign", "why"),
    [
        (-1, 0, 1, "s is not a number from 0"),
        (N, 0, 1, "s is not a number from 0"),
        (0, 3, 1, "e is none of 0, 1 and 2"),
        (0, -1, 1, "e is none of 0, 1 and 2"),
        (0, 0, 0, "sign is neither 1 nor -1"),
        (0, 0, 2, "sign is neither 1 nor -1"),
    ],
)
def test_a_hit_has_no_value_out_of_range(s: int, e: int, sign: int, why: str) -> None:
    with pytest.raises(FalseResultError, match=why):
        Hit(s, e, sign)


def test_the_hit_that_makes_infinity_is_refused() -> None:
    hit = Hit(N - SECRET, 1, -1)

    with pytest.raises(FalseResultError, match="its public key is the point at infinity"):
        check(PUBLIC, hit, ALL.match)
    with pytest.raises(FalseResultError, match="its private key is zero"):
        combine(SECRET, hit, ALL.match)


def test_the_offset_zero_gives_the_requesters_own_key() -> None:
    assert combine(SECRET, Hit(0, 0, 1), lambda key: key) == (SECRET, PUBLIC)


def test_combine_refuses_a_result_that_is_not_what_was_asked_for() -> None:
    hit = Hit(12345, 2, -1)
    found = int.from_bytes(key_hash(hit_public_key(PUBLIC, hit)), "big")

    with pytest.raises(
        FalseResultError,
        match=r"refused: its public key is \w{66}, whose address was not asked for",
    ):
        combine(SECRET, hit, of_ranges((0, found - 1), (found + 1, 2**160 - 1)).match)
    with pytest.raises(FalseResultError, match="not asked for"):
        combine(SECRET + 1, hit, of_ranges((found, found)).match)


@pytest.mark.parametrize("secret", [0, -SECRET, N])
def test_combine_refuses_a_secret_out_of_range(secret: int) -> None:
    with pytest.raises(PrivateKeyError):
        combine(secret, Hit(1, 0, 1), ALL.match)


def test_a_key_that_its_blinding_cancels_is_refused() -> None:
    with pytest.raises(PublicKeyError, match="it is the negative of its blinding"):
        blind(PUBLIC, N - SECRET)


def test_unblinding_wraps_around_the_order() -> None:
    assert unblind(Hit(N - 1, 2, -1), 5) == Hit(4, 2, -1)
