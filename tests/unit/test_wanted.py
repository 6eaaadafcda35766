"""What is wanted of an address, of one form or several: known unions, and what is refused."""

from fractions import Fraction

import pytest

from xwhep.fast_secp256k1 import public_key_of
from xwhep.vanity import base58
from xwhep.vanity.addresses import Form, Network, address, key_hash
from xwhep.vanity.errors import PatternError, PatternListError
from xwhep.vanity.patterns import parse_pattern
from xwhep.vanity.targets import Match, Sieve
from xwhep.vanity.wanted import guess_common_forms, patterns_in, want_ending, want_expression, want_patterns

P2PKH = (Form.P2PKH_COMPRESSED,), Network.MAIN
ETHEREUM = (Form.ETHEREUM,)
SECRET = 0x18E14A7B6A307F426A94F8114701E7C8E774E7F9A47E2C2035DB29A206321725
#: 1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAs; source: Bitcoin Wiki, "Technical background of version 1 Bitcoin addresses"
KEY = public_key_of(SECRET)
#: of the secret 1: 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf, widely published
ONE = public_key_of(1)


def test_disjoint_patterns_add_their_chances() -> None:
    wanted = want_patterns(["1Lo", "1Ab"])

    assert 1 / wanted.difficulty == sum(1 / parse_pattern(text).difficulty for text in ("1Lo", "1Ab"))
    assert wanted.target.chance == 1 / wanted.difficulty
    assert wanted.duplicates == ()


def test_a_pattern_that_another_begins_adds_nothing_but_is_named() -> None:
    wanted = want_patterns(["1P", "1PMyc", "1PMx"])
    found = wanted.find(KEY)

    assert wanted.difficulty == parse_pattern("1P").difficulty
    assert found is not None
    assert found.address == "1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAs"
    assert found.texts == ("1PMyc", "1P")
    assert (found.form, found.digest) == (Form.P2PKH_COMPRESSED, key_hash(KEY))


def test_duplicates_are_told_and_searched_for_once() -> None:
    assert want_patterns(["1Lo", "1Ab", "1Lo", "1Lo"]).duplicates == ("1Lo", "1Lo")
    assert want_patterns(["1Lo", "1lo"], ignore_case=True).duplicates == ("1lo",)
    assert want_patterns(["1Lo", "1lo"], ignore_case=True).texts == ("1Lo",)


def test_a_list_without_patterns_is_refused() -> None:
    with pytest.raises(PatternListError) as refusal:
        want_patterns([])

    assert refusal.value.text == "no search for these patterns: there is none"


def test_a_pattern_of_another_form_is_refused_by_name() -> None:
    for text, kind in (
        ("bc1qfun0", "p2wpkh on the main network"),
        ("0xc0ffee", "ethereum"),
        ("mLo", "p2pkh-compressed on the test network"),
    ):
        with pytest.raises(PatternError) as refusal:
            want_patterns(["1Lo", text])

        assert refusal.value.text == (
            f"no search for '{text}': addresses of the kind searched for begin with 1; like this begin those of {kind}"
        )


def test_a_pattern_that_fits_none_of_several_forms_is_refused_with_what_they_begin_with() -> None:
    with pytest.raises(PatternError) as refusal:
        want_patterns(["love"], (Form.P2PKH_COMPRESSED, Form.P2PKH_UNCOMPRESSED, Form.P2WPKH, Form.ETHEREUM))

    assert refusal.value.text == (
        "no search for 'love': addresses of the kinds searched for begin with 1 or bc1q or 0x"
    )


def test_together_patterns_have_bounded_ranges() -> None:
    with pytest.raises(PatternListError, match="they have more than 12,000 ranges of hashes; leave out some"):
        want_patterns(["1aaaaaaaaaaaa", "1bbbbbbbbbbbb"], ignore_case=True)


def test_thousands_of_patterns_are_one_search() -> None:
    texts = [f"1{one}{other}LoVE" for one in "ABCDEFGHJKLMNP" for other in base58.ALPHABET]
    texts += [f"1{one}a{other}LoV" for one in "ABCDEFGHJKLMNP" for other in base58.ALPHABET]

    wanted = want_patterns(texts)

    assert len(wanted.wishes) == 1624
    assert str(wanted) == "1A1LoVE and 1623 more"
    assert 1 / wanted.difficulty == sum(1 / wish.difficulty for wish in wanted.wishes)


def test_a_pattern_is_wanted_in_every_form_that_can_begin_so() -> None:
    forms = (Form.P2PKH_COMPRESSED, Form.P2PKH_UNCOMPRESSED, Form.P2WPKH)

    wanted = want_patterns(["1P", "bc1qx"], forms)

    assert [(wish.text, wish.form) for wish in wanted.wishes] == [
        ("1P", Form.P2PKH_COMPRESSED),
        ("1P", Form.P2PKH_UNCOMPRESSED),
        ("bc1qx", Form.P2WPKH),
    ]
    assert wanted.texts == ("1P", "bc1qx")
    assert wanted.forms == forms
    assert wanted.target.forms == (Form.P2PKH_COMPRESSED, Form.P2PKH_UNCOMPRESSED)


def test_forms_of_different_hashes_are_independent_and_of_one_hash_are_counted_together() -> None:
    p2pkh, p2wpkh = parse_pattern("1P").difficulty, parse_pattern("bc1qx", Form.P2WPKH).difficulty

    two = want_patterns(["1P"], (Form.P2PKH_COMPRESSED, Form.P2PKH_UNCOMPRESSED)).difficulty
    ethereum = want_patterns(["1P", "0xab"], (Form.P2PKH_COMPRESSED, Form.ETHEREUM)).difficulty
    of_one_hash = want_patterns(["1", "bc1qx"], (Form.P2PKH_COMPRESSED, Form.P2WPKH)).difficulty

    assert 1 / two == 1 - (1 - 1 / p2pkh) ** 2
    assert 1 / ethereum == 1 - (1 - 1 / p2pkh) * (1 - Fraction(1, 256))
    assert of_one_hash == 1 < p2wpkh


def test_a_search_finds_the_first_form_of_several() -> None:
    forms = (Form.P2PKH_COMPRESSED, Form.ETHEREUM)

    one, other = want_patterns(["1P", "0x7E"], forms).find(ONE), want_patterns(["1B", "0x7E"], forms).find(ONE)

    assert one is not None
    assert (one.form, one.address) == (Form.ETHEREUM, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")
    assert other is not None
    assert (other.form, other.texts) == (Form.P2PKH_COMPRESSED, ("1B",))


def test_letters_of_both_cases_are_asked_of_the_checksum_of_ethereum() -> None:
    lower, upper, mixed = (want_patterns([text], ETHEREUM) for text in ("0x09ab", "0x09AB", "0x09aB"))

    assert lower.difficulty == upper.difficulty == 16**4
    assert mixed.difficulty == 4 * 16**4
    assert lower.target == upper.target == mixed.target
    assert want_patterns(["0X09aB"], ETHEREUM, ignore_case=True).difficulty == 16**4


def test_of_ethereum_only_the_case_that_was_asked_for_is_found() -> None:
    assert want_patterns(["0x7e5f"], ETHEREUM).find(ONE)
    assert want_patterns(["0x7E5F4552091A69125d5"], ETHEREUM).find(ONE)
    wrong = want_patterns(["0x7E5f"], ETHEREUM)
    assert wrong.find(ONE) is None
    assert wrong.target.match(ONE) == Match(Form.ETHEREUM, key_hash(ONE, Form.ETHEREUM))


def test_what_another_pattern_matches_in_any_case_is_counted_once() -> None:
    def difficulty(*texts: str) -> Fraction:
        return want_patterns(texts, ETHEREUM).difficulty

    assert difficulty("0x09ab", "0x09aB") == 16**4
    assert difficulty("0x09aB", "0x09Ab") == 2 * 16**4
    assert difficulty("0x09aB", "0x09aBc") == 4 * 16**4
    assert difficulty("0x09aB", "0x0") == 16


def test_an_end_is_found_with_its_beginning() -> None:
    found = want_ending("XUAs", "1PM").find(KEY)

    assert found is not None
    assert found.texts == ("1PM...XUAs",)
    assert want_ending("XUAs").find(KEY)
    assert want_ending("XUAs", "1L").find(KEY) is None
    assert want_ending("XUAS").find(KEY) is None


def test_an_end_of_ethereum_in_both_cases_is_asked_of_the_checksum() -> None:
    any_case, this_case = want_ending("5bdf", "0x7e", Form.ETHEREUM), want_ending("5Bdf", "0x7E", Form.ETHEREUM)

    assert any_case.difficulty == 16**6
    assert this_case.difficulty == 16 * 16**6
    assert any_case.target == this_case.target
    assert any_case.find(ONE)
    assert this_case.find(ONE)
    assert want_ending("5bDf", "0x7E", Form.ETHEREUM).find(ONE) is None
    assert want_ending("5BDF", "0x7E", Form.ETHEREUM).find(ONE)  # in one case: in any


def test_an_expression_is_found_and_hides_behind_a_sieve() -> None:
    wanted = want_expression("1PMyc[a-f].*s$")

    assert wanted.find(KEY)
    assert wanted.find(ONE) is None
    assert wanted.target.sieve == Sieve("1PMyc[a-f].*s$", Form.P2PKH_COMPRESSED, Network.MAIN)
    assert wanted.target.match(KEY) == Match(Form.P2PKH_COMPRESSED, key_hash(KEY))


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("network", Network)
def test_an_address_is_found_by_what_begins_like_it(form: Form, network: Network) -> None:
    written = address(key_hash(KEY, form), form, network)

    found = want_patterns([written[:8]], (form,), network).find(KEY)

    assert found is not None
    assert (found.address, found.form) == (written, form)


def test_the_forms_of_patterns_are_guessed() -> None:
    assert guess_common_forms(["bc1qa", "bc1qc"]) == ((Form.P2WPKH,), Network.MAIN)
    assert guess_common_forms(["mine", "nix"]) == ((Form.P2PKH_COMPRESSED,), Network.TEST)
    assert guess_common_forms(["love", "3a"]) == ((Form.P2SH_P2WPKH,), Network.MAIN)
    assert guess_common_forms(["0xab", "bc1q", "1L"]) == (
        (Form.P2PKH_COMPRESSED, Form.P2WPKH, Form.ETHEREUM),
        Network.MAIN,
    )
    assert guess_common_forms(["0xab", "mL"]) == ((Form.P2PKH_COMPRESSED, Form.ETHEREUM), Network.TEST)
    assert guess_common_forms([]) == guess_common_forms(["love"]) == P2PKH


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["1Lo", "mLo"], "1Lo on the main network and mLo on the test network"),
        (["bc1qa", "0xab", "tb1qa"], "bc1qa on the main network and tb1qa on the test network"),
    ],
)
def test_patterns_of_different_networks_contradict_each_other(texts: list[str], words: str) -> None:
    with pytest.raises(PatternListError) as refusal:
        guess_common_forms(texts)

    assert refusal.value.text == f"no search for these patterns: {words} are not found by one search"


def test_a_file_has_a_pattern_a_line_and_comments() -> None:
    assert patterns_in("# mine\n1Lo\n\n  1Ab  # hers\r\n1Ab\n#1No\n") == ["1Lo", "1Ab", "1Ab"]
    assert patterns_in("") == []
