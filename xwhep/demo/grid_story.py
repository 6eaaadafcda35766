"""The grid's part of the story: a dispatcher, two volunteers, and a developer's program."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Final

from xwhep.demo.processes import Part
from xwhep.demo.telling import Teller
from xwhep.errors.installations import DemoError

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

#: what a worker's log says of the search once it is compiled, and of native programs
READY: Final = r"vanity jobs (can run here|cannot run here: .*)"
NATIVE: Final = r"native jobs (can run here|cannot run here: (?P<why>.*))"


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid that runs."""

    url: str
    first_volunteer: Part  #: whose machine compiles the search
    app_uid: str | None  #: of the developer's program; None where volunteers cannot contain it


def tell_grid(teller: Teller) -> Grid:
    """Start a grid, and have a program registered on it."""
    url = _dispatcher(teller)
    volunteer = _volunteers(teller, url)
    return Grid(url, volunteer, _developer(teller, url, volunteer))


def await_volunteers(teller: Teller, grid: Grid) -> None:
    """Wait until the search is compiled, and have all volunteers wait for work."""
    _await_readiness(grid.first_volunteer)
    teller.note("meanwhile the search is compiled; the second volunteer's worker starts too")
    for name in VOLUNTEERS[1:]:
        _await_readiness(_start_worker(teller, name))


def token(teller: Teller, kind: str, uses: int = 1) -> str:
    """Return a join token."""
    return teller.run(ADMINISTRATOR, ["xwhep-dispatcher", "token", "--kind", kind, "--uses", str(uses)])


def _dispatcher(teller: Teller) -> str:
    teller.head("The dispatcher starts: it holds apps, data and jobs, and is the only one whom all trust.")
    teller.run(ADMINISTRATOR, ["xwhep-dispatcher", "init", "--name", "127.0.0.1", "--admin", ADMINISTRATOR])
    serve = ["xwhep-dispatcher", "serve", "--host", "127.0.0.1", "--port", "0"]
    part = teller.start("dispatcher", ADMINISTRATOR, serve)
    port = part.wait_for(r"Serving on port (\d+)", START_S)[1]
    url = f"https://127.0.0.1:{port}"
    teller.note(f"it listens at {url}, with certificates of its own authority")
    return url


def _volunteers(teller: Teller, url: str) -> Part:
    """Let the volunteers join, and start the worker of the first."""
    teller.head("Two volunteers join, each with a join token, and get certificates; their keys never leave them.")
    secret = token(teller, "host", uses=len(VOLUNTEERS))
    for name in VOLUNTEERS:
        teller.run(name, ["xwhep-worker", "join", url, "--token", "-", "--name", name], stdin=secret)
    worker = _start_worker(teller, VOLUNTEERS[0])
    teller.note("the search is compiled for this very processor; that takes some seconds, once")
    return worker


def _start_worker(teller: Teller, name: str) -> Part:
    teller.stage.share(name, "cache")  # they are one machine in truth, so the search is compiled once
    return teller.start(name, name, ["xwhep-worker", "run", "--slots", "1"])


def _await_readiness(worker: Part) -> None:
    state = worker.wait_for(READY, COMPILE_S)[1]
    if not state.startswith("can "):
        raise DemoError(f"{worker.name} cannot search", state)


def _developer(teller: Teller, url: str, worker: Part) -> str | None:
    teller.head("A developer joins as a user, with a program for others: wordcount.")
    login = ["xwhep", "login", url, "--token", "-", "--name", DEVELOPER]
    teller.run(DEVELOPER, login, stdin=token(teller, "user"))
    refused = _native_refused(worker)
    if refused is not None:
        teller.note("programs of developers are not run here, since this machine cannot contain them:")
        teller.note(refused)
        return None
    folder = teller.stage.folder / "wordcount"
    folder.mkdir()
    (folder / "app.toml").write_text(APP_TOML, encoding="utf-8")
    script = resources.files("xwhep.demo").joinpath("wordcount.sh").read_bytes()
    (folder / "wordcount.sh").write_bytes(script)
    app = teller.run_json(DEVELOPER, ["xwhep", "apps", "register", str(folder / "app.toml")])
    teller.note("each run is confined by bubblewrap, without network and without a view of the volunteer's files")
    return str(app["uid"])


def _native_refused(worker: Part) -> str | None:
    """Return why the volunteers run no native programs; None if they do."""
    return worker.wait_for(NATIVE, START_S)["why"]
