"""Patterns: known difficulties, refusals that a person understands, and the arithmetic of waiting."""

import math
from fractions import Fraction

import pytest

from xwhep.vanity.addresses import Form, Network, address, decode_address
from xwhep.vanity.errors import PatternError
from xwhep.vanity.notations import guess_form
from xwhep.vanity.patterns import in_ranges, keys_for, parse_pattern, probability


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
ONE = "addresses of the kind searched for begin with 1"
GREATEST = (
    "none of the 2^160 addresses begins so; the least of them is 1111111111111111111114oLvT2, the greatest"
    " 1QLbz7JHiBTspS962RLKV8GndWFwi5j6Qr"
)


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
        ("LoVE", f"no search for 'LoVE': {ONE}"),
        ("3abc", f"no search for '3abc': {ONE}; like this begin those of p2sh-p2wpkh on the main network"),
        ("bc1pfund", f"no search for 'bc1pfund': {ONE}; those of Taproot are not searched for"),
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


MAIN = " on the main network"
OTHER_FORMS = [
    (Form.P2PKH_UNCOMPRESSED, Network.MAIN, "1LoVE", 4476342.784713063),
    (Form.P2PKH_COMPRESSED, Network.TEST, "m", 1.1978294679455346),
    (Form.P2SH_P2WPKH, Network.MAIN, "3", 1.0),
    (Form.P2SH_P2WPKH, Network.TEST, "2", 1.0),
    (Form.P2WPKH, Network.MAIN, "bc1q", 1.0),
    (Form.P2WPKH, Network.MAIN, "bc1qfun0", 32.0**4),
    (Form.P2WPKH, Network.TEST, "tb1q" + "q" * 16, 2.0**80),
]


@pytest.mark.parametrize(("form", "network", "text", "difficulty"), OTHER_FORMS)
def test_each_form_has_its_own_difficulty(form: Form, network: Network, text: str, difficulty: float) -> None:
    pattern = parse_pattern(text, form, network)

    assert (pattern.form, pattern.network) == (form, network)
    assert float(pattern.difficulty) == pytest.approx(difficulty, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "ignore_case", "difficulty", "letters"),
    [
        ("0x", False, 1, 0),
        ("0x00", False, 16**2, 0),
        ("0xc0ffee", False, 16**6, 0),
        ("0xC0FFEE", False, 16**6, 0),
        ("0xC0ffee", False, 2**5 * 16**6, 5),
        ("0xC0ffee", True, 16**6, 0),
        ("0XC0ffee", True, 16**6, 0),
    ],
)
def test_of_ethereum_letters_of_both_cases_halve_the_chance_each(
    text: str, *, ignore_case: bool, difficulty: int, letters: int
) -> None:
    pattern = parse_pattern(text, Form.ETHEREUM, ignore_case=ignore_case)

    assert pattern.difficulty == difficulty
    assert pattern.letters == letters
    assert pattern.ranges == parse_pattern(text.lower(), Form.ETHEREUM).ranges


def test_m_and_n_share_the_test_network() -> None:
    parts = [parse_pattern(text, Form.P2PKH_COMPRESSED, Network.TEST).difficulty for text in "mn"]

    assert sum(1 / part for part in parts) == 1


@pytest.mark.parametrize(
    ("text", "form", "network", "why"),
    [
        ("", Form.P2PKH_COMPRESSED, Network.TEST, "it is empty; addresses begin with m or n"),
        (
            "1Lo",
            Form.P2WPKH,
            Network.MAIN,
            f"{ONE[:-1]}bc1q; like this begin those of p2pkh-compressed{MAIN}",
        ),
        ("bc1p", Form.P2WPKH, Network.MAIN, f"{ONE[:-1]}bc1q; those of Taproot are not searched for"),
        ("tb1q", Form.P2WPKH, Network.MAIN, f"{ONE[:-1]}bc1q; like this begin those of p2wpkh on the test network"),
        ("BC1Q", Form.P2WPKH, Network.MAIN, f"{ONE[:-1]}bc1q; case matters"),
        ("Max", Form.P2PKH_COMPRESSED, Network.TEST, f"{ONE[:-1]}m or n; case matters"),
        *(
            (
                f"bc1qx{letter}",
                Form.P2WPKH,
                Network.MAIN,
                f"character 6 is '{letter}', and behind bc1q addresses have no 1, b, i or o, which look alike",
            )
            for letter in "bio1"
        ),
        (
            "bc1qLove",
            Form.P2WPKH,
            Network.MAIN,
            "character 5 is 'L', and behind bc1q addresses have only digits and lower-case letters",
        ),
        ("0XC0", Form.ETHEREUM, Network.MAIN, f"{ONE[:-1]}0x; case matters"),
        ("1", Form.ETHEREUM, Network.MAIN, f"{ONE[:-1]}0x; like this begin those of p2pkh-compressed{MAIN}"),
        ("0xc0", Form.P2WPKH, Network.TEST, f"{ONE[:-1]}tb1q; like this begin those of ethereum"),
        (
            "0xg",
            Form.ETHEREUM,
            Network.MAIN,
            "character 3 is 'g', and behind 0x addresses have only the hexadecimal digits 0 to 9 and a to f",
        ),
        ("0x" + "1" * 41, Form.ETHEREUM, Network.MAIN, "an address has at most 42 characters and this has 43"),
        ("bc1q" + "q" * 39, Form.P2WPKH, Network.MAIN, "an address has at most 42 characters and this has 43"),
        (
            "bc1q" + "q" * 38,
            Form.P2WPKH,
            Network.MAIN,
            "it takes 1.46e+48 keys on average, more than the 2^80 = 1.21e+24 allowed; leave out characters at its end",
        ),
        (
            "31a",
            Form.P2SH_P2WPKH,
            Network.MAIN,
            (
                "none of the 2^160 addresses begins so; the least of them is 31h1vYVSYuKP6AhS86fbRdMw9XHieotbST, the"
                " greatest 3R2cuenjG5nFubqX9Wzuukdin2YfBbQ6Kw"
            ),
        ),
    ],
)
def test_what_no_address_of_a_form_begins_with_is_refused(text: str, form: Form, network: Network, why: str) -> None:
    with pytest.raises(PatternError) as refusal:
        parse_pattern(text, form, network)

    assert refusal.value.text == f"no search for {text if len(text) < 40 else text[:40] + '...'!a}: {why}"


def test_without_case_a_pattern_stands_for_all_its_spellings() -> None:
    both = parse_pattern("1lO", ignore_case=True)  # there is no l and no O, but L and o

    assert both.ranges == parse_pattern("1Lo").ranges
    chances = [1 / parse_pattern(text).difficulty for text in ("1ab", "1aB", "1Ab", "1AB")]
    assert 1 / parse_pattern("1aB", ignore_case=True).difficulty == sum(chances)


def test_without_case_bech32_is_read_in_lower_case() -> None:
    assert (
        parse_pattern("BC1QFun0", Form.P2WPKH, ignore_case=True).ranges == parse_pattern("bc1qfun0", Form.P2WPKH).ranges
    )


def test_without_case_too_what_no_address_has_is_refused() -> None:
    with pytest.raises(PatternError, match=r"character 2 is '0', and addresses have no 0, O, I or l"):
        parse_pattern("10", ignore_case=True)
    with pytest.raises(PatternError, match=r"character 2 is '\\u212a'"):
        parse_pattern("1\u212a", ignore_case=True)  # the sign of Kelvin, which is a k in lower case
    with pytest.raises(PatternError, match="addresses begins so"):
        parse_pattern("3z", Form.P2SH_P2WPKH, ignore_case=True)


def test_spellings_are_bounded() -> None:
    assert len(parse_pattern("1" + "a" * 12, ignore_case=True).ranges) <= 2 * 4096

    with pytest.raises(PatternError) as refusal:
        parse_pattern("1" + "a" * 13, ignore_case=True)

    assert refusal.value.text == (
        "no search for '1aaaaaaaaaaaaa': in upper and lower case it has more than 4,096 spellings; leave out letters,"
        " or let case matter"
    )


def test_the_form_is_guessed_from_the_beginning() -> None:
    assert guess_form("1LoVE") == (Form.P2PKH_COMPRESSED, Network.MAIN)
    assert guess_form("BC1Qfun0") == (Form.P2WPKH, Network.MAIN)
    assert guess_form("tb1q") == (Form.P2WPKH, Network.TEST)
    assert guess_form("3abc") == (Form.P2SH_P2WPKH, Network.MAIN)
    assert guess_form("2N") == (Form.P2SH_P2WPKH, Network.TEST)
    assert guess_form("Max") == guess_form("nix") == (Form.P2PKH_COMPRESSED, Network.TEST)
    assert guess_form("0xC0ffee") == guess_form("0X") == (Form.ETHEREUM, Network.MAIN)
    assert guess_form("love") is None


def test_the_least_and_greatest_addresses_are_found() -> None:
    for form in Form:
        for network in Network:
            for digest in (bytes(20), b"\xff" * 20):
                beginning = address(digest, form, network)[:8]
                assert in_ranges(parse_pattern(beginning, form, network).ranges, digest)
