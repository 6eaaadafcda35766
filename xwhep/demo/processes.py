"""The processes of the demonstration: started in order, told from each other, stopped in the end whatever happens."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from xwhep.errors.installations import DemoError
from xwhep.world import REAL

#: the module behind each command line; a process is started by it, so that no PATH is needed
PROGRAMS: Final = {
    "xwhep": "xwhep.cli",
    "xwhep-dispatcher": "dispatcher.cli",
    "xwhep-oracle": "oracle.cli",
    "xwhep-worker": "worker.cli",
}
STOP_S: Final = 20.0
LOOK_S: Final = 0.05


@dataclass(slots=True)
class Part:
    """A part of the grid that keeps running."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, pattern: str, patience_s: float) -> re.Match[str]:
        """Wait until its log has a line that matches, and return the match.

        Raises:
            DemoError: it ended, or took too long.
        """
        deadline = REAL.monotonic() + patience_s
        while True:
            text = self.log.read_text(encoding="utf-8", errors="replace")
            if found := re.search(pattern, text):
                return found
            if self.process.poll() is not None:
                raise DemoError(f"{self.name} ended with exit status {self.process.returncode}", _tail(text))
            if REAL.monotonic() > deadline:
                raise DemoError(f"{self.name} took longer than {patience_s:.0f} seconds", _tail(text))
            REAL.pause(LOOK_S)


@dataclass(slots=True)
class Stage:
    """Where the demonstration happens: a folder, a home for each part, and all processes that were started."""

    folder: Path
    parts: list[Part] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)

    def home(self, name: str) -> Path:
        """Return the XWHEP_HOME of a part."""
        return self.folder / name

    def share(self, home: str, name: str) -> None:
        """Let a folder of a part's home be one that all parts have in common, where the platform has links."""
        common = self.folder / name
        common.mkdir(exist_ok=True)
        self.home(home).mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            (self.home(home) / name).symlink_to(common, target_is_directory=True)

    def start(self, name: str, home: str, command: Sequence[str]) -> Part:
        """Start a part of the grid that keeps running; its output goes into a log."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                argv(command),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=self._environment(home),
                start_new_session=True,  # Ctrl-C is for the demonstration, which then stops its parts in order
            )
        part = Part(name, process, log)
        self.parts.append(part)
        self.pids.append(process.pid)
        return part

    def run(self, home: str, command: Sequence[str], *, stdin: str = "") -> str:
        """Run a command to its end and return what it printed.

        Raises:
            DemoError: its exit status is not 0.
        """
        process = subprocess.Popen(
            argv(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(home),
            start_new_session=True,
            text=True,
        )
        self.pids.append(process.pid)
        try:
            output, errors = process.communicate(stdin)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode != 0:
            raise DemoError(f"`{' '.join(command)}` ended with exit status {process.returncode}", _tail(errors))
        return output

    def stop(self) -> None:
        """Stop every part, the last started first, since a worker gives back to its dispatcher; twice is once."""
        while self.parts:
            process = self.parts[-1].process
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.parts.pop()

    def _environment(self, home: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("XWHEP_")}
        return {**kept, "XWHEP_HOME": str(self.home(home)), "PYTHONUNBUFFERED": "1"}


def argv(command: Sequence[str]) -> list[str]:
    """Return how one of our commands is started with this very Python."""
    program, *arguments = command
    return [sys.executable, "-m", PROGRAMS[program], *arguments]


def _tail(text: str) -> str:
    return " | ".join(text.strip().splitlines()[-3:])
