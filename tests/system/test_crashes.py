"""Parts of the grid killed in the middle of a search, as processes: the search goes on to its right end."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.kernels import share_kernels
from xwhep.demo.processes import Part, Stage

#: easy for a test, 2e7 keys on average; and a share of a processor with which they last until somebody is killed
PATTERNS = tuple(f"1LoVE{letter}" for letter in "abcdefghmnpq")
SHARE = "20%"
PATIENCE_S = 200.0


class GridOfProcesses:
    """A dispatcher at a fixed port, a user, and workers to come."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage(folder)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.stage.run("dispatcher", ["xwhep-dispatcher", "init", "--name", "127.0.0.1"])
        self.dispatcher = self.serve()
        self.join("user", ["xwhep", "login", self.url, "--token", "-", "--name", "alice"], "user")

    def serve(self) -> Part:
        command = ["xwhep-dispatcher", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        part = self.stage.start("dispatcher", "dispatcher", command)
        self.stage.parts.insert(0, self.stage.parts.pop())  # stopped last: workers give back to it
        part.wait_for("Serving on port", PATIENCE_S)
        return part

    def join(self, home: str, command: list[str], kind: str) -> None:
        token = self.stage.run("dispatcher", ["xwhep-dispatcher", "token", "--kind", kind])
        self.stage.run(home, command, stdin=token)

    def worker(self, name: str, *options: str) -> Part:
        if not self.stage.home(name).exists():
            share_kernels(self.stage.home(name))
            self.join(name, ["xwhep-worker", "join", self.url, "--token", "-", "--name", name], "host")
        return self.stage.start(name, name, ["xwhep-worker", "run", "--slots", "1", *options])

    def search(self) -> str:
        file = self.stage.folder / "patterns.txt"
        file.write_text("\n".join(PATTERNS), encoding="utf-8")
        command = ["xwhep", "vanity", "search", "--patterns", str(file), "--no-wait", "--json"]
        return str(json.loads(self.stage.run("user", command))["uid"])

    def batch(self, uid: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.stage.run("user", ["xwhep", "batches", "show", uid, "--json"]))
        return shown

    def search_under_way(self) -> str:
        """Return a search that somebody is at; one that luck ended before it was seen is followed by another."""
        deadline = time.monotonic() + PATIENCE_S
        uid = self.search()
        while (search := self.batch(uid)["details"])["hosts"] == 0:
            assert time.monotonic() < deadline, "nobody took the search"
            if search["result"] is not None:
                uid = self.search()
        return uid

    def wait_for_the_end(self, uid: str) -> str:
        self.stage.run("user", ["xwhep", "batches", "wait", uid])
        ended = self.batch(uid)
        assert ended["status"] == "completed"
        return str(ended["details"]["result"]["address"])

    def verify(self, uid: str) -> bool:
        shown = json.loads(self.stage.run("user", ["xwhep", "vanity", "combine", uid, "--json"]))
        return bool(shown["address"].startswith(PATTERNS))


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[GridOfProcesses]:
    grid = GridOfProcesses(tmp_path)
    yield grid
    grid.stage.stop()


@pytest.mark.timeout(600)
def test_a_dispatcher_killed_in_the_middle_of_a_search_goes_on_with_it(grid: GridOfProcesses) -> None:
    grid.worker("ada", "--share", SHARE)
    uid = grid.search_under_way()

    grid.dispatcher.process.kill()
    grid.dispatcher.process.wait()
    grid.serve()

    assert grid.wait_for_the_end(uid).startswith(PATTERNS)
    assert grid.verify(uid)


def kill_a_worker_in_the_middle(grid: GridOfProcesses) -> tuple[str, list[psutil.Process]]:
    """Kill a worker in the middle of a search; return the search, and which of the worker's processes outlived it.

    A search that ended by luck before the worker did is followed by another.
    """
    while True:
        ada = grid.worker("ada", "--share", SHARE)
        uid = grid.search_under_way()
        searchers = psutil.Process(ada.process.pid).children(recursive=True)
        ada.process.kill()
        ada.process.wait()
        if searchers and grid.batch(uid)["status"] == "running":
            return uid, psutil.wait_procs(searchers, timeout=30)[1]


@pytest.mark.timeout(600)
def test_a_worker_killed_in_the_middle_of_a_search_is_replaced_and_leaves_nothing(grid: GridOfProcesses) -> None:
    uid, alive = kill_a_worker_in_the_middle(grid)

    assert alive == []
    grid.worker("ben")
    assert grid.wait_for_the_end(uid).startswith(PATTERNS)
    assert grid.verify(uid)
