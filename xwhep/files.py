"""Files that survive a crash whole: the old content or the new one, never a part, and never readable by others first.

A process killed in the middle may leave a hidden temporary file beside the target, with the target's own mode.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644


def fresh_name() -> str:
    """Return 16 hexadecimal digits for the name of a temporary file, which no other process comes upon."""
    return secrets.token_hex(8)


def replace_file(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Write `content` to `path`; when this returns, it is on the disk under that name.

    The file is created with `mode` (less the umask), so a private one is private from its first byte. Windows keeps
    no such modes: there the folder's access list protects it.

    Raises:
        OSError: the file could not be written; what stood at `path` is untouched.
    """
    temporary = path.with_name(f".{path.name}.{fresh_name()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - one door for every rename, named as POSIX does
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` as durable as the files; a no-op on Windows, which cannot open a folder."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private_folder(folder: Path) -> None:
    """Make `folder`, and what is missing above it, for its owner alone; one that exists keeps its mode."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent)
