"""The files that an untrusted program left: walked without following anything.

The tree is hostile: links, pipes, sockets, names that break listings, depth and number without end. Every step opens
relative to the folder it came from and follows no link, so no path can lead out. The standard library alone: the
supervisor runs without any other.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MAX_DEPTH = 16
MAX_NOTES = 20  #: sentences about what was not taken
_FILE_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FOLDER_FLAGS = _FILE_FLAGS | getattr(os, "O_DIRECTORY", 0)


class TooMuchError(Exception):
    """The tree holds more than allowed."""


@dataclass(slots=True)
class Budget:
    """What may still be taken; what cannot be taken is noted and left."""

    files: int  #: folders and things left behind count as well, so that the walk itself is bounded
    size_bytes: int
    names_bytes: int  #: of the names that outputs have: paths that begin with out/
    notes: list[str] = field(default_factory=list)

    def count(self) -> None:
        """Count one entry of a folder."""
        self.files -= 1
        if self.files < 0:
            raise TooMuchError("too many files in out/")

    def take(self, name: str, size_bytes: int) -> None:
        """Count the bytes of one file and of its name, before it is read."""
        self.names_bytes -= len(f"out/{name}".encode())
        if self.names_bytes < 0:
            raise TooMuchError("the names of the files in out/ are too long together")
        self.size_bytes -= size_bytes
        if self.size_bytes < 0:
            raise TooMuchError("the files in out/ are too large")

    def refuse(self, name: str, why: str) -> None:
        """Note why something is left."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(f"out/{name[:200]!a}: {why}")


def collect(folder: Path, budget: Budget) -> list[tuple[str, Path, int]]:
    """Return (name relative to `folder` with /, path, size) of each regular file in it, sorted by name.

    What is no regular file, or has a name that is not printable, is left out.

    Raises:
        TooMuchError: the budget is spent.
        OSError: the folder cannot be read.
    """
    found: list[tuple[str, Path, int]] = []

    def note(name: str, descriptor: int) -> None:
        found.append((name, folder / name, os.fstat(descriptor).st_size))

    root = os.open(folder, _FOLDER_FLAGS)
    try:
        walk(root, budget, note)
    finally:
        os.close(root)
    return sorted(found)


def copy_out(source: int, target: int, budget: Budget) -> None:
    """Copy the regular files below the open folder `source` into the open, empty folder `target`.

    Raises:
        TooMuchError: the budget is spent; what was copied so far stays.
        OSError: the target cannot be written.
    """

    def copy(name: str, descriptor: int) -> None:
        with os.fdopen(os.dup(descriptor), "rb") as original, _create(target, name) as twin:
            shutil.copyfileobj(original, twin)

    walk(source, budget, copy)


def walk(root: int, budget: Budget, visit: Callable[[str, int], None]) -> None:
    """Call `visit(name, descriptor)` for each regular file below the open folder `root`.

    Raises:
        TooMuchError: the budget is spent.
    """
    for name, descriptor in _files(root, "", budget, 0):
        budget.take(name, os.fstat(descriptor).st_size)
        visit(name, descriptor)


def _files(folder: int, prefix: str, budget: Budget, depth: int) -> Iterator[tuple[str, int]]:
    for entry in _entries(folder, budget):
        name = prefix + entry
        with _opened(entry, folder, name, budget) as descriptor:
            if descriptor is None:
                continue
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISREG(mode):
                yield name, descriptor
            elif stat.S_ISDIR(mode) and depth < MAX_DEPTH:
                yield from _files(descriptor, f"{name}/", budget, depth + 1)
            else:
                budget.refuse(name, "too deep" if stat.S_ISDIR(mode) else "not a regular file")


def _entries(folder: int, budget: Budget) -> list[str]:
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            budget.count()
            names.append(entry.name)
    return sorted(names)


@contextmanager
def _opened(entry: str, folder: int, name: str, budget: Budget) -> Iterator[int | None]:
    """Give an entry, opened without following it, or None, with a note, if it is not for taking."""
    descriptor = None
    try:
        if not entry.isprintable() or "\\" in entry:
            budget.refuse(name, "a name that is not printable")
        elif stat.S_IFMT(os.lstat(entry, dir_fd=folder).st_mode) not in {stat.S_IFREG, stat.S_IFDIR}:
            budget.refuse(name, "not a regular file")  # not even opened: to open a device can be an act
        else:
            descriptor = os.open(entry, _FILE_FLAGS, dir_fd=folder)
    except OSError as error:
        budget.refuse(name, error.strerror or "cannot be read")
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _create(target: int, name: str) -> BinaryIO:
    """Create a file below the open folder `target`, and the folders on its way, as nobody else's."""
    *folders, last = name.split("/")
    here = os.dup(target)
    try:
        for part in folders:
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=here)
            above, here = here, os.open(part, _FOLDER_FLAGS, dir_fd=here)
            os.close(above)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        return os.fdopen(os.open(last, flags, 0o600, dir_fd=here), "wb")
    finally:
        os.close(here)
