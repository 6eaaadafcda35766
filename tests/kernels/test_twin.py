"""The twin of the kernels, against hashlib, another RIPEMD-160 and Keccak, Python integers, and the reference."""

from __future__ import annotations

import hashlib
from uuid import UUID

import numpy as np
import pytest
from Crypto.Hash import RIPEMD160, keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.measuring import unmeasured
from worker.vanity import reference, twin, twin_hashes
from worker.vanity.kernel import FORMS
from xwhep.secp256k1 import G, P, multiply
from xwhep.vanity.addresses import Form
from xwhep.vanity.targets import Target
from xwhep.vanity.units import Unit, keys_of

EDGES = [0, 1, 2, 976, 977, 2**32 + 976, 2**32 + 977, 2**224 - 1, 2**255, P - 2**32 - 978, P - 2, P - 1]
numbers = st.sampled_from(EDGES) | st.integers(0, P - 1)


def number_of(words: twin_hashes.Words) -> int:
    return sum(word << 32 * place for place, word in enumerate(words.tolist()))


def as_array(message: bytes) -> twin_hashes.Bytes:
    return np.frombuffer(message, np.uint8)


@given(message=st.binary(max_size=135))
def test_the_hashes_are_those_of_the_libraries(message: bytes) -> None:
    short = message[:55]

    assert twin_hashes.sha256(as_array(message)).tobytes() == hashlib.sha256(message).digest()
    assert twin_hashes.ripemd160(as_array(short)).tobytes() == RIPEMD160.new(short).digest()
    assert twin_hashes.keccak256(as_array(message)).tobytes() == keccak.new(digest_bits=256, data=message).digest()


@given(x=numbers, y=numbers)
def test_the_field_computes_like_python(x: int, y: int) -> None:
    assert number_of(twin.multiply(twin.words(x), twin.words(y))) == x * y % P
    assert number_of(twin.subtract(twin.words(x), twin.words(y))) == (x - y) % P


@settings(max_examples=20)
@given(several=st.lists(st.integers(1, P - 1), min_size=1, max_size=4))
def test_several_numbers_are_inverted_at_once(several: list[int]) -> None:
    inverses = twin.inverses(np.array([twin.words(number) for number in several]))

    assert [number_of(inverse) for inverse in inverses] == [pow(number, -1, P) for number in several]


@pytest.mark.parametrize(
    "plain", [pytest.param(False, id="six keys a point", marks=unmeasured), pytest.param(True, id="plain")]
)
@pytest.mark.parametrize("form", FORMS)
def test_the_twin_finds_what_the_reference_finds(form: Form, *, plain: bool) -> None:
    public_key = multiply(G, 0xBEEF)
    assert public_key is not None
    unit = Unit(UUID(int=5), 1, 1, public_key, Target(((form, ((0, 2**158), (2**159, 2**159 + 2**150))),)), plain)

    hits = [hit for _, hit in twin.finds(unit)]

    assert len(hits) > keys_of(1, plain=plain) / 5
    assert set(hits) == reference.hits(unit)
