"""One bubblewrap process: started, its world built, each process bounded, then told to go.

The standard library alone: the supervisor runs without any other. Source of the option's and status' meaning: bwrap(1).
"""

from __future__ import annotations

import json
import os
import resource
import secrets
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.sandbox import inputs, processes, view
from worker.sandbox.syscalls import filter_program

_OPEN_FILES = 1024  #: descriptors a process may hold


class CannotContainHere(Exception):  # noqa: N818 - it becomes the project's CannotContainError in the worker
    """The sandbox could not be built; the program was not started."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the worker asks for. Paths are absolute and on the host."""

    parent: int
    uid: int | None  #: become this user; None for a worker that is an ordinary user
    bwrap: str
    libraries: str | None  #: folder of the libraries that bwrap brings along
    folder: str
    entry: tuple[str, str]  #: name inside, path
    arguments: list[str]
    environment: dict[str, str]
    stdin: str | None
    inputs: str  #: the folder that holds the inputs, each called by its number
    input_names: list[str]  #: their paths inside the working folder
    limits: dict[str, Any]


class Files:
    """What is opened with the worker's own rights, before they are given up."""

    def __init__(self, order: Order) -> None:
        folder = Path(order.folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        (folder / "out").mkdir(mode=0o700, exist_ok=True)
        if order.uid is not None:
            os.chown(folder / "out", order.uid, order.uid, follow_symlinks=False)
        self.stdin = os.open(order.stdin or os.devnull, os.O_RDONLY)
        self.stdout = os.open(folder / "stdout", flags, 0o600)
        self.stderr = os.open(folder / "stderr", flags, 0o600)
        self.out = os.open(folder / "out", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)

    def first_error_line(self) -> str:
        """Return the first line of standard error, where bubblewrap says why it failed."""
        return os.pread(self.stderr, 1000, 0).decode(errors="replace").partition("\n")[0].strip()


class Sandbox:
    """A bubblewrap process that waits at its gate with the program's world built."""

    def __init__(self, order: Order, shown: dict[str, str]) -> None:
        self._mark = f"/.{secrets.token_hex(8)}"
        self._gate_inside, self._gate = os.pipe()
        status, status_inside = os.pipe()
        self._status = os.fdopen(status, "rb")
        stdin_inside, self.stdin = os.pipe()
        self.stdout, stdout_inside = os.pipe()
        self.stderr, stderr_inside = os.pipe()
        world = view.options(
            (order.entry[0], shown["entry"]),
            shown["inputs"],
            order.environment,
            order.limits["disk_bytes"],
            self._mark,
        )
        inherited = {
            "--json-status-fd": status_inside,
            "--block-fd": self._gate_inside,
            "--seccomp": _memory_file(filter_program(os.uname().machine)),
        }
        world += [part for option, descriptor in inherited.items() for part in (option, str(descriptor))]
        # by a descriptor: a command line is seen by every user of the machine
        arguments = _memory_file(b"".join(os.fsencode(part) + b"\0" for part in world))
        for descriptor in (*inherited.values(), arguments):
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the library's own signature
        streams = enumerate((stdin_inside, stdout_inside, stderr_inside))
        self.pid = os.posix_spawn(
            shown["bwrap"],
            ["bwrap", "--args", str(arguments), "--", f"{view.ENTRY}/{order.entry[0]}", *order.arguments],
            {"LD_LIBRARY_PATH": shown["libraries"]} if "libraries" in shown else {},
            file_actions=[(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in streams],
            setsigmask=[],
            setsigdef=[signal.SIGPIPE],
        )
        for descriptor in (*inherited.values(), arguments, stdin_inside, stdout_inside, stderr_inside):
            os.close(descriptor)
        self.init = 0
        self.scratch: list[int] = []
        self._own_files = 0

    def wait_until_built(self, seconds: float) -> None:
        """Wait for the sandbox's init to stand at the gate, and open the folders where the program can write.

        Raises:
            CannotContainHere: it does not get there, or not within `seconds`.
        """
        end = time.monotonic() + seconds
        if not select.select([self._status], [], [], seconds)[0]:
            raise CannotContainHere(f"the sandbox was not built within {seconds} seconds")
        first = self._status.readline()
        if not first:
            raise CannotContainHere("bubblewrap failed")
        self.init = int(json.loads(first)["child-pid"])
        root = f"/proc/{self.init}/root"
        while not Path(root + self._mark).is_dir():
            if processes.is_over(self.pid):
                raise CannotContainHere("bubblewrap did not build the sandbox")
            if time.monotonic() > end:
                raise CannotContainHere(f"the sandbox was not built within {seconds} seconds")
            time.sleep(0.001)
        # the descriptors keep these file systems after the sandbox is gone
        self.scratch = [os.open(root + path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW) for path in view.SCRATCH]

    def place_inputs(self, names: list[str]) -> None:
        """Put the inputs in their places.

        Raises:
            OSError: that is not possible.
        """
        if names:
            inputs.place(self.init, self.scratch[0], names, source=self._mark, target=view.WORK)
        self._own_files = self._count_files()

    def files(self) -> int:
        """Return how many files and folders the program has made where it can write; the kernel counts."""
        return self._count_files() - self._own_files

    def _count_files(self) -> int:
        states = [os.fstatvfs(descriptor) for descriptor in self.scratch]
        return sum(state.f_files - state.f_ffree for state in states)

    def has_room(self) -> bool:
        """Tell whether the working folder takes more."""
        return os.fstatvfs(self.scratch[0]).f_bavail > 0

    def limit(self, limits: dict[str, Any]) -> None:
        """Bound each process of the program.

        From outside and at the gate, since the user's processes are counted anew in the new user namespace: set
        earlier, the bound would count all that the volunteer runs.
        """
        bounds = {
            resource.RLIMIT_AS: limits["memory_bytes"],
            resource.RLIMIT_CPU: limits["cpu_s"] + 1,  # a second later than the supervisor, which tells it better
            resource.RLIMIT_FSIZE: limits["disk_bytes"],
            resource.RLIMIT_NOFILE: _OPEN_FILES,
            resource.RLIMIT_NPROC: limits["processes"] + 1,  # the sandbox's init counts
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_MEMLOCK: 0,
        }
        for kind, bound in bounds.items():
            hard = resource.prlimit(self.init, kind)[1]
            least = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.prlimit(self.init, kind, (least, least))
        with suppress(OSError):  # when memory runs out on this machine, the job goes first
            Path(f"/proc/{self.init}/oom_score_adj").write_bytes(b"1000")

    def open_gate(self) -> None:
        """Let the program start."""
        os.write(self._gate, b"\n")
        os.close(self._gate)

    def exit_status(self) -> int | None:
        """Return the program's exit status, or None if it was never executed; after its end."""
        documents = [json.loads(line) for line in self._status.read().splitlines() if line.strip()]
        return next((int(document["exit-code"]) for document in documents if "exit-code" in document), None)


def _memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("sandbox")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
