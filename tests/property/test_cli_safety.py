"""What other machines send cannot steer the terminal, and their files stay in their folder."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from xwhep.client.contents import place, plain_name
from xwhep.client.specifications import check_name
from xwhep.errors.installations import LocalFileError
from xwhep.terminal.display import WIDTH, amount, duration, facts, safe, safe_lines, size, table

texts = st.text(st.characters(exclude_categories=()), max_size=100)  # every code point, lone surrogates included
names = texts | st.lists(st.sampled_from(["..", ".", "a", "b c", "", "link", "~", "C:", "\\"]), max_size=5).map(
    "/".join
)


@given(texts)
def test_harmless_text_prints_on_one_line(text: str) -> None:
    assert safe(text).isprintable()


@given(texts)
def test_harmless_lines_have_no_control_characters(text: str) -> None:
    assert safe_lines(text).translate({9: None, 10: None}).isprintable()


@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=100))
def test_text_that_prints_is_left_alone(text: str) -> None:
    assert safe(text) == text


@given(st.lists(st.tuples(st.uuids(), st.sampled_from(["running", "completed"]), texts), max_size=5))
def test_tables_have_a_line_a_row_and_fit(rows: list[tuple[object, ...]]) -> None:
    lines = table(("UID", "STATUS", "NAME"), rows).split("\n")

    assert len(lines) == len(rows) + 1
    assert max(len(line) for line in lines) <= WIDTH


@given(st.lists(st.tuples(st.sampled_from(["name", "reason"]), texts), max_size=4))
def test_facts_have_a_line_each(pairs: list[tuple[str, object]]) -> None:
    assert len(facts(pairs).split("\n")) == max(1, len(pairs))


@given(names)
def test_no_name_leaves_its_folder(name: str) -> None:
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer) / "folder"
        folder.mkdir()
        (folder / "link").symlink_to(outer)
        with contextlib.suppress(LocalFileError, OSError):  # refused, or longer than the system allows
            target = place(folder, name, overwrite=True)

            assert target.resolve() != folder.resolve()
            assert target.resolve().is_relative_to(folder.resolve())


@given(texts)
def test_any_text_gives_a_name_that_the_grid_takes(text: str) -> None:
    name = plain_name(text, "file")

    assert check_name(name) == name


@given(st.integers(0, 2**70), st.floats(0, 1e30))
def test_numbers_are_short(whole: int, number: float) -> None:
    assert len(amount(number)) <= 9
    assert len(duration(number)) <= 14
    assert len(size(whole % 2**50)) <= 10
