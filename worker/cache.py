"""Content that jobs need, kept by its SHA-256 so that it is fetched once.

A file is hashed when it arrives and, after a restart of the worker or a change of the file, again before it is used.
Who uses content gets a link to it, or a copy where links are not possible: removing it from the cache never takes it
from a run. Files are read-only. What was not used for the longest time goes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import stat
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from xwhep.files import make_private_folder
from xwhep.world import REAL, World

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: fetches content of a digest into a file that appears whole, checked, or not at all
Fetch: TypeAlias = Callable[[str, Path], Awaitable[None]]


class _Stamp(NamedTuple):
    """What tells a file that was checked from one that was changed since."""

    inode: int
    size_bytes: int
    changed_ns: int


class Cache:
    """The content below one folder, of at most `limit_bytes` between two uses."""

    def __init__(self, folder: Path, limit_bytes: int, world: World = REAL) -> None:
        make_private_folder(folder)
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._world = world
        self._checked: dict[str, _Stamp] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        for partial in folder.glob("*.part"):
            partial.unlink()

    async def provide(self, digest: str, destination: Path, fetch: Fetch) -> None:
        """Put the content of `digest` at `destination`, read-only; two who need it at once fetch it once.

        Raises:
            XwhepError: it could not be fetched.
            OSError: the disk does not take it.
        """
        kept = self._folder / digest
        async with self._locks[digest]:
            if not await asyncio.to_thread(self._is_good, digest):
                await fetch(digest, kept)
                await asyncio.to_thread(self._accept, digest)
            await asyncio.to_thread(_share, kept, destination, self._world.now())
        await asyncio.to_thread(self._trim)

    def _accept(self, digest: str) -> None:
        """Take in what was just fetched, its digest checked."""
        kept = self._folder / digest
        kept.chmod(0o444)
        self._checked[digest] = _stamp(kept)

    def _is_good(self, digest: str) -> bool:
        kept = self._folder / digest
        try:
            stamp = _stamp(kept)
            if self._checked.get(digest) == stamp:
                return True
            with kept.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                    self._checked[digest] = stamp
                    return True
        except FileNotFoundError:
            return False
        _remove(kept)
        return False

    def _trim(self) -> None:
        """Remove what was not used for the longest time until the rest is within the limit."""
        entries = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another thread trims as well
                if path.suffix != ".part":
                    entries.append((path.stat().st_atime_ns, path.stat().st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self._limit_bytes:
                return
            _remove(path)
            self._checked.pop(path.name, None)
            total -= size


def _stamp(path: Path) -> _Stamp:
    found = path.stat()
    return _Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


def _share(kept: Path, destination: Path, now: datetime) -> None:
    """Link or copy a file and note that it was used now, in its time of access, which the restart survives."""
    now_ns = (now - _EPOCH) // timedelta(microseconds=1) * 1000
    os.utime(kept, ns=(now_ns, kept.stat().st_mtime_ns))
    try:
        destination.hardlink_to(kept)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(kept, destination)
        destination.chmod(0o444)


def _remove(path: Path) -> None:
    if os.name == "nt":  # where a read-only file cannot be removed
        path.chmod(stat.S_IWRITE)
    path.unlink(missing_ok=True)
