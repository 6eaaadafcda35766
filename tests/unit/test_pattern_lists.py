"""Many patterns in one search: known unions, and what is refused."""

import pytest

from xwhep.bitcoin.addresses import Form, Network, decode_address
from xwhep.bitcoin.pattern_lists import guess_common_form, parse_patterns, patterns_in
from xwhep.bitcoin.patterns import parse_pattern
from xwhep.errors import PatternError, PatternListError

P2PKH = Form.P2PKH_COMPRESSED, Network.MAIN


def test_disjoint_patterns_add_their_chances() -> None:
    patterns = parse_patterns(["1Lo", "1Ab"], *P2PKH)

    assert 1 / patterns.difficulty == sum(1 / parse_pattern(text).difficulty for text in ("1Lo", "1Ab"))
    assert patterns.duplicates == ()


def test_a_pattern_that_another_begins_adds_nothing_but_is_named() -> None:
    patterns = parse_patterns(["1P", "1PMyc", "1PMx"], *P2PKH)

    assert patterns.difficulty == parse_pattern("1P").difficulty
    assert patterns.matching(decode_address("1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAs").digest) == ("1PMyc", "1P")


def test_duplicates_are_told_and_searched_for_once() -> None:
    assert parse_patterns(["1Lo", "1Ab", "1Lo", "1Lo"], *P2PKH).duplicates == ("1Lo", "1Lo")
    assert parse_patterns(["1Lo", "1lo"], *P2PKH, ignore_case=True).duplicates == ("1lo",)


def test_a_list_without_patterns_is_refused() -> None:
    with pytest.raises(PatternListError) as refusal:
        parse_patterns([], *P2PKH)

    assert refusal.value.text == "no search for these patterns: there is none"


def test_a_pattern_of_another_form_is_refused_by_name() -> None:
    with pytest.raises(PatternError) as refusal:
        parse_patterns(["1Lo", "bc1qfun0"], *P2PKH)

    assert refusal.value.text == (
        "no search for 'bc1qfun0': addresses of the kind searched for begin with 1; like this begin those of p2wpkh"
        " on the main network"
    )


def test_together_patterns_have_bounded_ranges() -> None:
    with pytest.raises(PatternListError, match="they have more than 4,096 ranges of hashes; leave out some"):
        parse_patterns(["1aaaaaaaaaaaa", "1bbbbbbbbbbb"], *P2PKH, ignore_case=True)


def test_a_thousand_patterns_are_one_search() -> None:
    texts = [f"1{first}{second}{third}" for first in "ABCDEFGHJK" for second in "abcdefghij" for third in "123456789A"]

    patterns = parse_patterns(texts, *P2PKH)

    assert len(patterns.patterns) == 1000
    assert 1 / patterns.difficulty == sum(1 / pattern.difficulty for pattern in patterns.patterns)


def test_what_patterns_have_in_common_is_guessed() -> None:
    assert guess_common_form(["bc1qa", "bc1qc"]) == (Form.P2WPKH, Network.MAIN)
    assert guess_common_form(["mine", "nix"]) == (Form.P2PKH_COMPRESSED, Network.TEST)
    assert guess_common_form(["love", "3a"]) == (Form.P2SH_P2WPKH, Network.MAIN)
    assert guess_common_form([]) == guess_common_form(["love"]) == P2PKH


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["1Lo", "mLo"], "1Lo of p2pkh-compressed on the main network and mLo of p2pkh-compressed on the test network"),
        (["bc1qa", "1Lo"], "bc1qa of p2wpkh on the main network and 1Lo of p2pkh-compressed on the main network"),
        (["bc1qa", "tb1qa"], "bc1qa of p2wpkh on the main network and tb1qa of p2wpkh on the test network"),
    ],
)
def test_patterns_of_different_forms_or_networks_contradict_each_other(texts: list[str], words: str) -> None:
    with pytest.raises(PatternListError) as refusal:
        guess_common_form(texts)

    assert refusal.value.text == f"no search for these patterns: {words} are not found by one search"


def test_a_file_has_a_pattern_a_line_and_comments() -> None:
    assert patterns_in("# mine\n1Lo\n\n  1Ab  # hers\r\n1Ab\n#1No\n") == ["1Lo", "1Ab", "1Ab"]
    assert patterns_in("") == []
