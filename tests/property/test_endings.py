"""Endings against the text of addresses, and their difficulty against counting."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.bitcoin.addresses import Form, Network, address
from xwhep.bitcoin.bech32 import ALPHABET
from xwhep.bitcoin.endings import parse_ending
from xwhep.bitcoin.notations import notation_of
from xwhep.bitcoin.patterns import parse_pattern
from xwhep.errors import PatternError

kinds = st.tuples(st.sampled_from(Form), st.sampled_from(Network))
digests = st.binary(min_size=20, max_size=20)


@given(kind=kinds, digest=digests, other=digests, before=st.sampled_from([0, 4, 6]), behind=st.integers(1, 8))
def test_a_digest_matches_just_when_its_address_begins_and_ends_so(
    kind: tuple[Form, Network], digest: bytes, other: bytes, before: int, behind: int
) -> None:
    text = address(digest, *kind)
    prefix, suffix = text[:before], text[-behind:]

    ending = parse_ending(suffix, prefix, *kind)

    assert ending.matches(digest)
    written = address(other, *kind)
    assert ending.matches(other) == (written.startswith(prefix) and written.endswith(suffix))


@given(kind=kinds, digest=digests, behind=st.integers(1, 6))
def test_the_ends_of_one_more_letter_divide_the_chance(kind: tuple[Form, Network], digest: bytes, behind: int) -> None:
    suffix = address(digest, *kind)[-behind:]

    longer = [parse_ending(letter + suffix, "", *kind) for letter in notation_of(*kind).alphabet]

    assert sum(1 / ending.difficulty for ending in longer) == 1 / parse_ending(suffix, "", *kind).difficulty


@pytest.mark.parametrize("kind", [(form, network) for form in Form for network in Network])
def test_the_difficulty_is_what_counting_finds(kind: tuple[Form, Network]) -> None:
    source = Random(5)  # noqa: S311 - the same sample each time
    texts = [address(source.randbytes(20), *kind) for _ in range(6000)]
    letter = "x" if kind[0] is Form.P2WPKH else "L"
    prefix = notation_of(*kind).heads[0]

    difficulty = parse_ending(letter, prefix, *kind).difficulty

    expected = float(len(texts) / difficulty)
    found = sum(text.startswith(prefix) and text.endswith(letter) for text in texts)
    assert abs(found - expected) < 6 * expected**0.5


def test_difficulties_are_exact() -> None:
    assert float(parse_ending("LoVE").difficulty) == pytest.approx(58**4, rel=1e-9)
    assert parse_ending("fun0", "bc1qx", Form.P2WPKH).difficulty == Fraction(32**5)
    assert float(parse_ending("E", "1LoV").difficulty) == pytest.approx(
        58 * float(parse_pattern("1LoV").difficulty), rel=1e-6
    )


def test_each_checksum_of_bech32_is_as_frequent_as_the_others() -> None:
    """With all but one digit fixed, each last digit of the checksum comes once."""
    ends = {address(digit.to_bytes(20, "big"), Form.P2WPKH)[-1] for digit in range(32)}

    assert ends == set(ALPHABET)


@pytest.mark.parametrize(
    ("suffix", "prefix", "form", "why"),
    [
        ("", "1", Form.P2PKH_COMPRESSED, "no search for '': the end is empty"),
        (
            "L0",
            "1",
            Form.P2PKH_COMPRESSED,
            "no search for 'L0': character 2 is '0', and addresses have no 0",
        ),
        ("b", "", Form.P2WPKH, "no search for 'b': character 1 is 'b', and behind bc1q addresses have no 1"),
        ("L", "2", Form.P2PKH_COMPRESSED, "no search for '2': addresses of the kind searched for begin with 1"),
        ("L" * 14, "", Form.P2PKH_COMPRESSED, "with any beginning it takes more than 2^80 keys on average"),
        ("LLLLLLLL", "1LLLLLLL", Form.P2PKH_COMPRESSED, "with 1LLLLLLL it takes more than 2^80 keys on average"),
        ("q" * 17, "", Form.P2WPKH, "with any beginning it takes more than 2^80 keys on average"),
    ],
)
def test_an_end_that_cannot_be_found_is_refused(suffix: str, prefix: str, form: Form, why: str) -> None:
    with pytest.raises(PatternError) as refusal:
        parse_ending(suffix, prefix, form)

    assert why in refusal.value.text
