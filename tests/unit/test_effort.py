"""How long a key takes in one kind of search beside another."""

from __future__ import annotations

import pytest

from xwhep.vanity.addresses import Form
from xwhep.vanity.effort import effort
from xwhep.vanity.wanted import Wanted, want_ending, want_expression, want_patterns

FORMS = (Form.P2PKH_COMPRESSED, Form.P2SH_P2WPKH, Form.P2PKH_UNCOMPRESSED, Form.ETHEREUM)
TEXTS = ("1LoVE", "3LoVE", "0xc0ffee")


@pytest.mark.parametrize(
    "wanted",
    [
        want_patterns(["1LoVE"]),
        want_patterns(["1LoVE", "1HATE"]),
        want_patterns(["bc1qfund"], [Form.P2WPKH]),
        want_patterns(["1LoVE", "bc1qfund"], [Form.P2PKH_COMPRESSED, Form.P2WPKH]),
        want_expression("1LoVE.*[0-9]$"),
        want_ending("c0ffee", "0x", Form.ETHEREUM),
    ],
    ids=str,
)
def test_what_is_looked_for_costs_nothing_but_what_is_hashed_does(wanted: Wanted) -> None:
    alone = {Form.P2PKH_COMPRESSED: 1.0, Form.P2WPKH: 1.0, Form.ETHEREUM: 1.85}

    assert effort(wanted.target, plain=False) == pytest.approx(alone[wanted.forms[-1]])


def test_with_each_further_form_a_key_takes_longer_but_not_as_long_as_with_both_apart() -> None:
    alone = [effort(want_patterns(_texts([form]), [form]).target, plain=False) for form in FORMS]
    together = [effort(want_patterns(_texts(FORMS[:n]), FORMS[:n]).target, plain=False) for n in range(1, 5)]

    assert together == sorted(together)
    assert together[0] == alone[0] == 1
    assert together[-1] < sum(alone)


def test_the_end_of_an_address_costs_more_the_more_keys_begin_as_wanted() -> None:
    efforts = [effort(want_ending("LoV", prefix).target, plain=False) for prefix in ("", "1L", "1LoVE")]

    assert efforts == sorted(efforts, reverse=True)
    assert efforts[0] == pytest.approx(2)
    assert efforts[-1] == pytest.approx(1, abs=0.001)


def test_a_plain_key_takes_longer() -> None:
    target = want_patterns(["1LoVE"]).target

    assert effort(target, plain=True) > effort(target, plain=False)


def _texts(forms: tuple[Form, ...] | list[Form]) -> list[str]:
    """Return a text for each form's beginning."""
    begins = {Form.P2SH_P2WPKH: "3", Form.ETHEREUM: "0"}
    return [text for text in TEXTS if text[0] in {begins.get(form, "1") for form in forms}]
