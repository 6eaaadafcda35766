"""A plugin of pytest: a run fails if a test was skipped for a reason that nobody has written down.

`--reasons FILE` names the list, and may be given several times. A line of it is a reason as pytest shows it, in which
`*` stands for what differs from machine to machine; a line that begins with `#` says why the reason is a good one, and
each reason needs such a line above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest

_PREFIX = "Skipped: "


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reasons", action="append", type=Path, help="a list of the reasons for which tests are skipped")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run from the process that has the result: with xdist not from those that run the tests."""
    lists = config.getoption("--reasons")
    if lists and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Skips([reason for path in lists for reason in reasons(path.read_text())]))


def reasons(text: str) -> list[str]:
    """Return the reasons of a list.

    Raises:
        ValueError: one of them has no comment above it.
    """
    lines = ["", *(line.strip() for line in text.splitlines())]
    for above, line in pairwise(lines):
        if line and not line.startswith("#") and not above.startswith("#"):
            raise ValueError(f"a comment has to say why tests may be skipped for: {line}")
    return [line for line in lines if line and not line.startswith("#")]


class Skips:
    """The tests that were skipped for a reason that is not in the list."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self._reasons = tuple(reasons)
        self._found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._found and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._found:
            terminalreporter.section("skipped for a reason that is in no list", red=True)
            for line in self._found:
                terminalreporter.line(line)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            why = cast("tuple[str, int, str]", report.longrepr)[2].removeprefix(_PREFIX)
            if not any(fnmatchcase(why, reason) for reason in self._reasons):
                self._found.append(f"{report.nodeid}: {why}")
