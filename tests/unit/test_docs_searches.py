"""What the guide to searches shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from xwhep.cli.program import program

PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "what-to-search-for.md"
BLOCKS: Final = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
#: commands with what stands below them
SHOWN: Final = re.findall(r"^\$ xwhep (.+)\n((?:[^$].*\n)*)", "".join(BLOCKS), re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), SHOWN, ids=[command for command, _ in SHOWN])
def test_a_search_is_as_hard_as_the_guide_says(
    command: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("1Lo  # mine\nbc1qfun\n")

    result = CliRunner().invoke(program, shlex.split(command))

    assert result.exit_code == 0, result.output
    assert result.stdout == printed or not printed


def test_the_guide_shows_each_kind_of_search() -> None:
    commands = " ".join(command for command, _ in SHOWN)

    assert len(SHOWN) > 8
    assert all(
        word in commands for word in ("--suffix", "--regex", "--ignore-case", "--patterns", "0x", "bc1q", "p2wpkh")
    )


TABLE: Final = re.findall(r"^\| `(\w+)` \|.*?([\d.,]+)( \w+)? \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
WORDS: Final = {"": 1, " million": 1e6, " billion": 1e9}


@pytest.mark.parametrize(("pattern", "number", "word"), TABLE)
def test_the_tables_of_the_guide_are_right(pattern: str, number: str, word: str) -> None:
    result = CliRunner().invoke(program, ["vanity", "difficulty", pattern])

    found = re.search(r"^difficulty +([\d,]+) keys", result.stdout, re.MULTILINE)
    assert found is not None
    told = float(number.replace(",", "")) * WORDS[word]
    assert told == pytest.approx(float(found[1].replace(",", "")), rel=0.03)
