"""The story of the demonstration, step by step, in words for somebody who sees a grid for the first time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from xwhep.bitcoin.patterns import Pattern
from xwhep.cli.demo.processes import Part, Stage
from xwhep.cli.demo.proof import prove
from xwhep.cli.demo.texts import TEXTS
from xwhep.cli.display import amount, duration
from xwhep.errors import DemoError

VOLUNTEERS: Final = ("ada", "ben")
ADMINISTRATOR: Final = "administrator"
DEVELOPER: Final = "developer"
#: starting a process, and compiling the search on a slow machine, seconds
START_S: Final = 60.0
COMPILE_S: Final = 300.0

APP_TOML: Final = """\
name = "wordcount"
version = "1"
kind = "native"

[[targets]]
os = "linux"
cpu = "any"
file = "wordcount.sh"
entry = "wordcount.sh"
"""

#: what a worker's log says of the search once it is compiled, and of native programs where they cannot be contained
READY: Final = r"vanity jobs (can run here|cannot run here: .*)"
CANNOT_CONTAIN: Final = r"native jobs cannot run here: (.*)"

Say = Callable[[str], None]


class Story:
    """One telling: what is said goes to `say`, what happens happens on the stage."""

    def __init__(self, stage: Stage, pattern: Pattern, say: Say) -> None:
        self._stage = stage
        self._pattern = pattern
        self._say = say
        self._step = 0
        self._url = ""
        self._workers: list[Part] = []

    def tell(self) -> dict[str, Any]:
        """Play it all and return what the last line says."""
        started = time.monotonic()
        self._dispatcher()
        self._volunteers()
        self._developer()
        self._wordcount()
        found = self._search()
        verified = self._proof(found)
        return {
            "address": found["address"],
            "pattern": self._pattern.text,
            "verified": verified,
            "keys_tried": found["keys_tried"],
            "seconds": round(time.monotonic() - started, 1),
            "pids": self._stage.pids,
        }

    # --- the grid

    def _dispatcher(self) -> None:
        self._head("The dispatcher starts: it holds apps, data and jobs, and it is the only one whom all trust.")
        self._run(ADMINISTRATOR, ["xwhep-dispatcher", "init", "--name", "127.0.0.1", "--admin", ADMINISTRATOR])
        serve = ["xwhep-dispatcher", "serve", "--host", "127.0.0.1", "--port", "0"]
        part = self._start("dispatcher", ADMINISTRATOR, serve)
        port = part.wait_for(r"Serving on port (\d+)", START_S)[1]
        self._url = f"https://127.0.0.1:{port}"
        self._note(f"it listens at {self._url}, with certificates of its own authority (process {part.process.pid})")

    def _volunteers(self) -> None:
        self._head("Two volunteers join, each with a join token, and get certificates; their keys never leave them.")
        token = self._token("host", uses=len(VOLUNTEERS))
        for name in VOLUNTEERS:
            self._join(name, ["xwhep-worker", "join", self._url, "--token", "-", "--name", name], token)
        for name in VOLUNTEERS:
            self._stage.share(name, "cache")  # they are one machine in truth, so the search is compiled once
            self._workers.append(self._start(name, name, ["xwhep-worker", "run", "--slots", "1"]))
            if name == VOLUNTEERS[0]:
                self._note("the search is compiled for this very processor; that takes some seconds, once")
                self._await_readiness(self._workers[0])
        for worker in self._workers:
            self._await_readiness(worker)
            self._note(f"{worker.name} works (process {worker.process.pid})")

    def _await_readiness(self, worker: Part) -> None:
        state = worker.wait_for(READY, COMPILE_S)[1]
        if not state.startswith("can "):
            raise DemoError(f"{worker.name} cannot search", state)

    def _developer(self) -> None:
        self._head("A developer joins as a user.")
        token = self._token("user")
        self._join(DEVELOPER, ["xwhep", "login", self._url, "--token", "-", "--name", DEVELOPER], token)

    def _token(self, kind: str, uses: int = 1) -> str:
        command = ["xwhep-dispatcher", "token", "--kind", kind, "--uses", str(uses)]
        return self._run(ADMINISTRATOR, command)

    def _join(self, home: str, command: list[str], token: str) -> None:
        self._shown(command)
        self._stage.run(home, command, stdin=token)

    # --- a program of the developer's own

    def _wordcount(self) -> None:
        refused = self._native_refused()
        if refused is not None:
            self._head("Programs of developers are not run here, since this machine cannot contain them:")
            self._note(refused)
            return
        self._head("The developer registers a program, wordcount, and has it run on three texts by the volunteers:")
        self._note("each run is confined by bubblewrap, without network and without a view of the volunteer's files")
        folder = self._stage.folder / "wordcount"
        folder.mkdir()
        (folder / "app.toml").write_text(APP_TOML, encoding="utf-8")
        script = resources.files("xwhep.cli.demo").joinpath("wordcount.sh").read_bytes()
        (folder / "wordcount.sh").write_bytes(script)
        self._run(DEVELOPER, ["xwhep", "apps", "register", str(folder / "app.toml")])
        uids = {name: self._submit(folder, name, text) for name, text in TEXTS.items()}
        self._run(DEVELOPER, ["xwhep", "jobs", "wait", *uids.values()])
        for name, uid in uids.items():
            printed = self._stage.run(DEVELOPER, ["xwhep", "jobs", "output", uid])
            self._note(f"{name}: {printed.strip()}")

    def _submit(self, folder: Path, name: str, text: str) -> str:
        (folder / name).write_text(text, encoding="utf-8")
        command = ["xwhep", "jobs", "submit", "wordcount", "--stdin", str(folder / name), "--json"]
        job: Mapping[str, Any] = json.loads(self._run(DEVELOPER, command))
        return str(job["uid"])

    def _native_refused(self) -> str | None:
        """Return why the volunteers run no native programs; None if they do."""
        log = self._workers[0].log.read_text(encoding="utf-8", errors="replace")
        found = re.search(CANNOT_CONTAIN, log)
        return None if found is None else found[1]

    # --- the search

    def _search(self) -> dict[str, Any]:
        pattern = self._pattern
        self._head(f"You ask for a Bitcoin address that begins with {pattern.text}; both volunteers search.")
        self._note("your key is split: the grid gets a public key and finds the rest; only you can combine the two")
        self._note(self._expectation())
        command = ["xwhep", "vanity", "search", pattern.text, "--key-file", str(self._stage.folder / "part.key")]
        found: dict[str, Any] = json.loads(self._run(DEVELOPER, [*command, "--json"]))
        self._note(f"found after {found['keys_tried']:,} keys: {found['address']}")
        self._note(f"its private key is in {found['key_file']}, which only you can read")
        return found

    def _expectation(self) -> str:
        """Return how long the search should take, from the rates that the workers have measured."""
        states = [json.loads(self._stage.run(name, ["xwhep-worker", "status", "--json"])) for name in VOLUNTEERS]
        keys_per_s = sum(state["keys_per_s"] * state["slots"] for state in states)
        difficulty = float(self._pattern.difficulty)
        return (
            f"one key in {amount(difficulty)} fits; the volunteers try {amount(keys_per_s)} keys a second together,"
            f" so expect {duration(difficulty / keys_per_s)} on average, by luck more or less"
        )

    def _proof(self, found: Mapping[str, Any]) -> bool:
        self._head(
            "Proof: OpenSSL derives the public key from the combined private key, and another Base58 its address."
        )
        derived = prove(Path(found["key_file"]))
        self._note(f"{derived}: {'the same' if derived == found['address'] else 'NOT the same'}")
        return derived == str(found["address"]) and derived.startswith(self._pattern.text)

    # --- saying

    def _start(self, name: str, home: str, command: Sequence[str]) -> Part:
        self._shown(command)
        return self._stage.start(name, home, command)

    def _run(self, home: str, command: Sequence[str]) -> str:
        self._shown(command)
        return self._stage.run(home, command).strip()

    def _head(self, text: str) -> None:
        self._step += 1
        self._say(f"\n{self._step}. {text}")

    def _shown(self, command: Sequence[str]) -> None:
        self._say("   $ " + " ".join(str(part).replace(str(self._stage.folder), "DEMO") for part in command))

    def _note(self, text: str) -> None:
        self._say(f"   {text}")
