"""The wheel: what is in it, and that it works once installed, away from this folder."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = ["dispatcher", "oracle", "worker", "xwhep"]
DIST_INFO = f"{PROJECT['name']}-{PROJECT['version']}.dist-info"


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command to its end and return what it printed; its complaints are the failure's text."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the locked backend without isolation, as on a machine without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with this wheel; what the wheel depends on is borrowed from ours."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(
        sys.executable, "-m", "pip", f"--python={python}", "install", "-q", "--no-deps", "--no-index", wheel, cwd=folder
    )
    purelib = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    ours = run(sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    Path(purelib, "borrowed.pth").write_text(ours + "\n", encoding="utf-8")
    return python


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    assert {name.split("/")[0] for name in names(wheel)} == {*PACKAGES, DIST_INFO}


def test_the_wheel_holds_each_module_and_says_that_it_is_typed(wheel: Path) -> None:
    modules = {path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")}

    held = set(names(wheel))

    assert modules <= held
    assert {f"{package}/py.typed" for package in PACKAGES} <= held


def test_the_wheel_holds_the_contracts_so_that_nobody_needs_a_compiler(wheel: Path) -> None:
    compiled = {path.relative_to(ROOT).as_posix() for path in (ROOT / "xwhep" / "chain" / "abi").glob("*.json")}

    assert compiled
    assert compiled <= set(names(wheel))


def test_the_wheel_holds_no_leftovers(wheel: Path) -> None:
    assert [name for name in names(wheel) if "__pycache__" in name or "test" in name.split("/")] == []


def test_the_wheel_carries_the_licence_and_the_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{DIST_INFO}/METADATA").decode().splitlines()

        assert archive.read(f"{DIST_INFO}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert "License-Expression: Apache-2.0" in metadata
    assert f"Requires-Python: {PROJECT['requires-python']}" in metadata


def test_the_wheel_names_the_commands(wheel: Path) -> None:
    entry_points = configparser.ConfigParser()

    with zipfile.ZipFile(wheel) as archive:
        entry_points.read_string(archive.read(f"{DIST_INFO}/entry_points.txt").decode())

    assert dict(entry_points["console_scripts"]) == PROJECT["scripts"]


def test_an_installed_wheel_runs_from_its_own_files(installed: Path, tmp_path: Path) -> None:
    program = f"import {', '.join(PACKAGES)}; print(*(each.__file__ for each in ({', '.join(PACKAGES)})), sep='\\n')"

    files = run(installed, "-c", program, cwd=tmp_path).splitlines()

    assert len(files) == len(PACKAGES)
    assert all(Path(file).is_relative_to(installed.parents[1]) for file in files)


def test_an_installed_wheel_knows_its_version(installed: Path, tmp_path: Path) -> None:
    program = "from importlib.metadata import version; print(version('xwhep'))"

    assert run(installed, "-c", program, cwd=tmp_path).strip() == PROJECT["version"]
