"""The group laws of the curve, its encodings, and agreement with libsecp256k1."""

import coincurve
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import points, points_or_infinity, scalars, secrets
from xwhep import fast_secp256k1
from xwhep.errors.keys import PublicKeyError
from xwhep.secp256k1 import (
    LAMBDA,
    G,
    N,
    Point,
    add,
    add_multiple,
    decode,
    encode,
    endomorphism,
    is_on_curve,
    multiply,
    negate,
)


@given(a=points_or_infinity, b=points_or_infinity, c=points_or_infinity)
def test_addition_is_a_commutative_group(a: Point | None, b: Point | None, c: Point | None) -> None:
    assert add(a, b) == add(b, a)
    assert add(add(a, b), c) == add(a, add(b, c))
    assert add(a, None) == a
    assert add(a, negate(a)) is None


@given(a=points_or_infinity, b=points_or_infinity)
def test_sums_stay_on_the_curve(a: Point | None, b: Point | None) -> None:
    total = add(a, b)

    assert total is None or is_on_curve(*total)


@given(point=points, a=scalars, b=scalars)
def test_multiplication_distributes_over_the_scalars(point: Point, a: int, b: int) -> None:
    assert multiply(point, a + b) == add(multiply(point, a), multiply(point, b))
    assert multiply(point, -a) == negate(multiply(point, a))


@given(point=points, factor=st.integers(0, 40))
def test_multiplication_is_repeated_addition(point: Point, factor: int) -> None:
    total = None
    for _ in range(factor):
        total = add(total, point)

    assert multiply(point, factor) == total


@given(secret=secrets)
def test_multiples_of_the_generator_are_those_of_libsecp256k1(secret: int) -> None:
    expected = coincurve.PublicKey.from_secret(secret.to_bytes(32, "big"))

    point = multiply(G, secret)

    assert point == fast_secp256k1.public_key_of(secret) == expected.point()
    assert point is not None
    assert encode(point) == expected.format()
    assert encode(point, compressed=False) == expected.format(compressed=False)


@given(point=points, scalar=st.integers(-(2**260), 2**260) | scalars)
def test_the_fast_way_adds_like_the_reference(point: Point, scalar: int) -> None:
    assert fast_secp256k1.add_multiple(point, scalar) == add_multiple(point, scalar)


@given(secret=secrets)
def test_the_fast_way_finds_infinity_like_the_reference(secret: int) -> None:
    assert fast_secp256k1.add_multiple(fast_secp256k1.public_key_of(secret), N - secret) is None


@given(point=points, e=st.integers(0, 5))
def test_the_endomorphism_is_a_multiplication_by_a_power_of_lambda(point: Point, e: int) -> None:
    assert endomorphism(point, e) == multiply(point, pow(LAMBDA, e, N))


@given(point=points, compressed=st.booleans())
def test_an_encoded_point_is_decoded_to_itself(point: Point, *, compressed: bool) -> None:
    assert decode(encode(point, compressed=compressed)) == point


@given(data=st.binary(max_size=70) | st.binary(min_size=32, max_size=32).map(lambda x: b"\x02" + x))
def test_bytes_are_a_point_or_refused_as_libsecp256k1_does(data: bytes) -> None:
    try:
        expected = coincurve.PublicKey(data).point()
    except ValueError:
        with pytest.raises(PublicKeyError):
            decode(data)
    else:
        assert decode(data) == expected
