"""A dispatcher that is killed in the middle of an upload; tests/system/test_fuzz_crash.py kills it anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from dispatcher.installation import Installation, install
from xwhep.client.connection import Connection
from xwhep.client.owner import OwnerClient
from xwhep.lifecycle import DataStatus
from xwhep.pki.contexts import client_context
from xwhep.pki.identity import Identity
from xwhep.protocol.data import RegisterData
from xwhep.world import REAL

ROOT = Path(__file__).parents[2]


@dataclass
class Process:
    """A dispatcher's process on a port that stays the same."""

    folder: Path
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.serve", str(self.folder), str(self.port)]
        self.process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            self.port = int(await self.process.stdout.readline())

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()


@contextlib.asynccontextmanager
async def a_process(folder: Path) -> AsyncIterator[tuple[Process, Identity]]:
    dispatcher = Process(folder / "dispatcher")
    admin = install(dispatcher.folder, ["127.0.0.1"], (folder / "admin", "admin", "https://127.0.0.1:1"))
    await dispatcher.start()
    try:
        yield dispatcher, admin
    finally:
        await dispatcher.kill()


@contextlib.asynccontextmanager
async def as_owner(dispatcher: Process, identity: Identity) -> AsyncIterator[OwnerClient]:
    async with Connection(dispatcher.url, client_context(identity)) as connection:
        yield OwnerClient(connection)


async def test_half_an_upload_is_invisible_and_swept(tmp_path: Path) -> None:
    content = b"x" * 1_000_000
    uid, digest = REAL.new_uid(), hashlib.sha256(content).hexdigest()
    half_is_sent = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield content[:500_000]
        half_is_sent.set()
        await asyncio.Event().wait()

    async with a_process(tmp_path) as (dispatcher, admin):
        async with as_owner(dispatcher, admin) as owner:
            await owner.register_data(RegisterData(uid=uid, name="big", digest=digest, size_bytes=len(content)))
            url, headers = f"{dispatcher.url}/v1/data/{uid}/content", {"Content-Length": str(len(content))}
            connector = aiohttp.TCPConnector(ssl=client_context(admin))
            async with aiohttp.ClientSession(connector=connector) as session:
                upload = asyncio.create_task(session.put(url, data=half(), headers=headers))
                async with asyncio.timeout(60):
                    await half_is_sent.wait()
                    blobs = dispatcher.folder / "blobs" / "sha256"
                    while not list(blobs.glob(f"*/.{digest}*")):  # noqa: ASYNC110 - another process writes it
                        await asyncio.sleep(0.01)
                await dispatcher.kill()
                await asyncio.gather(upload, return_exceptions=True)
        left = list(blobs.glob("*/.*"))
        await dispatcher.start()
        async with as_owner(dispatcher, admin) as owner:
            seen = await owner.data(uid)
            swept = list(blobs.glob("*/*"))
            file = tmp_path / "big"
            file.write_bytes(content)
            await owner.store(uid, file, len(content))
            whole = await owner.data(uid)

    assert len(left) == 1
    assert (seen.status, swept) == (DataStatus.AWAITED, [])
    assert whole.status is DataStatus.AVAILABLE
    assert Installation(dispatcher.folder).database.exists()
