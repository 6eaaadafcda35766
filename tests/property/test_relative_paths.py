"""Whatever passes for a relative path stays in its folder, by the rules of each platform."""

from __future__ import annotations

import ntpath
import posixpath
from pathlib import PureWindowsPath

from hypothesis import assume, given
from hypothesis import strategies as st

from xwhep.protocol.base import check_relative_path

_NASTY = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "\\",
        "C:",
        "con",
        "AUX",
        "com1",
        "nul.txt",
        "CONOUT$",
        " ",
        "a",
        "b.c",
        "~",
        "\x00",
        "\n",
        "?",
        "\u202e",
        "é",
    ]
)
_TEXTS = st.lists(_NASTY | st.text(max_size=3), max_size=6).map("".join) | st.text(max_size=300)


def accepted(text: str) -> bool:
    try:
        return check_relative_path(text) == text
    except ValueError:
        return False


@given(text=_TEXTS)
def test_a_relative_path_stays_in_its_folder_on_posix(text: str) -> None:
    assume(accepted(text))

    assert posixpath.normpath(posixpath.join("/box", text)) == f"/box/{text}"


@given(text=_TEXTS)
def test_a_relative_path_stays_in_its_folder_on_windows(text: str) -> None:
    assume(accepted(text))
    path = PureWindowsPath("C:\\box") / text

    assert ntpath.normpath(path) == str(path) == "C:\\box\\" + text.replace("/", "\\")
    assert path.relative_to("C:\\box").as_posix() == text


@given(text=_TEXTS)
def test_no_part_of_a_relative_path_is_something_else_on_windows(text: str) -> None:
    assume(accepted(text))

    assert not any(_is_reserved(part) for part in text.split("/"))
    assert not any(part.rstrip(". ") != part for part in text.split("/"))


def _is_reserved(part: str) -> bool:
    if hasattr(ntpath, "isreserved"):  # since Python 3.13
        return bool(ntpath.isreserved(part))
    return PureWindowsPath(part).is_reserved()


@given(text=_TEXTS)
def test_a_relative_path_fits_every_file_system(text: str) -> None:
    assume(accepted(text))

    assert all(0 < len(part.encode()) <= 255 for part in text.split("/"))
    assert not any(ord(char) < 32 or char in '\\:*?"<>|\x7f' for char in text)
