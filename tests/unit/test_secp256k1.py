"""The curve against published points and against libsecp256k1."""

import subprocess
import sys
from pathlib import Path

import coincurve
import pytest

from xwhep import fast_secp256k1
from xwhep.errors.keys import PrivateKeyError, PublicKeyError
from xwhep.secp256k1 import (
    BETA,
    LAMBDA,
    G,
    N,
    P,
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

ROOT = Path(__file__).parents[2]

# Known multiples of G: "Test vectors for secp256k1", crypto.stackexchange.com/questions/784, as used by many libraries.
MULTIPLES = {
    2: "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    3: "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
    4: "02e493dbf1c10d80f3581e4904930b1404cc6c13900ee0758474fa94abe8c4cd13",
    5: "022f8bde4d1a07209355b4a7250a5c5128e88b84bddc619ab7cba8d569b240efe4",
    20: "024ce119c96e2fa357200b559b2f7dd5a5f02d5290aff74b03f3e471b273211c97",
    112233445566778899: "02a90cc3d3f3e146daadfc74ca1372207cb4b725ae708cef713a98edd73d99ef29",
    28948022309329048855892746252171976963209391069768726095651290785379540373584: (
        "03a6b594b38fb3e77c6edf78161fade2041f4e09fd8497db776e546c41567feb3c"
    ),
    N - 1: "0379be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
}


@pytest.mark.parametrize(("scalar", "expected"), MULTIPLES.items())
def test_multiples_of_the_generator_are_the_published_ones(scalar: int, expected: str) -> None:
    point = multiply(G, scalar)

    assert point is not None
    assert encode(point).hex() == expected


def test_the_parameters_are_those_of_sec_2() -> None:
    assert f"{P:X}" == "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F"
    assert is_on_curve(*G)
    assert multiply(G, N) is None
    assert add_multiple(G, N - 1) is None


def test_the_endomorphism_is_a_multiplication_by_lambda() -> None:
    assert pow(BETA, 3, P) == pow(LAMBDA, 3, N) == 1
    points = [endomorphism(G, e) for e in range(3)]
    assert points == [multiply(G, LAMBDA**e) for e in range(3)]
    assert len(set(points)) == 3


def test_infinity_is_the_neutral_element() -> None:
    assert add(None, None) is None
    assert add(G, None) == add(None, G) == G
    assert add(G, negate(G)) is None
    assert negate(None) is None
    assert multiply(None, 5) is None
    assert multiply(G, 0) is None


def test_both_encodings_of_a_point_are_read() -> None:
    odd = Point(G.x, P - G.y)

    for point in (G, odd):
        assert decode(encode(point)) == point
        assert decode(encode(point, compressed=False)) == point
    assert encode(G, compressed=False) == coincurve.PublicKey.from_point(*G).format(compressed=False)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it has 0 bytes instead of 33 (compressed) or 65 (uncompressed)"),
        (b"\x02" + bytes(31), "it has 32 bytes instead of 33 (compressed) or 65 (uncompressed)"),
        (b"\x00", "it is the point at infinity"),
        (b"\x04" + bytes(32), "its 33 bytes begin with 04 instead of 02 or 03"),
        (b"\x02" + bytes(64), "its 65 bytes begin with 02 instead of 04"),
        (b"\x06" + encode(G, compressed=False)[1:], "its 65 bytes begin with 06 instead of 04"),
        (b"\x02" + (5).to_bytes(32, "big"), "it is not on the curve secp256k1"),
        (b"\x02" + (P + 1).to_bytes(32, "big"), "it is not on the curve secp256k1"),
        (b"\x04" + bytes(64), "it is not on the curve secp256k1"),
        (encode(G, compressed=False)[:-1] + b"\0", "it is not on the curve secp256k1"),
        (b"\x04" + G.x.to_bytes(32, "big") + (2**256 - 1).to_bytes(32, "big"), "it is not on the curve secp256k1"),
    ],
)
def test_what_is_no_point_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(PublicKeyError) as refusal:
        decode(data)

    assert refusal.value.text == f"the public key cannot be used: {why}"


@pytest.mark.parametrize("secret", [0, -1, N, N + 1])
def test_a_secret_out_of_range_is_refused_and_not_shown(secret: int) -> None:
    with pytest.raises(PrivateKeyError, match="from 1 to the order of secp256k1 less 1"):
        fast_secp256k1.public_key_of(secret)


@pytest.mark.parametrize("scalar", [1, 2, 3, LAMBDA, N // 2, N - 2, N - 1])
def test_the_fast_way_and_the_reference_give_the_same_multiples(scalar: int) -> None:
    fast, reference = fast_secp256k1._multiple_by_coincurve, fast_secp256k1._multiple_by_reference

    assert fast_secp256k1.HAS_COINCURVE
    assert fast_secp256k1.public_key_of(scalar) == fast(scalar) == reference(scalar)


@pytest.mark.parametrize("scalar", [0, 1, -1, -2, N, N - 1, N + 1, 2**300, LAMBDA])
def test_the_fast_way_and_the_reference_give_the_same_sums(scalar: int) -> None:
    assert fast_secp256k1.add_multiple(G, scalar) == add_multiple(G, scalar)


def test_the_fast_way_refuses_a_point_off_the_curve() -> None:
    with pytest.raises(ValueError, match="public key"):
        fast_secp256k1.add_multiple(Point(1, 1), 1)


def test_without_coincurve_the_reference_does_the_work() -> None:
    program = """
import sys
sys.modules["coincurve"] = None  # as if it were not installed
from xwhep import fast_secp256k1 as fast, secp256k1 as reference
assert not fast.HAS_COINCURVE
assert fast.public_key_of(7) == reference.multiply(reference.G, 7)
assert fast.add_multiple(reference.G, 7) == reference.multiply(reference.G, 8)
assert fast.add_multiple(reference.G, -1) is None
"""

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=ROOT)
