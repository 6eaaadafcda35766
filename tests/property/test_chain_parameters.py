"""What contracts carry comes back as it was, and what is no encoding is refused by an error of ours."""

from __future__ import annotations

import contextlib

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from xwhep.chain import parameters
from xwhep.chain.parameters import NativeParameters, VanityParameters, VanityResult
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import FalseResultError
from xwhep.errors.keys import PublicKeyError
from xwhep.errors.requests import InvalidFieldError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.secp256k1 import N, P

POINT = public_key_of(2026)
WORDS = st.integers(0, 2**256 - 1)

patterns = st.text("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", min_size=2, max_size=20)
points = st.integers(1, 2**64).map(lambda _: POINT)
arguments = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40), max_size=8
)
results = st.builds(VanityResult, WORDS, st.integers(0, 255), st.booleans(), WORDS, WORDS)


@given(patterns)
def test_parameters_of_a_search_come_back(pattern: str) -> None:
    wanted = VanityParameters(0, pattern, *POINT)

    assert parameters.decode_vanity_parameters(parameters.encode_vanity_parameters(wanted)) == wanted
    assert wanted.public_key == POINT


@given(patterns)
def test_an_order_comes_back(pattern: str) -> None:
    assert parameters.decode_vanity_order(parameters.encode_vanity_order(pattern, *POINT)) == (pattern, *POINT)


@given(results)
def test_a_result_comes_back(result: VanityResult) -> None:
    assert parameters.decode_vanity_result(parameters.encode_vanity_result(result)) == result


@given(arguments, st.binary(max_size=200))
def test_parameters_of_a_native_app_come_back(argv: list[str], stdin: bytes) -> None:
    wanted = NativeParameters(tuple(argv), stdin)

    assert parameters.decode_native_parameters(parameters.encode_native_parameters(wanted)) == wanted


@given(
    st.binary(max_size=600)
    | st.lists(st.sampled_from([0, 1, 32, 64, 96, 2**255, 2**256 - 1]), max_size=40).map(
        lambda words: b"".join(word.to_bytes(32, "big") for word in words)
    )
)
def test_any_bytes_decode_to_what_they_encode_or_are_refused(data: bytes) -> None:
    try:
        native = parameters.decode_native_parameters(data)
    except InvalidFieldError:
        pass
    else:
        assert parameters.encode_native_parameters(native) == data
    try:
        order = parameters.decode_vanity_order(data)
    except InvalidFieldError:
        pass
    else:
        assert parameters.encode_vanity_order(*order) == data
    with pytest.raises(XwhepError):
        parameters.decode_vanity_parameters(data)


@given(results, st.integers(0, 159), st.integers(1, 255))
def test_a_changed_byte_is_another_result_or_none(result: VanityResult, position: int, change: int) -> None:
    data = bytearray(parameters.encode_vanity_result(result))
    data[position] ^= change

    with contextlib.suppress(FalseResultError):
        assert parameters.decode_vanity_result(bytes(data)) != result


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 32, b"\0" * 4096])
def test_nothing_stands_behind_the_end(tail: bytes) -> None:
    data = parameters.encode_native_parameters(NativeParameters(("a",), b"b"))

    with pytest.raises(InvalidFieldError, match=r"not the one encoding|at most 4096"):
        parameters.decode_native_parameters(data + tail)


def test_many_pointers_to_one_text_are_refused() -> None:
    count = 60
    words = [64, 32 * (count + 6), count, *([32 * count] * count), 1]
    data = b"".join(word.to_bytes(32, "big") for word in words) + b"a".ljust(32, b"\0")

    with pytest.raises(InvalidFieldError):
        parameters.decode_native_parameters(data)


def test_a_text_that_is_no_utf8_is_refused() -> None:
    data = encode(["bytes[]", "bytes"], [[b"\xff\xfe"], b""])

    with pytest.raises(InvalidFieldError, match="these bytes are no"):
        parameters.decode_native_parameters(data)


def test_an_argument_with_a_nul_is_refused() -> None:
    data = encode(["string[]", "bytes"], [["fine", "a\0b"], b""])

    with pytest.raises(InvalidFieldError, match=r"argv\.1: it is no text"):
        parameters.decode_native_parameters(data)


def test_parameters_longer_than_the_hub_takes_are_never_encoded() -> None:
    with pytest.raises(InvalidFieldError, match="at most 4096"):
        parameters.encode_native_parameters(NativeParameters((), b"a" * 4096))


@pytest.mark.parametrize("pattern", ["", "1", "1" * 21, "1é", "1\ud800"])
def test_a_pattern_of_another_length_or_alphabet_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidFieldError, match="2 to 20 letters"):
        VanityParameters(0, pattern, *POINT)


def test_another_form_of_address_is_refused() -> None:
    with pytest.raises(InvalidFieldError, match="1 is not the form"):
        VanityParameters(1, "1LoVE", *POINT)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (POINT.x, POINT.y + 1), (POINT.x, POINT.y + P), (POINT.x + P, POINT.y)])
def test_what_is_not_on_the_curve_is_refused(x: int, y: int) -> None:
    with pytest.raises(PublicKeyError, match="not on the curve"):
        VanityParameters(0, "1LoVE", x, y)


def test_a_key_that_no_contract_can_check_is_refused() -> None:
    x, y = next((x, y) for x in range(N, P) if (y := pow(x**3 + 7, (P + 1) // 4, P)) and (y * y - x**3 - 7) % P == 0)

    with pytest.raises(PublicKeyError, match="not below the order"):
        VanityParameters(0, "1LoVE", x, y)
