"""The tutorial as its reader does it: every command of the page, in windows of their own, with real processes.

How the page is read. A block with `title="FILE"` is a file to write. In a `console` block a line `WINDOW$ COMMAND` is
typed in that window, and the lines up to the next command have to appear in this order: `...` stands for any text, or
alone for any lines; `<NAME>` for one word, which later commands and lines repeat; spaces for any spaces. `serve` and
`run` keep running in their window until `WINDOW$ (Ctrl-C)` or `WINDOW$ (ends by itself)`. A window's `export` and `cd`
hold for all that is typed there later. The page's port becomes one that is free.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.support.kernels import share_kernels
from tests.support.namespaces import HAS_NAMESPACES
from xwhep.demo.processes import PROGRAMS, Part

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "tutorial" / "first-grid.md"
PORT: Final = "4380"
PATIENCE_S: Final = 120.0

BLOCK: Final = re.compile(r'^```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
TYPED: Final = re.compile(r"^(\w+)\$ (.+)$")
LASTING: Final = re.compile(r"xwhep-dispatcher serve|xwhep-worker run")
SETTING: Final = re.compile(r"export |mkdir .*&& cd ")
BLANK: Final = r"[^\S\n]"
ENDINGS: Final = ("(Ctrl-C)", "(ends by itself)")
#: how the page says which sections a reader leaves out whose machine cannot confine programs
LEFT_OUT: Final = re.compile(r"leave\s+out\s+(.+?)\s+below", re.DOTALL)
LINK: Final = re.compile(r"\[([^]]+)\]\(#[^)]+\)")


@dataclass(slots=True)
class Step:
    """A command typed in a window, and the lines that it has to print."""

    window: str
    command: str
    expected: list[str] = field(default_factory=list)


def steps_of(text: str) -> list[Step]:
    """Return the steps of a console block."""
    steps: list[Step] = []
    for line in text.splitlines():
        if typed := TYPED.match(line):
            steps.append(Step(typed[1], typed[2]))
        else:
            steps[-1].expected.append(line)
    return steps


@dataclass(slots=True)
class Desk:
    """A reader with a clone, a home folder, and some windows."""

    home: Path
    port: str
    known: dict[str, str] = field(default_factory=dict)  #: what placeholders stand for
    settings: dict[str, list[str]] = field(default_factory=dict)  #: of each window, from its start
    running: dict[str, Part] = field(default_factory=dict)

    def follow(self, page: str) -> None:
        """Do what the page says, from top to bottom."""
        for language, title, content in BLOCK.findall(page.replace(PORT, self.port)):
            if title:
                Path(title.replace("~", str(self.home))).write_text(content, encoding="utf-8")
            elif language == "console":
                for step in steps_of(content):
                    self.take(step)

    def take(self, step: Step) -> None:
        """Do one step, and check what it prints."""
        if step.command in ENDINGS:
            self.see_the_end(step)
        elif LASTING.match(step.command):
            self.start(step)
        else:
            self.run(step)

    def run(self, step: Step) -> None:
        """Run a command to its end."""
        ended = subprocess.run(
            self.shell(step),
            env=self.environment(),
            cwd=self.home / "clone",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.returncode == 0, f"{step.command}: {ended.stdout}"
        self.check(step, ended.stdout)
        if SETTING.match(step.command):
            self.settings.setdefault(step.window, []).append(step.command)

    def start(self, step: Step) -> None:
        """Start a command that keeps running, and wait until it has printed what it has to."""
        log = self.home / f"{step.window}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                self.shell(step),
                env=self.environment(),
                cwd=self.home / "clone",
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        part = self.running[step.window] = Part(step.window, process, log)
        self.learn(part.wait_for(self.pattern_of(step), PATIENCE_S))

    def see_the_end(self, step: Step) -> None:
        """See a command end that kept running."""
        part = self.running[step.window]
        if step.command == "(Ctrl-C)":
            part.process.send_signal(signal.SIGINT)
        part.process.wait(PATIENCE_S)
        del self.running[step.window]
        self.check(step, part.log.read_text(encoding="utf-8"))

    def stop(self) -> None:
        """End what is left when a step has failed."""
        for part in self.running.values():
            part.process.kill()
            part.process.wait()

    def shell(self, step: Step) -> list[str]:
        """Return how a window's shell runs the command; `exec` lets signals reach what keeps running."""
        command = re.sub(r"<([a-z-]+)>", lambda found: self.known[found[1]], step.command)
        command = f"exec {command}" if LASTING.match(command) else command
        return ["bash", "-ec", "\n".join([*self.settings.get(step.window, []), command])]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("XWHEP_")}
        ours = {"HOME": str(self.home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return {**kept, **ours, "XWHEP_DISPATCHER__PORT": self.port}

    def check(self, step: Step, told: str) -> None:
        """Check that a text has the lines that a step shows."""
        found = re.search(self.pattern_of(step), told)
        assert found is not None, f"{step.command} printed:\n{told}"
        self.learn(found)

    def learn(self, found: re.Match[str]) -> None:
        """Remember what placeholders stand for."""
        self.known.update({name.replace("_", "-"): value for name, value in found.groupdict().items()})

    def pattern_of(self, step: Step) -> str:
        """Return the lines that a step shows, with any others between them, as a regular expression."""
        lines = [self._line(line) for line in step.expected if line != "..."]
        return "(?m)" + r"\n(?:.*\n)*?".join(lines)

    def _line(self, line: str) -> str:
        parts = re.split(r"(\.\.\.|<[a-z-]+>|\s+)", line.strip())
        return rf"^{BLANK}*" + "".join(self._part(part) for part in parts) + rf"{BLANK}*$"

    def _part(self, part: str) -> str:
        if part == "...":
            return ".*"
        if part.startswith("<") and part.endswith(">"):
            name = part[1:-1]
            return re.escape(self.known[name]) if name in self.known else rf"(?P<{name.replace('-', '_')}>\S+)"
        return f"{BLANK}+" if part.isspace() else re.escape(part)


def without_native_jobs(page: str) -> str:
    """Return what is left of the page on a machine that cannot confine programs, as the page itself says."""
    said = LEFT_OUT.search(page)
    assert said is not None
    for title in LINK.findall(said[1]):
        page, left_out = re.subn(rf"^## {re.escape(title)}\n.*?(?=^## )", "", page, flags=re.MULTILINE | re.DOTALL)
        assert left_out == 1, title
    page, told = re.subn(r"INFO native jobs can run here", "WARNING native jobs cannot run here: ...", page)
    assert told == 1
    return page


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk whose clone has the three commands, and nothing else."""
    folder = tmp_path / "clone" / ".venv" / "bin"
    folder.mkdir(parents=True)
    for program, module in PROGRAMS.items():
        script = folder / program
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    share_kernels(tmp_path / "first-grid" / "volunteer")
    reader = Desk(tmp_path, str(port))
    yield reader
    reader.stop()


@pytest.mark.timeout(300)
def test_the_tutorial_works_as_it_is_written(desk: Desk) -> None:
    page = PAGE.read_text(encoding="utf-8")

    desk.follow(page if HAS_NAMESPACES else without_native_jobs(page))

    assert desk.known["address"].startswith("1Lo")
    assert (desk.home / "first-grid" / desk.known["key-file"]).stat().st_mode & 0o777 == 0o600
    assert desk.running == {}


def test_a_reader_without_native_jobs_is_asked_for_none() -> None:
    left = without_native_jobs(PAGE.read_text(encoding="utf-8"))

    assert "xwhep vanity search" in left
    assert "xwhep jobs" not in left
    assert "wordcount" not in left[left.index("## Log in") :]
