"""Expressions against Python's own, and their difficulty against those of prefixes and endings."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.vanity.addresses import Form, Network, address
from xwhep.vanity.errors import PatternError
from xwhep.vanity.expressions import parse_expression
from xwhep.vanity.patterns import parse_pattern

kinds = st.tuples(st.sampled_from(Form), st.sampled_from(Network))
digests = st.binary(min_size=20, max_size=20)
atoms = st.sampled_from([".", "[a-z]", "[^x]", "[0-9A-F]", "a", "7", "[q-z2]"])
times = st.sampled_from(["", "", "*", "+", "?", "{2}", "{0,3}", "{3,9}"])
bodies = st.lists(st.builds("{}{}".format, atoms, times), max_size=4).map("".join)


def read(digest: bytes, kind: tuple[Form, Network]) -> str:
    """Return an address as expressions read it."""
    return address(digest, *kind).lower() if kind[0] is Form.ETHEREUM else address(digest, *kind)


@given(kind=kinds, digest=digests, body=bodies, end=st.sampled_from(["", "$", ".*$", ".*[a-k]$"]))
def test_an_address_matches_just_when_the_language_says_so(
    kind: tuple[Form, Network], digest: bytes, body: str, end: str
) -> None:
    text = read(digest, kind)
    expression = text[:8] + body + end

    try:
        matches = parse_expression(expression, *kind).matches(digest)
    except PatternError as error:
        lower = "in lower case" in error.text and expression != expression.lower()
        assert lower or "no address matches" in error.text or "entangled" in error.text  # noqa: PT017 - it may also not be
        return

    assert matches == bool(re.match(expression, text))


@given(kind=kinds, digest=digests, length=st.integers(8, 11))
def test_a_literal_expression_is_as_hard_as_its_pattern(kind: tuple[Form, Network], digest: bytes, length: int) -> None:
    prefix = read(digest, kind)[:length]

    difficulty = parse_expression(f"^{prefix}", *kind).difficulty

    assert float(difficulty) == pytest.approx(float(parse_pattern(prefix, *kind).difficulty), rel=1e-12)


@given(kind=kinds, digest=digests)
def test_what_a_class_and_its_opposite_match_is_all(kind: tuple[Form, Network], digest: bytes) -> None:
    prefix = read(digest, kind)[:8]

    parts = [parse_expression(f"{prefix}.*{end}$", *kind).difficulty for end in ("[a-m]", "[^a-m]")]

    assert sum(1 / part for part in parts) == 1 / parse_expression(prefix, *kind).difficulty


def test_an_expression_is_as_hard_as_the_letters_it_asks_for() -> None:
    whole = parse_expression("bc1qfund", Form.P2WPKH).difficulty

    assert whole == 32**4
    assert parse_expression("bc1qfund.*z", Form.P2WPKH).difficulty == whole / (1 - Fraction(31, 32) ** 34)
    assert parse_expression("bc1qfund.*zz$", Form.P2WPKH).difficulty == whole * 32**2
    assert parse_expression("11111[a-z]").difficulty > parse_expression("11111").difficulty


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no search for '': it has no literal beginning, such as 1, so that the address of each key would have"),
        (".*LoVE", "so that the address of each key would have to be written out"),
        (
            "[13]LoVE",
            "no search for '[13]LoVE': it has no literal beginning, such as 1, so that the address of each key",
        ),
        ("1.*LoVE", "one key in 1 has its literal beginning, 1, and each of them would have to be written out"),
        ("1Lo.*x", "one key in 1,331 has its literal beginning, 1Lo, and each of them would have to be written out"),
        (
            "bc1qfun0",
            "no search for 'bc1qfun0': addresses of the kind searched for begin with 1; like this begin those",
        ),
        ("1LoVE(a+)+$", "from '(a+)+$' on it is not understood; there may be characters, ., [a-f]"),
        ("1LoVE|1Moon", "from '|1Moon' on it is not understood"),
        ("1LoVE\\d", "on it is not understood"),
        ("1LoVE[z-a]", "a class that ends before it begins"),
        ("1LoVE{3,2}", "a repetition that ends before it begins"),
        ("1LoVE.{65}", "it is for more than 64 characters, and no address is so long"),
        ("1LoVE.*[a-z].{15}[A-Z].{5}$", "its matches are too entangled to be counted; make it simpler"),
        ("1LoVE0", "character 6 is '0'"),
        ("1LoVE$", "no address matches, or it takes more than 2^80 keys on average"),
    ],
)
def test_an_expression_that_cannot_be_searched_for_is_refused(text: str, why: str) -> None:
    with pytest.raises(PatternError) as refusal:
        parse_expression(text)

    assert why in refusal.value.text


@pytest.mark.parametrize(("text", "form"), [("0xc0ffeE.*", Form.ETHEREUM), ("bc1qfun0[A-Z]", Form.P2WPKH)])
def test_addresses_of_one_case_are_matched_in_lower_case(text: str, form: Form) -> None:
    with pytest.raises(PatternError, match="such addresses are matched in lower case; write the expression so"):
        parse_expression(text, form)


def test_no_expression_takes_long() -> None:
    """With backtracking, this would take years."""
    expression = parse_expression("1LoVE" + "a*" * 30 + "b.*b.*b$")

    assert not expression.matches(bytes(20))
