"""The catalogue of errors as a whole: codes are unique, statuses are errors, texts are one sentence."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.support.catalogue import CATALOGUE
from xwhep.errors.base import CODES, RemoteError, XwhepError, from_problem

#: a value for each type that a text formats, by the annotation as written; a name serves for all others
EXAMPLES: dict[str, Any] = {"int": 3, "float": 1.5, "UUID": UUID(int=7), "datetime": datetime(2026, 1, 1, tzinfo=UTC)}
A_NAME = "wordcount"

own_codes = [error for error in CATALOGUE if "code" in vars(error)]


def make(error: type[XwhepError]) -> XwhepError:
    """Build an error from example values for what its constructor demands."""
    parameters = inspect.signature(error).parameters.values()
    demanded = [each for each in parameters if each.default is inspect.Parameter.empty]
    return error(**{each.name: EXAMPLES.get(each.annotation, A_NAME) for each in demanded})


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in own_codes]

    assert sorted(codes) == sorted(set(codes))
    with pytest.raises(AssertionError, match="two errors have the code not-found"):
        type("TwinError", (XwhepError,), {"code": "not-found"})


def test_the_registry_knows_every_code() -> None:
    assert {error.code: error for error in own_codes[1:]}.items() <= CODES.items()


@pytest.mark.parametrize("error", own_codes, ids=lambda error: error.code)
def test_a_code_is_a_word_and_a_status_is_an_errors(error: type[XwhepError]) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", error.code)
    assert 400 <= error.http_status <= 599
    assert error.exit_status in {1, 2}
    assert error.__name__.endswith("Error")


@pytest.mark.parametrize("error", CATALOGUE, ids=lambda error: error.__name__)
def test_a_text_is_one_sentence_without_a_final_dot(error: type[XwhepError]) -> None:
    text = str(make(error))

    assert text
    assert text == text.strip()
    assert not text.endswith(".")
    assert not re.match(r"[A-Z][a-z]", text), "an abbreviation may open it, a capitalised word may not"


@pytest.mark.parametrize("error", own_codes[1:], ids=lambda error: error.code)  # without the root, which nobody raises
def test_an_error_comes_back_from_the_wire_as_the_same_class(error: type[XwhepError]) -> None:
    back = from_problem(error.code, "the text", error.http_status, "some.field")

    assert type(back) is error
    assert (back.text, back.field) == ("the text", "some.field")


def test_a_code_that_this_version_does_not_know_comes_back_with_its_name() -> None:
    back = from_problem("from-the-future", "the text", 499, None)

    assert isinstance(back, RemoteError)
    assert (back.remote_code, back.remote_status, str(back)) == ("from-the-future", 499, "the text")
