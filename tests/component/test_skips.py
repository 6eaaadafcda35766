"""The list of the reasons for which tests may be skipped, seen from a run of pytest as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.namespaces import REFUSED, needs_namespaces
from tests.support.skips import reasons

ROOT = Path(__file__).parents[2]
PLUGINS = ["-p", "xdist.plugin", "-p", "tests.support.skips"]
LISTS = [ROOT / ".ci" / "skips", ROOT / ".ci" / "skips-without-namespaces"]
TESTS = """\
import pytest

@pytest.mark.skip(reason="there is no moon")
def test_of_the_moon() -> None: ...

def test_of_the_sun() -> None:
    pytest.skip("the sun is 8 minutes away")

@pytest.mark.xfail(strict=True)
def test_that_is_expected_to_fail() -> None:
    raise AssertionError

def test_that_runs() -> None: ...
"""
NIGHT = "# The moon is new once a month.\nthere is no moon\n"
DAY = "# Light takes that long.\nthe sun is * minutes away\n"


def ended(folder: Path, tests: str, listed: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on these tests with this list of reasons."""
    (folder / "test_sky.py").write_text(tests)
    (folder / "reasons").write_text(listed)
    command = [sys.executable, "-m", "pytest", "-q", *PLUGINS, "--reasons", "reasons", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [*command, "test_sky.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_skip_whose_reason_is_not_in_the_list_fails_the_run(tmp_path: Path, processes: str) -> None:
    done = ended(tmp_path, TESTS, NIGHT, "-n", processes)

    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "test_sky.py::test_of_the_sun: the sun is 8 minutes away" in done.stdout
    assert "test_sky.py::test_of_the_moon" not in done.stdout


def test_skips_whose_reasons_are_in_the_list_pass(tmp_path: Path) -> None:
    done = ended(tmp_path, TESTS, NIGHT + DAY)

    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert "1 passed, 2 skipped, 1 xfailed" in done.stdout


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_module_that_is_skipped_as_a_whole_needs_a_reason_too(tmp_path: Path, processes: str) -> None:
    module = 'import pytest\npytest.skip("it is cloudy", allow_module_level=True)\n'

    done = ended(tmp_path, module, NIGHT, "-n", processes)

    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "test_sky.py: it is cloudy" in done.stdout


def test_a_reason_without_a_comment_is_refused() -> None:
    with pytest.raises(ValueError, match="why tests may be skipped for: second"):
        reasons("# Why the first one is good.\nfirst\n\nsecond\n")


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_each_reason_of_the_lists_has_a_comment(path: Path) -> None:
    assert reasons(path.read_text(encoding="utf-8"))


def test_only_a_run_without_user_namespaces_may_skip_what_needs_them() -> None:
    everywhere, without = (reasons(path.read_text(encoding="utf-8")) for path in LISTS)

    assert without == [REFUSED]
    assert REFUSED not in everywhere


@needs_namespaces
def test_the_filter_refuses_user_namespaces_to_all_that_runs_under_it() -> None:
    ask = "from tests.support.namespaces import HAS_NAMESPACES; print(HAS_NAMESPACES)"
    command = [sys.executable, "-m", "tests.support.without_namespaces", sys.executable, "-c", ask]

    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert asked.stdout == "False\n"
