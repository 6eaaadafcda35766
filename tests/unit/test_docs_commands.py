"""Every command that the documentation shows exists, with its options: a page that lags behind is found out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from dispatcher.cli import program as dispatcher_program
from oracle.cli import program as oracle_program
from worker.cli import program as worker_program
from xwhep.cli.program import program

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS: Final[dict[str, click.Command]] = {
    "xwhep": program,
    "xwhep-dispatcher": dispatcher_program,
    "xwhep-oracle": oracle_program,
    "xwhep-worker": worker_program,
}
#: a command in a block behind a prompt, or in the text between backticks; settings may stand before it
TYPED: Final = re.compile(r"^ *\w*\$ (?:\w+=\S+ )*(xwhep.*)$|`(xwhep(?:-\w+)? [^`\n]+)`", re.MULTILINE)


def commands_of(page: Path) -> list[str]:
    """Return the commands that a page shows."""
    return [first or second for first, second in TYPED.findall(page.read_text(encoding="utf-8"))]


def faults(text: str) -> Iterator[str]:
    """Yield what a command names that does not exist."""
    name, *words = shlex.split(text.partition(" > ")[0])
    command = PROGRAMS[name]
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z]+", words[0]):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            yield f"{text}: there is no {words[0]}"
            return
        command, words = found, words[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in words[: words.index("--")] if "--" in words else words:
        option = word.partition("=")[0]
        if re.match(r"--?[a-z]", option) and option not in {*known, "--help", "--version"}:
            yield f"{text}: there is no {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_each_command_that_a_page_shows_exists(page: Path) -> None:
    assert [fault for command in commands_of(page) for fault in faults(command)] == []


def test_the_guides_are_full_of_commands() -> None:
    assert sum(len(commands_of(page)) for page in PAGES if page.parent.name == "how-to") > 20


@pytest.mark.parametrize("wrong", ["xwhep job list", "xwhep jobs submit a --inputs b", "xwhep-worker run --fast"])
def test_a_command_that_does_not_exist_is_found_out(wrong: str) -> None:
    assert list(faults(wrong))
