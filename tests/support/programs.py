"""The four programs, and what a fresh process of one has loaded when it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import dispatcher.cli
import oracle.cli
import worker.cli
import xwhep.cli.program
from xwhep.terminal.shell import Program

#: each program by its name, and the module that has it
PROGRAMS: Final[Mapping[str, tuple[str, Program]]] = MappingProxyType(
    {
        "xwhep": ("xwhep.cli.program", xwhep.cli.program.program),
        "xwhep-dispatcher": ("dispatcher.cli", dispatcher.cli.program),
        "xwhep-worker": ("worker.cli", worker.cli.program),
        "xwhep-oracle": ("oracle.cli", oracle.cli.program),
    }
)
OURS: Final = frozenset({"xwhep", "dispatcher", "worker", "oracle"})
ROOT: Final = Path(__file__).parents[2]

_RUN: Final = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
sys.argv = [{name!r}, *{words!r}]
from {module} import main
main()
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process of a program ended, and the modules that it had loaded."""

    status: int
    stdout: str
    stderr: str
    modules: frozenset[str]

    @property
    def libraries(self) -> frozenset[str]:
        """The top-level packages that are not ours."""
        return frozenset(module.partition(".")[0] for module in self.modules) - OURS

    @property
    def ours(self) -> list[str]:
        """Our own modules."""
        return sorted(module for module in self.modules if module.partition(".")[0] in OURS)


def fresh(name: str, *words: str, first: str = "") -> list[str]:
    """Return how a program is started that names its modules when it ends, in the last line on standard error.

    `first` is executed before.
    """
    module, _ = PROGRAMS[name]
    return [sys.executable, "-c", first + _RUN.format(name=name, words=list(words), module=module)]


def ended(status: int, stdout: str, stderr: str) -> Ended:
    """Return how such a process ended."""
    *lines, modules = stderr.splitlines()
    return Ended(status, stdout, "\n".join(lines), frozenset(json.loads(modules)))


def run_fresh(name: str, *words: str, home: Path, first: str = "", **variables: str) -> Ended:
    """Run a program to its end in a process of its own; `first` is executed before."""
    environment = {**os.environ, "XWHEP_HOME": str(home), "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(
        fresh(name, *words, first=first), env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return ended(done.returncode, done.stdout, done.stderr)
