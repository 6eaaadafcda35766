"""Where settings come from, which source wins, and what a wrong key or file gets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from xwhep.config import Settings, load
from xwhep.errors.installations import ConfigurationError
from xwhep.folders import config_file, home


class WorkerLike(Settings):
    section: ClassVar[str] = "worker"

    slots: Annotated[int, Field(ge=1, le=64)] = 4
    share: float = 0.5
    kinds: frozenset[str] = frozenset({"native"})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home; no variable of the machine's own speaks in these tests."""
    for name in list(os.environ):
        if name.upper().startswith("XWHEP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "config.toml").write_text(text, encoding="utf-8")


def refused(flags: dict[str, object] | None = None) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(WorkerLike, flags or {})
    assert caught.value.exit_status == 2
    assert str(config_file()) in str(caught.value)
    return caught.value


def test_without_any_source_the_defaults_hold() -> None:
    assert load(WorkerLike, {}) == WorkerLike(slots=4, share=0.5)


SOURCES = st.fixed_dictionaries({}, optional={source: st.integers(1, 64) for source in ("flag", "environment", "file")})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(sources=SOURCES)
def test_a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default(
    sources: dict[str, int], folder: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        write(folder, f"[worker]\nslots = {sources['file']}\n" if "file" in sources else "")
        if "environment" in sources:
            patch.setenv("XWHEP_WORKER__SLOTS", str(sources["environment"]))
        found = load(WorkerLike, {"slots": sources.get("flag")})

    expected = [sources[name] for name in ("flag", "environment", "file") if name in sources]
    assert found.slots == [*expected, 4][0]


def test_sources_complete_each_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "[worker]\nshare = 0.25\n[dispatcher]\nport = 1\n")
    monkeypatch.setenv("XWHEP_WORKER__KINDS", '["vanity", "native"]')

    found = load(WorkerLike, {"slots": 2, "share": None})

    assert found == WorkerLike(slots=2, share=0.25, kinds=frozenset({"vanity", "native"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[worker]\nslot = 1\n",
            "configuration key worker.slot: there is no such key in [worker], but slots, share, kinds;",
        ),
        ("[worker]\nslots = 0\n", "configuration key worker.slots: input should be greater than or equal to 1;"),
        ("[worker]\nslots = 'two'\n", "configuration key worker.slots: input should be a valid integer"),
        ("[worker]\nshare = nan\n", "configuration key worker.share: input should be a finite number;"),
        (
            "[wroker]\nslots = 1\n",
            "configuration key wroker: there is no such section, but chain, dispatcher, oracle, worker;",
        ),
        ("slots = 1\n", "configuration key slots: there is no such section, but chain, dispatcher, oracle, worker;"),
        ("worker = 1\n", "configuration key worker: a section is expected here;"),
        ("[worker\n", "configuration key worker: the file is not TOML ("),
    ],
)
def test_what_is_wrong_in_the_file_is_named(text: str, message: str, folder: Path) -> None:
    write(folder, text)

    assert str(refused()).startswith(message)


def test_a_file_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "config.toml").write_bytes(b"\xff\xfe[worker]")

    assert "the file is not TOML" in str(refused())


def test_a_file_that_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / "config.toml").mkdir()

    assert "the file cannot be read (" in str(refused())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "XWHEP_WORKER__SLOT",
            "1",
            "configuration key XWHEP_WORKER__SLOT: there is no such key in [worker], but slots",
        ),
        ("xwhep_worker__slots__x", "1", "configuration key XWHEP_WORKER__SLOTS__X: there is no such key in [worker]"),
        (
            "XWHEP_WROKER__SLOTS",
            "1",
            "configuration key XWHEP_WROKER__SLOTS: there is no such section, but chain, dispatcher",
        ),
        ("XWHEP_WORKER__SLOTS", "65", "configuration key worker.slots: input should be less than or equal to 64;"),
        ("XWHEP_WORKER__SLOTS", "", "configuration key worker.slots: input should be a valid integer"),
        ("XWHEP_WORKER__KINDS", "vanity", 'configuration key worker: error parsing value for field "kinds"'),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    assert str(refused()).startswith(message)


def test_the_variables_of_other_programs_and_other_people_are_let_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XWHEP_DISPATCHER__PORT", "XWHEP_ORACLE__ANYTHING", "XWHEP_EDITOR", "OTHER__SLOT"):
        monkeypatch.setenv(name, "1")

    assert load(WorkerLike, {}).slots == 4


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"slots": 0}, "configuration key worker.slots: input should be greater than or equal to 1;"),
        ({"sluts": 1}, "configuration key worker.sluts: there is no such key in [worker]"),
    ],
)
def test_what_is_wrong_in_a_flag_is_named(flags: dict[str, object], message: str) -> None:
    assert str(refused(flags)).startswith(message)


def test_an_error_does_not_repeat_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XWHEP_WORKER__SLOTS", "hunter2")

    assert "hunter2" not in str(refused())


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(WorkerLike, {}).slots = 9  # type: ignore[misc] # what the test is about


def test_one_variable_moves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XWHEP_HOME", "elsewhere")

    assert home() == tmp_path / "elsewhere"
    assert config_file() == tmp_path / "elsewhere" / "config.toml"


@pytest.mark.parametrize("value", [None, ""])
def test_without_it_the_platforms_own_folders_are_used(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XWHEP_HOME")
    if value is not None:
        monkeypatch.setenv("XWHEP_HOME", value)

    assert home().is_absolute()
    assert config_file().is_absolute()
    assert "xwhep" in home().parts
    assert "xwhep" in config_file().parts


def test_a_program_without_a_section_of_its_own_cannot_be_written() -> None:
    with pytest.raises(AssertionError, match="wroker is no section"):

        class Misspelt(Settings):
            section: ClassVar[str] = "wroker"
