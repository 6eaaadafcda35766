"""Content on disk: `blobs/sha256/ab/<64 hex>`, written whole or not at all.

A blob is there once it is named by its digest: temporary file in the same folder, fsync, rename, fsync of the folder.
The row in the database follows, so a row always has its content; content without a row is harmless, and deleted after a
day (`dispatcher.housekeeping`).
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from xwhep.errors.jobs import DigestMismatchError, StorageFullError
from xwhep.errors.requests import TooLargeError
from xwhep.files import fresh_name, make_private_folder, sync_folder

#: room on the disk that content never takes: the database goes on when the blobs may not
RESERVE_BYTES: Final = 64 * 1024 * 1024
#: how many parts the store has: the folders that a digest's first byte names
PARTS: Final = 256


class BlobStore:
    """The folder of all content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "sha256"
        make_private_folder(self._folder)
        self._publishing = threading.Lock()  # held also to delete: nothing that has just arrived goes

    def path(self, digest: str) -> Path:
        """Return where the content with this SHA-256 (64 hexadecimal digits) is or would be."""
        return self._folder / digest[:2] / digest

    async def receive(self, chunks: AsyncIterator[bytes], digest: str, size_bytes: int) -> None:
        """Store content as it arrives, when it is what was announced; the same content again replaces itself.

        Raises:
            DigestMismatchError: it is not.
            TooLargeError: it is longer than announced.
            StorageFullError: there is no room.
        """
        target = self.path(digest)
        self._check_room(size_bytes)
        make_private_folder(target.parent)
        temporary = target.with_name(f".{digest}.{fresh_name()}")
        try:
            await self._write(temporary, chunks, digest, size_bytes)
            await asyncio.to_thread(self._publish, temporary, target)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFullError(size_bytes) from error
            raise
        finally:
            temporary.unlink(missing_ok=True)

    def _check_room(self, size_bytes: int) -> None:
        if shutil.disk_usage(self._folder).free < size_bytes + RESERVE_BYTES:
            raise StorageFullError(size_bytes)

    async def _write(self, temporary: Path, chunks: AsyncIterator[bytes], digest: str, size_bytes: int) -> None:
        hasher, received = hashlib.sha256(), 0
        with temporary.open("xb") as stream:
            async for chunk in chunks:
                received += len(chunk)
                if received > size_bytes:
                    raise TooLargeError("the content", size_bytes)
                hasher.update(chunk)
                await asyncio.to_thread(stream.write, chunk)
            await asyncio.to_thread(_flush, stream)
        if received != size_bytes or hasher.hexdigest() != digest:
            raise DigestMismatchError(digest, hasher.hexdigest())

    def _publish(self, temporary: Path, target: Path) -> None:
        with self._publishing:
            temporary.replace(target)
        sync_folder(target.parent)

    def stored_before(self, part: int, moment: datetime) -> set[str]:
        """Return the digests of all content in a part (from 0) that last arrived before an aware moment."""
        folder = self._folder / f"{part:02x}"
        if not folder.is_dir():
            return set()
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if not entry.name.startswith(".") and _is_older(entry, moment)}

    def delete(self, digests: Iterable[str], moment: datetime) -> int:
        """Delete content, unless it has arrived again since an aware moment; return how many files went."""
        deleted = 0
        for path in map(self.path, digests):
            with self._publishing:
                if _is_older(path, moment):
                    path.unlink()
                    deleted += 1
        return deleted

    def sweep(self) -> int:
        """Delete what uploads that a crash cut short have left; return how many files. Only before serving."""
        left = list(self._folder.glob("*/.*"))
        for path in left:
            path.unlink()
        return len(left)


def _flush(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _is_older(file: Path | os.DirEntry[str], moment: datetime) -> bool:
    return file.stat().st_mtime < moment.timestamp()
