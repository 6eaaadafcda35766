"""A node's URL is shown without what may be secret in it, and not taken with a password as an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.chain.urls import parse_url, refuse_password, shown
from xwhep.errors.requests import InvalidFieldError

words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.~%", min_size=8, max_size=20)


@given(words, words, words, words)
def test_of_a_url_only_scheme_host_and_port_are_shown(user: str, password: str, path: str, query: str) -> None:
    url = f"https://{user}:{password}@node.example:8545/{path}?key={query}#{path}"

    assert shown(url) == "https://node.example:8545"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://[::1]/v3/k", "https://[::1]"),
        ("http://A/", "http://a"),
    ],
)
def test_a_url_is_shown(url: str, text: str) -> None:
    assert shown(parse_url(url)) == text


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8545", "ws://a", "http://", "http://:1", "http://a:99999", "http://a:x", "http://[", "http://a b",
     "http://a\n", "file:///etc/passwd", "http://" + "a" * 3000],
)  # fmt: skip
def test_what_is_no_url_of_a_node_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        parse_url(url)

    assert str(caught.value) == "rpc: the URL of a node is written as in http://127.0.0.1:8545"


@pytest.mark.parametrize("url", ["http://me:secret@a", "http://secret@a:1/"])
def test_a_password_in_an_argument_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidFieldError, match="XWHEP_CHAIN__RPC") as caught:
        refuse_password(url)

    assert "secret" not in str(caught.value)
    assert parse_url(url) == url
