"""Patterns: known difficulties, refusals that a person understands, and the arithmetic of waiting."""

import math
from fractions import Fraction

import pytest

from xwhep.bitcoin.addresses import decode_address
from xwhep.bitcoin.patterns import in_ranges, keys_for, parse_pattern, probability
from xwhep.errors import PatternError


@pytest.mark.parametrize(
    ("text", "difficulty"),
    [
        ("1", 1.0),
        ("11", 256.0),
        ("11111", 2.0**32),
        ("1LoVE", 4476342.784713063),
        ("1Vanity", 888446610538.71),  # what supervanitygen prints: 888446610539
        ("1LoVEbtc", 873388193410.9353),
        ("1RLoVE", 15318045009.288103),
    ],
)
def test_difficulties_are_exact(text: str, difficulty: float) -> None:
    assert float(parse_pattern(text).difficulty) == pytest.approx(difficulty, rel=1e-12)


def test_the_difficulty_counts_the_hashes_of_the_ranges() -> None:
    pattern = parse_pattern("1LoVE")

    assert pattern.difficulty * sum(last - first + 1 for first, last in pattern.ranges) == 2**160


def test_a_known_address_lies_in_the_ranges_of_its_beginnings() -> None:
    address = "1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAs"
    digest = decode_address(address).digest

    for length in range(1, 14):
        assert in_ranges(parse_pattern(address[:length]).ranges, digest)
        assert not in_ranges(parse_pattern(address[:length] + "z").ranges, digest)


def test_case_matters() -> None:
    assert parse_pattern("1LoVE").ranges != parse_pattern("1Love").ranges


LOOK_ALIKE = "and addresses have no 0, O, I or l, which look alike"
OTHER = "and addresses have only digits and letters from 1 to z"
GREATEST = "none of the 2^160 addresses begins so; the greatest of them is 1QLbz7JHiBTspS962RLKV8GndWFwi5j6Qr"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no search for '': it is empty; addresses begin with 1"),
        ("10", f"no search for '10': character 2 is '0', {LOOK_ALIKE}"),
        ("1O", f"no search for '1O': character 2 is 'O', {LOOK_ALIKE}"),
        ("1I", f"no search for '1I': character 2 is 'I', {LOOK_ALIKE}"),
        ("1Ll", f"no search for '1Ll': character 3 is 'l', {LOOK_ALIKE}"),
        ("1 ", f"no search for '1 ': character 2 is ' ', {OTHER}"),
        ("1\n", f"no search for '1\\n': character 2 is '\\n', {OTHER}"),
        ("1\x1b[2J", f"no search for '1\\x1b[2J': character 2 is '\\x1b', {OTHER}"),
        ("1L\u043eVE", f"no search for '1L\\u043eVE': character 3 is '\\u043e', {OTHER}"),
        ("1\ud800", f"no search for '1\\ud800': character 2 is '\\ud800', {OTHER}"),
        ("1\u0661", f"no search for '1\\u0661': character 2 is '\\u0661', {OTHER}"),
        ("LoVE", "no search for 'LoVE': addresses of the kind searched for begin with 1, not L"),
        ("3abc", "no search for '3abc': addresses of the kind searched for begin with 1, not 3"),
        ("1" + "z" * 33, f"no search for '1{'z' * 33}': {GREATEST}"),
        ("11" + "z" * 32, f"no search for '11{'z' * 32}': {GREATEST}"),
        ("1" * 22, f"no search for '{'1' * 22}': {GREATEST}"),
        ("1" * 34, f"no search for '{'1' * 34}': {GREATEST}"),
        ("1" * 26 + "a", f"no search for '{'1' * 26}a': {GREATEST}"),
        ("1" * 35, f"no search for '{'1' * 35}': an address has at most 34 characters and this has 35"),
        ("1" * 1000, f"no search for '{'1' * 40}...': an address has at most 34 characters and this has 1000"),
        (
            "1LoVE" + "z" * 11,
            (
                "no search for '1LoVEzzzzzzzzzzz': it takes 1.12e+26 keys on average, more than the 2^80 = 1.21e+24"
                " allowed; leave out characters at its end"
            ),
        ),
    ],
)
def test_a_pattern_that_cannot_be_found_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(PatternError) as refusal:
        parse_pattern(text)

    assert refusal.value.text == reason


def test_difficulties_up_to_2_80_are_accepted() -> None:
    assert parse_pattern("1" * 11).difficulty == 2**80

    with pytest.raises(PatternError):
        parse_pattern("1" * 12)


def test_half_the_searches_end_after_0_693_difficulties() -> None:
    difficulty = parse_pattern("1LoVE").difficulty

    assert keys_for(difficulty, 0.5) == pytest.approx(math.log(2) * float(difficulty), rel=1e-6)
    assert probability(difficulty, round(float(difficulty))) == pytest.approx(1 - math.exp(-1), rel=1e-6)


def test_probabilities_are_right_where_floating_point_would_round_them_away() -> None:
    tiny = Fraction(2**160)

    assert probability(tiny, 1) == pytest.approx(2.0**-160, rel=1e-12)
    assert probability(tiny, 10**6) == pytest.approx(10**6 * 2.0**-160, rel=1e-12)
    assert probability(tiny, 2**160) == pytest.approx(1 - math.exp(-1), rel=1e-12)
    assert probability(tiny, 2**300) == 1
    assert probability(Fraction(256), 1) == pytest.approx(1 / 256, rel=1e-14)
    assert probability(Fraction(256), 0) == 0


def test_a_pattern_that_every_key_matches_is_found_at_once() -> None:
    assert [probability(Fraction(1), keys) for keys in (0, 1, 2)] == [0, 1, 1]
    assert [keys_for(Fraction(1), wanted) for wanted in (0, 0.5, 0.999)] == [0, 1, 1]
