"""A grid with the kind of docs/how-to/add-a-kind.md: its dispatcher and its worker are processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from click.testing import CliRunner, Result

import dispatcher.cli
import worker.cli
from tests.support.person import Person
from tests.support.workers import eventually
from xwhep.demo.processes import Part

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "how-to" / "add-a-kind.md").read_text(encoding="utf-8")
#: the blocks of the page that are files, by name
FILES: Final = dict(re.findall(r'^```\w+ title="([^"\n]+)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))
PATIENCE_S: Final = 120.0


@dataclass
class Lab:
    """An operator, who develops apps too, and a volunteer, each with a home, in a folder with the page's files."""

    folder: Path
    port: int
    parts: list[Part] = field(default_factory=list)

    @property
    def developer(self) -> Person:
        """The grid's administrator as a user."""
        return Person(self.home("operator"))

    def home(self, name: str) -> Path:
        return self.folder / name

    # --- commands that end

    def types(self, name: str, *words: str) -> Result:
        """Return how a command of the dispatcher or the worker ended."""
        program = {"operator": dispatcher.cli.program, "volunteer": worker.cli.program}[name]
        ended = CliRunner(env={"XWHEP_HOME": str(self.home(name))}).invoke(program, words)
        assert ended.exit_code == 0, ended.output
        return ended

    def typed(self, *words: str) -> str:
        """Return what the developer reads after a command that succeeds."""
        ended = self.developer.types(*words)
        assert ended.exit_code == 0, ended.output
        return ended.stdout

    def refusal(self, *words: str) -> tuple[int, str]:
        """Return how a command of the developer was refused."""
        ended = self.developer.types(*words)
        return ended.exit_code, ended.stderr

    def sees(self, look: Callable[[], str], wanted: str) -> str:
        """Return what can be seen as soon as it has something in it."""
        seen = ""

        async def is_there() -> bool:
            nonlocal seen
            seen = await asyncio.to_thread(look)
            return wanted in seen

        asyncio.run(eventually(is_there))
        return seen

    # --- processes

    def serve(self) -> Part:
        """Start the dispatcher as the page configures it."""
        return self.start("operator", configured("dispatcher"), "Serving on port")

    def work(self) -> Part:
        """Let the volunteer join, and start the worker as the page configures it."""
        token = self.types("operator", "token").stdout.strip()
        self.types("volunteer", "join", f"https://127.0.0.1:{self.port}", "--token", token, "--name", "bob")
        return self.start("volunteer", configured("worker"), "primes jobs can run here")

    def start(self, name: str, kinds: list[str], until: str) -> Part:
        """Start the dispatcher or the worker with these kinds, and wait until its log says something."""
        log = self.folder / f"{name}-{len(self.parts)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                _command(name, self.port), env=self._environment(name, kinds), stdout=stream, stderr=subprocess.STDOUT
            )
        self.parts.append(Part(name, process, log))
        self.parts[-1].wait_for(until, PATIENCE_S)
        return self.parts[-1]

    def refused_start(self, name: str, kinds: list[str]) -> str:
        """Return the one line with which the dispatcher or the worker refuses to start."""
        ended = subprocess.run(
            _command(name, self.port),
            env=self._environment(name, kinds),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1), ended.stderr
        return ended.stderr

    def stop(self, part: Part) -> None:
        """Stop a process in good order."""
        part.process.send_signal(signal.SIGTERM)
        assert part.process.wait(PATIENCE_S) == 0, part.log.read_text(encoding="utf-8")

    def close(self) -> None:
        """End what still runs."""
        for part in self.parts:
            part.process.kill()
            part.process.wait()

    def _environment(self, name: str, kinds: list[str]) -> dict[str, str]:
        key = "XWHEP_DISPATCHER__KINDS" if name == "operator" else "XWHEP_WORKER__KINDS"
        path = os.pathsep.join([str(ROOT), str(self.folder)])
        ours = {"XWHEP_HOME": str(self.home(name)), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        return {**os.environ, **ours, "XWHEP_WORKER__NICE": "0", key: json.dumps(kinds)}


def a_lab(folder: Path) -> Lab:
    """Return a grid that is installed, beside the page's files; nothing runs yet."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        lab = Lab(folder, free.getsockname()[1])
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    lab.types("operator", "init", "--name", "127.0.0.1", "--admin", "ann", "--port", str(lab.port))
    return lab


def configured(program: str) -> list[str]:
    """Return the kinds that the page's configuration names, without the search, which takes seconds to compile."""
    (written,) = re.findall(r"^kinds = (\[.*\])$", FILES[f"{program}/config.toml"], re.MULTILINE)
    kinds: list[str] = json.loads(written)
    return [kind for kind in kinds if kind != "vanity"]


def _command(name: str, port: int) -> list[str]:
    serve = ["dispatcher.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-P", "-m", *(serve if name == "operator" else ["worker.cli", "run", "--slots", "1"])]
