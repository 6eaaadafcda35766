"""Bars on a terminal, and only there."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr

import pytest

from xwhep.cli.vanity.searches import search_words
from xwhep.terminal import progress
from xwhep.terminal.display import WIDTH
from xwhep.terminal.progress import bar, described_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)


def test_a_bar_tells_how_much_is_done() -> None:
    with redirect_stderr(Terminal()) as terminal, bar("sending a\x1b.txt", 200) as advance:
        advance(50)
        advance(10)
        advance(200)

    lines = terminal.getvalue().split("\r")
    assert any("sending a\\x1b.txt  [##------]   25%" in line for line in lines)
    assert "100%" in lines[-1]
    assert not any(" 5%" in line for line in lines), "a bar never goes back"


def test_words_stand_beside_a_bar() -> None:
    with redirect_stderr(Terminal()) as terminal, described_bar("searching") as advance:
        advance(0.5, "2 hosts")
        advance(0.5, "3 hosts")

    assert "50%  2 hosts" in terminal.getvalue()
    assert "50%  3 hosts" in terminal.getvalue()


@pytest.mark.parametrize(
    ("difficulty", "keys_tried", "keys_per_s"), [(2.0**80, 999_000_000, 70_900_000.0), (1e15, 10**15, 99_900_000.0)]
)
def test_a_search_fits_on_a_line_of_eighty_columns(difficulty: float, keys_tried: int, keys_per_s: float) -> None:
    with redirect_stderr(Terminal()) as terminal, described_bar("searching") as advance:
        advance(0.5, search_words(difficulty, keys_tried, keys_per_s))
        advance(1.0, search_words(difficulty, keys_tried, 0.0))

    lines = [re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", line).rstrip() for line in re.split("[\r\n]", terminal.getvalue())]
    assert any("left" in line for line in lines)
    assert max(map(len, lines)) <= WIDTH


def test_what_ends_soon_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 3600.0)

    with redirect_stderr(Terminal()) as terminal, bar("sending", 0) as advance:
        advance(0)

    assert terminal.getvalue() == ""


def test_nothing_is_shown_where_nobody_watches() -> None:
    with redirect_stderr(io.StringIO()) as pipe, bar("sending", 10) as advance:
        advance(10)

    assert pipe.getvalue() == ""
