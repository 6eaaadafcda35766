"""Bars on a terminal, and only there."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest

from xwhep.cli import progress
from xwhep.cli.progress import bar, described_bar


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
    assert any("sending a\\x1b.txt  [####------------]   25%" in line for line in lines)
    assert "100%" in lines[-1]
    assert not any(" 5%" in line for line in lines), "a bar never goes back"


def test_words_stand_beside_a_bar() -> None:
    with redirect_stderr(Terminal()) as terminal, described_bar("searching") as advance:
        advance(0.5, "2 hosts")
        advance(0.5, "3 hosts")

    assert "50%  2 hosts" in terminal.getvalue()
    assert "50%  3 hosts" in terminal.getvalue()


def test_what_ends_soon_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 3600.0)

    with redirect_stderr(Terminal()) as terminal, bar("sending", 0) as advance:
        advance(0)

    assert terminal.getvalue() == ""


def test_nothing_is_shown_where_nobody_watches() -> None:
    with redirect_stderr(io.StringIO()) as pipe, bar("sending", 10) as advance:
        advance(10)

    assert pipe.getvalue() == ""
