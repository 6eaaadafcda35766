"""Targets that cannot be: what comes from outside is refused with the field and a sentence."""

from __future__ import annotations

import pytest

from tests.support.targets import EVERYTHING
from xwhep.errors.requests import InvalidFieldError
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.endings import Ending
from xwhep.vanity.errors import PatternError
from xwhep.vanity.ranges import Ranges
from xwhep.vanity.targets import Sieve, Target

P2PKH, NESTED = Form.P2PKH_COMPRESSED, Form.P2SH_P2WPKH
ENDING = Ending(P2PKH, Network.MAIN, 3, ((5, 9),))
SIEVE = Sieve("1LoV.*[0-9]$", P2PKH, Network.MAIN)


@pytest.mark.parametrize(
    "forms",
    [(), (P2PKH, P2PKH), (NESTED, P2PKH), (Form.P2WPKH,), (P2PKH, Form.P2WPKH)],
    ids=["none", "twice", "out of order", "hashed as another", "one hash twice"],
)
def test_forms_are_of_different_hashes_in_their_order(forms: tuple[Form, ...]) -> None:
    with pytest.raises(InvalidFieldError, match="forms: these are not forms of addresses with different hashes"):
        Target(tuple((form, EVERYTHING) for form in forms))


@pytest.mark.parametrize("ranges", [(), ((5, 4),), ((5, 6), (1, 2)), ((1, 2), (2, 3)), ((-1, 4),), ((0, 2**160),)])
def test_ranges_that_are_none_are_refused(ranges: Ranges) -> None:
    with pytest.raises(InvalidFieldError, match="ranges: these are not ascending ranges"):
        Target(((P2PKH, ranges),))


@pytest.mark.parametrize(("ending", "sieve"), [(ENDING, SIEVE), (ENDING, None), (None, SIEVE)])
@pytest.mark.parametrize("forms", [(P2PKH, NESTED), (NESTED,), (P2PKH,)])
def test_an_ending_or_a_sieve_goes_with_its_one_form(
    forms: tuple[Form, ...], ending: Ending | None, sieve: Sieve | None
) -> None:
    ranges = tuple((form, EVERYTHING) for form in forms)
    if forms == (P2PKH,) and None in {ending, sieve}:
        assert Target(ranges, ending, sieve).forms == forms
        return

    with pytest.raises(InvalidFieldError, match="forms: an ending, or an expression, goes with its one form alone"):
        Target(ranges, ending, sieve)


@pytest.mark.parametrize(
    ("characters", "ranges"),
    [(0, ((0, 0),)), (21, ((0, 0),)), (3, ()), (3, ((9, 5),)), (3, ((0, 58**3),))],
)
def test_an_ending_that_cannot_be_is_refused(characters: int, ranges: Ranges) -> None:
    with pytest.raises(InvalidFieldError, match="ending: these are not ascending ranges of endings"):
        Target(((P2PKH, EVERYTHING),), Ending(P2PKH, Network.MAIN, characters, ranges))


@pytest.mark.parametrize("zeros", [0, -1, 161])
def test_a_sieve_of_no_bits_or_too_many_is_refused(zeros: int) -> None:
    with pytest.raises(InvalidFieldError, match=f"zeros: {zeros} is not in 1 .. 160"):
        Target(((P2PKH, EVERYTHING),), sieve=Sieve(SIEVE.expression, P2PKH, Network.MAIN, zeros))


def test_a_sieve_of_an_expression_that_cannot_be_is_refused() -> None:
    with pytest.raises(PatternError, match="it has no literal beginning"):
        Target(((P2PKH, EVERYTHING),), sieve=Sieve(".*", P2PKH, Network.MAIN))
