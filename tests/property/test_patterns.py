"""Ranges against the text of addresses, as another library makes it."""

import random
from fractions import Fraction
from functools import cache
from itertools import pairwise

import base58 as reference_base58
import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from xwhep.vanity import base58
from xwhep.vanity.addresses import Form, Network, address
from xwhep.vanity.chances import keys_for, probability
from xwhep.vanity.errors import PatternError
from xwhep.vanity.patterns import parse_pattern
from xwhep.vanity.ranges import Range, Ranges, difficulty_of, in_ranges, is_ascending, union

PREFIXES = ("1", "11", "111", "112", "11z", "12", "19", "1A", "1L", "1Lo", "1Q", "1QL", "1R", "1z")


def reference_address(digest: bytes) -> str:
    return reference_base58.b58encode_check(b"\0" + digest).decode()


@cache
def sample() -> list[tuple[bytes, str]]:
    """Return 40 000 hashes with their addresses; a third of them begin with one, two or three zero bytes."""
    source = random.Random(2)  # noqa: S311 - the same sample each time
    digests = [(bytes(max(0, i % 6 - 2)) + source.randbytes(20))[:20] for i in range(40_000)]
    return [(digest, reference_address(digest)) for digest in digests]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_hash_is_in_the_ranges_just_when_its_address_begins_so(prefix: str) -> None:
    ranges = parse_pattern(prefix).ranges
    answers = [in_ranges(ranges, digest) for digest, _ in sample()]

    assert answers == [address.startswith(prefix) for _, address in sample()]
    assert any(answers)


@given(digest=st.binary(min_size=20, max_size=20), length=st.integers(1, 10))
def test_an_address_lies_in_the_ranges_of_its_own_beginnings(digest: bytes, length: int) -> None:
    assert in_ranges(parse_pattern(reference_address(digest)[:length]).ranges, digest)


prefixes = st.text(base58.ALPHABET, max_size=9).map(lambda rest: "1" + rest) | st.integers(1, 11).map("1".__mul__)


@given(prefix=prefixes)
def test_ranges_end_exactly_where_the_text_of_the_addresses_does(prefix: str) -> None:
    """The hashes at and next to each end decide, the checksum included."""
    ranges = parse_pattern(prefix).ranges

    for end in {number for first, last in ranges for number in (first - 1, first, last, last + 1)}:
        if 0 <= end < 2**160:
            digest = end.to_bytes(20, "big")
            assert in_ranges(ranges, digest) == reference_address(digest).startswith(prefix)


@given(prefix=prefixes)
def test_ranges_are_disjoint_and_ascending(prefix: str) -> None:
    ranges = parse_pattern(prefix).ranges

    assert all(first <= last for first, last in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


def ranges_or_none(prefix: str) -> Ranges:
    try:
        return parse_pattern(prefix).ranges
    except PatternError:
        return ()


@given(prefix=prefixes.filter(lambda prefix: len(prefix) < 10))
def test_one_more_character_divides_a_pattern_without_rest_or_overlap(prefix: str) -> None:
    longer = [one for character in base58.ALPHABET for one in ranges_or_none(prefix + character)]

    assert union(longer) == union(parse_pattern(prefix).ranges)
    assert 1 / difficulty_of(union(longer)) == sum(1 / difficulty_of((one,)) for one in longer)


@given(a=prefixes, b=prefixes)
def test_patterns_share_hashes_only_if_one_begins_the_other(a: str, b: str) -> None:
    touching = any(
        first <= other_last and other_first <= last
        for first, last in parse_pattern(a).ranges
        for other_first, other_last in parse_pattern(b).ranges
    )

    assert touching == (a.startswith(b) or b.startswith(a))


@given(text=st.text(max_size=40) | st.text(base58.ALPHABET, max_size=40).map(lambda rest: "1" + rest))
def test_any_text_gives_a_pattern_or_a_sentence_in_ascii(text: str) -> None:
    try:
        pattern = parse_pattern(text)
    except PatternError as error:
        sentence = error.text
    else:
        sentence = pattern.text
        assert pattern.text == text
        assert 1 <= pattern.difficulty == difficulty_of(pattern.ranges) <= 2**80
    assert sentence.isascii()
    assert sentence.isprintable()


@given(digest=st.binary(min_size=20, max_size=20))
def test_addresses_are_those_of_another_library(digest: bytes) -> None:
    assert address(digest) == reference_address(digest)


@given(data=st.binary(max_size=80))
def test_base58_agrees_with_another_library_both_ways(data: bytes) -> None:
    text = base58.encode(data)

    assert text == reference_base58.b58encode(data).decode()
    assert base58.decode(text) == data


difficulties = st.builds(Fraction, st.integers(2**80, 2**160), st.integers(1, 2**80))


@given(difficulty=difficulties, keys=st.integers(0, 2**200))
def test_a_probability_is_one_and_grows_with_the_keys(difficulty: Fraction, keys: int) -> None:
    chance = probability(difficulty, keys)

    assert 0 <= chance <= probability(difficulty, keys + 1) <= 1
    assert chance <= float(keys / difficulty) * (1 + 1e-12)


@given(difficulty=difficulties.filter(lambda value: value > 2), wanted=st.floats(1e-12, 0.999))
def test_so_many_keys_give_the_wanted_probability(difficulty: Fraction, wanted: float) -> None:
    keys = keys_for(difficulty, wanted)

    assert keys < 2**60 or probability(difficulty, round(keys)) == pytest.approx(wanted, rel=1e-9)


# --- every form, many patterns, either case --------------------------------------------------------------------------

VERSIONS = {
    (Form.P2PKH_COMPRESSED, Network.MAIN): 0,
    (Form.P2PKH_UNCOMPRESSED, Network.MAIN): 0,
    (Form.P2SH_P2WPKH, Network.MAIN): 5,
    (Form.P2PKH_COMPRESSED, Network.TEST): 111,
    (Form.P2PKH_UNCOMPRESSED, Network.TEST): 111,
    (Form.P2SH_P2WPKH, Network.TEST): 196,
}
kinds = st.tuples(st.sampled_from(Form), st.sampled_from(Network))
digests = st.binary(min_size=20, max_size=20) | st.integers(0, 2**160 - 1).map(
    lambda number: number.to_bytes(20, "big")
)


def written(digest: bytes, kind: tuple[Form, Network]) -> str:
    """Return an address by another library; in Bech32 by ours, which published vectors test."""
    if kind in VERSIONS:
        return reference_base58.b58encode_check(bytes([VERSIONS[kind]]) + digest).decode()
    if kind[0] is Form.ETHEREUM:
        return to_checksum_address(digest)
    return address(digest, *kind)


def begins(digest: bytes, kind: tuple[Form, Network], text: str, *, case: bool) -> bool:
    """Tell whether the address of a digest begins with a text, whose case matters or not."""
    if case:
        return written(digest, kind).startswith(text)
    return written(digest, kind).lower().startswith(text.lower())


def near(ranges: Ranges) -> set[bytes]:
    """Return the digests at and next to the ends of ranges."""
    ends = {number for first, last in ranges for number in (first - 1, first, last, last + 1)}
    return {number.to_bytes(20, "big") for number in ends if 0 <= number < 2**160}


@given(kind=kinds, digest=digests, length=st.integers(4, 11), other=digests)
def test_each_forms_ranges_hold_just_the_addresses_that_begin_so(
    kind: tuple[Form, Network], digest: bytes, length: int, other: bytes
) -> None:
    prefix = written(digest, kind)[:length]

    pattern = parse_pattern(prefix, *kind)

    assert in_ranges(pattern.ranges, digest)
    assert is_ascending(pattern.ranges)
    for one in {digest, other} | near(pattern.ranges):
        assert in_ranges(pattern.ranges, one) == begins(one, kind, prefix, case=kind[0] is not Form.ETHEREUM)
        case_matters = kind[0] is not Form.ETHEREUM or prefix[2:] not in {prefix[2:].lower(), prefix[2:].upper()}
        assert pattern.matches(one) == begins(one, kind, prefix, case=case_matters)


@given(kind=kinds, digest=digests, length=st.integers(4, 9), other=digests, data=st.data())
def test_without_case_ranges_hold_just_the_addresses_that_begin_so_in_any_case(
    kind: tuple[Form, Network], digest: bytes, length: int, other: bytes, data: st.DataObject
) -> None:
    beginning = written(digest, kind)[:length]
    prefix = "".join(data.draw(st.sampled_from([letter, letter.swapcase()])) for letter in beginning)

    pattern = parse_pattern(prefix, *kind, ignore_case=True)

    assert in_ranges(pattern.ranges, digest)
    assert is_ascending(pattern.ranges)
    for one in {other} | near(pattern.ranges[:10]):
        assert pattern.matches(one) == in_ranges(pattern.ranges, one) == begins(one, kind, prefix, case=False)


small_ranges = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda pair: (pair[0], sum(pair))))


@given(ranges=small_ranges)
def test_a_union_holds_just_the_numbers_of_its_parts(ranges: list[Range]) -> None:
    merged = union(ranges)

    assert is_ascending(merged)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(merged))
    for number in range(80):
        digest = number.to_bytes(20, "big")
        assert in_ranges(merged, digest) == any(first <= number <= last for first, last in ranges)


@given(ranges=small_ranges)
def test_ranges_are_ascending_just_when_none_touches_the_one_before(ranges: list[Range]) -> None:
    expected = all(before[1] < after[0] for before, after in pairwise(ranges))

    assert is_ascending(tuple(ranges)) == expected
