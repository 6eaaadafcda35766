"""Endings against the text of addresses, and their difficulty against counting."""

from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.vanity.addresses import Form, Network, address
from xwhep.vanity.bech32 import ALPHABET
from xwhep.vanity.endings import TOGETHER, Ending, value
from xwhep.vanity.errors import PatternError
from xwhep.vanity.notations import notation_of
from xwhep.vanity.patterns import parse_pattern
from xwhep.vanity.wanted import want_ending

kinds = st.tuples(st.sampled_from(Form), st.sampled_from(Network))
digests = st.binary(min_size=20, max_size=20)
#: whose addresses do not begin with the zeros that so few have
common = digests.filter(lambda digest: digest[0] > 15)


@given(kind=kinds, digest=common, other=digests, before=st.sampled_from([0, 4, 6]), behind=st.integers(1, 8))
def test_a_digest_matches_just_when_its_address_begins_and_ends_so(
    kind: tuple[Form, Network], digest: bytes, other: bytes, before: int, behind: int
) -> None:
    text = address(digest, *kind)
    prefix, suffix = text[:before], text[-behind:]

    (wish,) = want_ending(suffix, prefix, *kind).wishes

    assert wish.matches(digest)
    for one in (other, other[:-1] + digest[-1:], digest[:10] + other[10:]):
        assert wish.matches(one) == wanted_text(address(one, *kind), prefix, suffix, kind[0])


def wanted_text(written: str, prefix: str, suffix: str, form: Form) -> bool:
    """Tell whether an address begins and ends so; in one case, Ethereum's are written in any."""
    letters = "".join((prefix + suffix).removeprefix("0x"))
    if form is Form.ETHEREUM and letters in {letters.lower(), letters.upper()}:
        written, prefix, suffix = written.lower(), prefix.lower(), suffix.lower()
    return written.startswith(prefix) and written.endswith(suffix)


@given(kind=kinds, digest=digests, characters=st.integers(1, 20))
def test_the_number_of_an_ending_is_that_of_the_last_characters(
    kind: tuple[Form, Network], digest: bytes, characters: int
) -> None:
    notation, last = notation_of(*kind), address(digest, *kind)[-characters:]
    digits = last if notation.both_cases else last.lower()

    number = value(last, *kind)

    base = len(notation.alphabet)
    assert [notation.alphabet[number // base**place % base] for place in reversed(range(characters))] == list(digits)


@given(kind=kinds, digest=digests, characters=st.integers(1, 20))
def test_an_ending_is_ranked_by_its_last_characters_first(
    kind: tuple[Form, Network], digest: bytes, characters: int
) -> None:
    last, base = address(digest, *kind)[-characters:], len(notation_of(*kind).alphabet)
    ending = Ending(*kind, characters, ())
    together = min(characters, TOGETHER[base])

    rank = ending.rank(last)

    before = value(last[:-together], *kind)
    assert rank == value(last[-together:], *kind) * base ** (characters - together) + before
    for first, end in ((rank, rank), (0, rank), (rank, base**characters - 1)):
        assert replace(ending, ranges=((first, end),)).accepts(digest)
    assert rank == 0 or not replace(ending, ranges=((0, rank - 1),)).accepts(digest)


@given(kind=kinds, digest=digests, behind=st.integers(1, 6))
def test_the_ends_of_one_more_letter_divide_the_chance(kind: tuple[Form, Network], digest: bytes, behind: int) -> None:
    suffix = address(digest, *kind)[-behind:]
    suffix = suffix.lower() if kind[0] is Form.ETHEREUM else suffix

    longer = [want_ending(letter + suffix, "", *kind) for letter in notation_of(*kind).alphabet]

    assert sum(1 / ending.difficulty for ending in longer) == 1 / want_ending(suffix, "", *kind).difficulty


@pytest.mark.parametrize("kind", [(form, network) for form in Form for network in Network])
def test_the_difficulty_is_what_counting_finds(kind: tuple[Form, Network]) -> None:
    source = Random(5)  # noqa: S311 - the same sample each time
    texts = [address(source.randbytes(20), *kind) for _ in range(6000)]
    letter = {Form.P2WPKH: "x", Form.ETHEREUM: "7"}.get(kind[0], "L")
    prefix = notation_of(*kind).heads[0]

    difficulty = want_ending(letter, prefix, *kind).difficulty

    expected = float(len(texts) / difficulty)
    found = sum(text.startswith(prefix) and text.endswith(letter) for text in texts)
    assert abs(found - expected) < 6 * expected**0.5


def test_difficulties_are_exact() -> None:
    assert float(want_ending("LoVE").difficulty) == pytest.approx(58**4, rel=1e-9)
    assert want_ending("fun0", "bc1qx", Form.P2WPKH).difficulty == Fraction(32**5)
    assert want_ending("c0de", "0xc0", Form.ETHEREUM).difficulty == Fraction(16**6)
    assert float(want_ending("E", "1LoV").difficulty) == pytest.approx(
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
        ("L" * 21, "1", Form.P2PKH_COMPRESSED, "an end has at most 20 characters and this has 21"),
        (
            "L0",
            "1",
            Form.P2PKH_COMPRESSED,
            "no search for 'L0': character 2 is '0', and addresses have no 0",
        ),
        ("b", "", Form.P2WPKH, "no search for 'b': character 1 is 'b', and behind bc1q addresses have no 1"),
        (
            "fun",
            "",
            Form.ETHEREUM,
            "no search for 'fun': character 2 is 'u', and behind 0x addresses have only the hex",
        ),
        ("L", "2", Form.P2PKH_COMPRESSED, "no search for '2': addresses of the kind searched for begin with 1"),
        ("L" * 14, "", Form.P2PKH_COMPRESSED, "with any beginning it takes more than 2^80 keys on average"),
        ("LLLLLLLL", "1LLLLLLL", Form.P2PKH_COMPRESSED, "with 1LLLLLLL it takes more than 2^80 keys on average"),
        ("q" * 17, "", Form.P2WPKH, "with any beginning it takes more than 2^80 keys on average"),
    ],
)
def test_an_end_that_cannot_be_found_is_refused(suffix: str, prefix: str, form: Form, why: str) -> None:
    with pytest.raises(PatternError) as refusal:
        want_ending(suffix, prefix, form)

    assert why in refusal.value.text
