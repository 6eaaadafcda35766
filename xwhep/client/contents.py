"""Content on its way between this machine's files and the dispatcher: digests, uploads, folders that nothing leaves."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from xwhep.client.owner import OwnerClient
from xwhep.client.streams import CHUNK_BYTES, Moved
from xwhep.errors.installations import LocalFileError
from xwhep.lifecycle import DataStatus
from xwhep.protocol.base import check_relative_path
from xwhep.protocol.data import BlobFields, DataView, RegisterData
from xwhep.protocol.jobs import JobView

#: how many of the newest data are looked at before content is sent anew
REMEMBERED: Final = 1000
_NAME_CHARACTERS: Final = 63

#: shows to somebody how a content moves: given a few words and a size in bytes, it is entered while that lasts
Watch = Callable[[str, int], AbstractContextManager[Moved]]


def measure(path: Path, moved: Moved) -> BlobFields:
    """Return digest and size of a file's content, read once."""
    hasher, size_bytes = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            hasher.update(chunk)
            size_bytes += len(chunk)
            moved(size_bytes)
    return BlobFields(digest=hasher.hexdigest(), size_bytes=size_bytes)


def plain_name(text: str, otherwise: str) -> str:
    """Return a name for the grid made of any text: other characters become `-`; `otherwise` if nothing is left."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", text).lstrip("._-")
    return plain[:_NAME_CHARACTERS] or otherwise


class Uploads:
    """Puts files on the dispatcher; content that the caller has there already is not sent again."""

    def __init__(self, client: OwnerClient, watch: Watch) -> None:
        self._client = client
        self._watch = watch
        self.world = client.world  #: of the program
        self._stored: dict[str, DataView] | None = None

    async def put(self, path: Path, name: str | None = None) -> DataView:
        """Return the data with the content of a file, under `name` if one is given.

        Raises:
            DigestMismatchError: the file changed while it was sent.
            OSError: it cannot be read.
        """
        information = await asyncio.to_thread(path.stat)
        with self._watch(f"reading {path.name}", information.st_size) as moved:
            blob = await asyncio.to_thread(measure, path, moved)
        stored = await self._remembered()
        known = stored.get(blob.digest)
        if known is not None and name in {None, known.name}:
            return known
        stored[blob.digest] = await self._send(path, blob, name or plain_name(path.name, "data"))
        return stored[blob.digest]

    async def _send(self, path: Path, blob: BlobFields, name: str) -> DataView:
        announced = RegisterData(uid=self.world.new_uid(), name=name, **blob.model_dump())
        data = await self._client.register_data(announced)
        if data.status is DataStatus.AVAILABLE:
            return data
        with self._watch(f"sending {path.name}", blob.size_bytes) as moved:
            await self._client.store(data.uid, path, blob.size_bytes, moved)
        return await self._client.data(data.uid)

    async def _remembered(self) -> dict[str, DataView]:
        if self._stored is None:
            self._stored = {}
            looked_at = 0
            async for data in self._client.datas():
                if data.status is DataStatus.AVAILABLE:
                    self._stored.setdefault(data.digest, data)
                looked_at += 1
                if looked_at == REMEMBERED:
                    break
        return self._stored


def place(folder: Path, name: str, *, overwrite: bool) -> Path:
    """Return where the file called `name`, a relative path from another machine, goes under `folder`.

    A link on the way that leads out of `folder` is not followed.

    Raises:
        LocalFileError: the name leaves the folder, or a file is there and may not be overwritten.
    """
    try:
        target = folder / check_relative_path(name)
    except ValueError as error:
        raise LocalFileError(name, str(error)) from error
    root = folder.resolve()
    if not target.resolve().is_relative_to(root) or not target.parent.resolve().is_relative_to(root):
        raise LocalFileError(name, f"a link in {folder} leads out of it")
    if target.is_dir() or (not overwrite and (target.exists() or target.is_symlink())):
        raise LocalFileError(str(target), "it exists already; fetch into another folder, or say --force")
    return target


async def fetch_outputs(
    client: OwnerClient, job: JobView, folder: Path, watch: Watch, *, overwrite: bool
) -> list[Path]:
    """Download all outputs of a job under `folder`, and return the files.

    Raises:
        LocalFileError: two outputs are one file on this machine, or as `place`; then nothing was written.
    """
    if len({output.name.casefold() for output in job.outputs}) != len(job.outputs):
        raise LocalFileError(str(folder), f"two outputs of job {job.uid} have names that differ in case alone")
    targets = [place(folder, output.name, overwrite=overwrite) for output in job.outputs]
    for output, target in zip(job.outputs, targets, strict=True):
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        with watch(f"fetching {output.name}", output.size_bytes) as moved:
            await client.fetch_output(job.uid, output, target, moved)
    return targets
