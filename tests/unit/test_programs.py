"""The programs are light: what is not typed is not loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import PROGRAMS, run_fresh
from xwhep.terminal.shell import Lazy

#: none of these is loaded to show a help
HEAVY = {
    *("aiohttp", "asyncio", "cachetools", "coincurve", "Crypto", "cryptography", "eth_account", "llvmlite", "numba"),
    *("numpy", "psutil", "pydantic", "pydantic_settings", "sqlalchemy", "sqlmodel", "web3"),
}
#: none of these is loaded by a general command of `xwhep`
NOT_FOR_CLIENTS = {
    *("cachetools", "Crypto", "eth_account", "llvmlite", "numba", "numpy", "psutil", "pydantic_settings", "sqlalchemy"),
    *("sqlmodel", "web3"),
}
LAZY = [(name, word, lazy) for name, (_, program) in PROGRAMS.items() for word, lazy in program.lazy.items()]


@pytest.mark.parametrize("option", ["--help", "--version", "nonsense"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_alone_loads_no_command(name: str, option: str, tmp_path: Path) -> None:
    ended = run_fresh(name, option, home=tmp_path)

    assert name in ended.stdout + ended.stderr
    assert not ended.libraries & HEAVY
    assert len(ended.ours) <= 12, ended.ours


@pytest.mark.parametrize("name", PROGRAMS)
def test_completion_loads_no_command(name: str, tmp_path: Path) -> None:
    variable = f"_{name.replace('-', '_')}_COMPLETE".upper()
    typed = {variable: "bash_complete", "COMP_WORDS": f"{name} ", "COMP_CWORD": "1"}

    ended = run_fresh(name, home=tmp_path, **typed)

    assert ended.stdout.split() == [f"plain,{word}" for word in sorted(PROGRAMS[name][1].lazy)]
    assert not ended.libraries & HEAVY


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("xwhep ho", "plain,hosts"), ("xwhep hosts li", "plain,list"), ("xwhep hosts list --js", "plain,--json")],
)
def test_words_are_completed_inside_a_lazy_group(typed: str, offered: str, tmp_path: Path) -> None:
    position = str(len(typed.split()) - 1)

    ended = run_fresh("xwhep", home=tmp_path, _XWHEP_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=position)

    assert ended.stdout.splitlines() == [offered]


@pytest.mark.parametrize(("name", "word", "lazy"), LAZY, ids=[f"{name} {word}" for name, word, _ in LAZY])
def test_a_summary_is_the_first_sentence_of_the_help(name: str, word: str, lazy: Lazy) -> None:
    command = lazy.load()

    first = (command.help or "").split("\n\n")[0].replace("\n", " ")
    assert first.startswith(lazy.summary)
    assert first[len(lazy.summary) :][:1] in {"", " "}, "the sentence goes on"
    assert command.get_short_help_str(500) in {lazy.summary.removesuffix("."), lazy.summary}


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (("hosts", "list"), 46),
        (("users", "list"), 46),
        (("jobs", "list"), 48),
        (("apps", "list"), 49),
        (("batches", "list"), 52),
    ],
)
def test_a_general_command_loads_what_a_client_needs(words: tuple[str, ...], most: int, tmp_path: Path) -> None:
    ended = run_fresh("xwhep", *words, home=tmp_path)

    assert "(not-joined)" in ended.stderr
    assert not ended.libraries & NOT_FOR_CLIENTS
    assert not [module for module in ended.ours if "vanity" in module]
    assert len(ended.ours) <= most, ended.ours


@pytest.mark.parametrize("words", [("status",), ("join", "https://127.0.0.1:1", "--token", "nonsense")])
def test_the_worker_steered_by_hand_loads_no_kernel(words: tuple[str, ...], tmp_path: Path) -> None:
    ended = run_fresh("xwhep-worker", *words, home=tmp_path)

    assert ended.status != 0
    assert not ended.libraries & {"llvmlite", "numba", "numpy", "sqlalchemy", "web3"}


@pytest.mark.parametrize(
    ("name", "word", "library"),
    [
        ("xwhep-dispatcher", "serve", "sqlalchemy"),
        ("xwhep-worker", "run", "psutil"),
        ("xwhep-oracle", "status", "sqlmodel"),
    ],
)
def test_a_missing_library_is_one_sentence(name: str, word: str, library: str, tmp_path: Path) -> None:
    without = f"""
import sys
class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name == {library!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nowhere())
"""
    ended = run_fresh(name, word, home=tmp_path, first=without)

    assert ended.status == 1
    extra = name.removeprefix("xwhep-")
    assert ended.stderr == (
        f"{name}: this command needs {library}, which is not installed; run `pip install 'xwhep[{extra}]'`"
        " (missing-extra)"
    )
