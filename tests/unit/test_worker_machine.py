"""What a worker says of its machine, and its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.config import Folders, WorkerSettings
from worker.probe import cores, operating_system, processor
from xwhep.config import load
from xwhep.errors.installations import ConfigurationError
from xwhep.errors.machines import UnknownPlatformError
from xwhep.protocol.base import Cpu, Os


@pytest.mark.parametrize(("name", "known"), [("Linux", Os.LINUX), ("Darwin", Os.MACOS), ("Windows", Os.WINDOWS)])
def test_an_operating_system_has_the_grids_name(name: str, known: Os) -> None:
    assert operating_system(name) is known


@pytest.mark.parametrize(
    ("name", "known"),
    [("x86_64", Cpu.X86_64), ("AMD64", Cpu.X86_64), ("arm64", Cpu.ARM64), ("aarch64", Cpu.ARM64)],
)
def test_a_processor_has_the_grids_name(name: str, known: Cpu) -> None:
    assert processor(name) is known


def test_a_platform_that_the_grid_has_no_word_for_is_an_error() -> None:
    with pytest.raises(UnknownPlatformError, match="no apps for the operating system Plan9"):
        operating_system("Plan9")
    with pytest.raises(UnknownPlatformError, match="no apps for the processor of this machine"):
        processor("")


def test_this_machine_is_known() -> None:
    assert operating_system() in Os
    assert processor() in Cpu
    assert cores() >= 1


def test_settings_come_from_the_environment_unless_a_flag_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))
    monkeypatch.setenv("XWHEP_WORKER__SLOTS", "3")
    monkeypatch.setenv("XWHEP_WORKER__KINDS", '["vanity"]')

    assert load(WorkerSettings, {"slots": None}).slots == 3
    assert load(WorkerSettings, {"slots": 5}).slots == 5
    assert load(WorkerSettings, {}).kinds == {"vanity"}
    assert Folders().attempts == tmp_path / "worker" / "attempts"


@pytest.mark.parametrize("name", ["Native", "", "my lab", "lab.", ".lab", "a/b", "lab..simulation", "9.lab"])
def test_what_can_name_no_kind_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"worker\.kinds"):
        load(WorkerSettings, {"kinds": [name]})


def test_a_slot_for_each_processor_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))

    assert load(WorkerSettings, {}).slots == cores()


def test_a_setting_out_of_its_range_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))

    with pytest.raises(ConfigurationError, match=r"worker\.slots"):
        load(WorkerSettings, {"slots": 0})


@pytest.mark.parametrize(("said", "share"), [("50%", 0.5), ("100 %", 1), (" 12.5%", 0.125), ("0.25", 0.25), (1, 1)])
def test_a_share_is_a_percentage_or_a_part_of_one(said: object, share: float) -> None:
    assert load(WorkerSettings, {"share": said}).share == share


@pytest.mark.parametrize("said", ["0%", "101%", "50", "half", "-5%", "nan", "%", "1e1%", 0, 2])
def test_a_share_that_is_none_is_refused_with_its_name(said: object) -> None:
    with pytest.raises(ConfigurationError, match=r"worker\.share"):
        load(WorkerSettings, {"share": said})
