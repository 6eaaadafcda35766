import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.errors.identity import TokenMalformedError
from xwhep.pki.tokens import JoinToken, make_token, parse_token

halves = st.binary(min_size=32, max_size=32)
tokens = st.builds(JoinToken, halves, halves)


@given(tokens)
def test_a_token_comes_back_from_its_line(token: JoinToken) -> None:
    assert parse_token(str(token)) == token


@given(tokens)
def test_a_token_survives_capitals_and_space_around_it(token: JoinToken) -> None:
    assert parse_token(f"  {str(token).upper()}\r\n") == token


@given(tokens)
def test_a_token_is_one_line_of_letters_and_digits(token: JoinToken) -> None:
    line = str(token)

    assert line.startswith("xw1-")
    assert len(line) == 116
    assert line.removeprefix("xw1-").isalnum()


@given(st.text())
def test_other_text_is_no_token(text: str) -> None:
    with pytest.raises(TokenMalformedError):
        parse_token(text)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=112, max_size=112))
def test_a_line_of_the_right_form_is_no_token_without_its_check(digits: str) -> None:
    with pytest.raises(TokenMalformedError):
        parse_token("xw1-" + digits)


@given(tokens, st.integers(4, 115), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_wrong_letter_is_noticed(token: JoinToken, place: int, letter: str) -> None:
    line = str(token)
    wrong = line[:place] + letter + line[place + 1 :]

    if wrong == line:
        assert parse_token(wrong) == token
    else:
        with pytest.raises(TokenMalformedError):
            parse_token(wrong)


@given(tokens, st.integers(0, 115))
def test_a_part_of_a_token_is_no_token(token: JoinToken, length: int) -> None:
    with pytest.raises(TokenMalformedError):
        parse_token(str(token)[:length])


def test_the_refusal_of_a_text_does_not_repeat_it() -> None:
    line = str(make_token(bytes(32)))[:-1]

    with pytest.raises(TokenMalformedError) as caught:
        parse_token(line)

    assert line not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_the_dispatcher_stores_the_hash_of_the_secret() -> None:
    token = JoinToken(b"s" * 32, b"d" * 32)

    assert token.secret_digest == hashlib.sha256(b"s" * 32).hexdigest()


def test_a_token_hides_its_secret_where_it_might_be_logged() -> None:
    token = JoinToken(b"s" * 32, b"d" * 32)

    assert "ssss" not in repr(token)


def test_each_token_has_a_secret_of_its_own() -> None:
    assert make_token(bytes(32)).secret != make_token(bytes(32)).secret
