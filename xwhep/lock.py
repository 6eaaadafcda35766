"""One process of a program a home: a lock that the operating system takes back when its holder dies."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from xwhep.errors.machines import AlreadyRunningError
from xwhep.files import make_private_folder

if sys.platform == "win32":
    import msvcrt

    def _try_to_lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_to_lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def hold(path: Path, who: str) -> Iterator[None]:
    """Hold the lock; others are told that `who`, as in "a worker", holds it.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    make_private_folder(path.parent)
    with path.open("ab") as file:
        try:
            _try_to_lock(file)
        except OSError as error:
            raise AlreadyRunningError(who, str(path.parent)) from error
        yield


def is_held(path: Path) -> bool:
    """Tell whether a process holds the lock now."""
    if not path.exists():
        return False
    try:
        with hold(path, ""):
            return False
    except AlreadyRunningError:
        return True
