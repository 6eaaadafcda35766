"""What a contained run is given and what it gives back; values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath

from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.jobs import MAX_INPUT_FOLDERS, MAX_INPUTS, MAX_OUTPUT_NAMES_BYTES, folders_of


class Reason(StrEnum):
    """Why a run ended."""

    EXITED = "exited"  #: by itself; see the exit status
    NOT_STARTED = "not-started"  #: the file cannot be executed on this machine
    WALL_TIME = "wall-time"
    CPU_TIME = "cpu-time"
    MEMORY = "memory"
    DISK = "disk"  #: the working folder is full, or holds too many files
    OUTPUT = "output"  #: more on standard output or error than allowed
    KILLED = "killed"  #: somebody on this machine told the supervisor to stop


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a run may take; the machine gives at most `memory_bytes` + `disk_bytes` + 32 MiB of memory for it."""

    wall_s: float
    cpu_s: int  #: of all processes together
    memory_bytes: int  #: address space of each process, and resident memory of all together
    disk_bytes: int  #: of the working folder, which is held in memory
    processes: int  #: threads included
    output_bytes: int  #: of standard output, and of standard error
    files: int  #: made in the working folder and the temporary folders together; open ones at most 1,024 a process
    names_bytes: int = MAX_OUTPUT_NAMES_BYTES  #: of all outputs together
    start_s: float = 10.0  #: for building the sandbox, which takes milliseconds, or a second for very many inputs


@dataclass(frozen=True, slots=True)
class Program:
    """One program with all it may see.

    Raises:
        InvalidFieldError: a text holds a NUL; an input would lie outside the working folder, in `out` or in another
            input; or there are too many of them.
    """

    entry: Path  #: the executable or script on the host; its mode does not matter
    arguments: tuple[str, ...] = ()  #: reach the program verbatim, after its name
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: Path | None = None
    inputs: Mapping[str, Path] = field(default_factory=dict)  #: path inside the working folder -> file on the host

    def __post_init__(self) -> None:
        for name, texts in (("arguments", self.arguments), ("environment", (*self.environment.values(),))):
            if any("\0" in text for text in texts):
                raise InvalidFieldError(name, "a text that a program is given cannot hold a NUL")
        for name in self.environment:
            if not name or "=" in name or "\0" in name:
                raise InvalidFieldError("environment", f"{name!r} cannot be the name of a variable")
        for name in self.inputs:
            _check_input(name)
        _check_inputs(self.inputs)


def _check_inputs(names: Collection[str]) -> None:
    """Check inputs together: no dispatcher is believed that it has."""
    if len(names) > MAX_INPUTS:
        raise InvalidFieldError("inputs", f"there are {len(names)}; at most {MAX_INPUTS} are allowed")
    folders = folders_of(names)
    if len(folders) > MAX_INPUT_FOLDERS:
        raise InvalidFieldError(
            "inputs", f"they lie in {len(folders)} folders; at most {MAX_INPUT_FOLDERS} are allowed"
        )
    if not folders.isdisjoint(names):
        raise InvalidFieldError("inputs", "the path of one input is the folder of another")


def _check_input(name: str) -> None:
    parts = PurePosixPath(name).parts
    if str(PurePosixPath(name)) != name or "\0" in name or name.startswith("/") or ".." in parts or not parts:
        raise InvalidFieldError("inputs", f"{name!r} is no plain path inside the working folder")
    if parts[0] == "out":
        raise InvalidFieldError("inputs", f"{name!r} lies in out/, which is kept for results")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended and what it took."""

    reason: Reason
    exit_status: int | None  #: 128 + n when signal n ended the program; None when it was stopped or not started
    detail: str  #: one sentence for the developer
    wall_s: float
    cpu_s: float  #: user and system time of all its processes, the sandbox's own start included
    max_rss_bytes: int  #: of the largest process, or the most seen of all together; the sandbox counts some 20 MB
    refused: tuple[str, ...] = ()  #: what in out/ was not taken, and why; at most 20 sentences
