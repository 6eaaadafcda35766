"""A grid for load: a dispatcher's process on one processor, members with certificates of their own, one native app."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from dispatcher.installation import install
from tests.bench.wire import Wire
from tests.support.content import register
from xwhep.client.connection import Connection
from xwhep.client.enrolment import join
from xwhep.client.owner import OwnerClient
from xwhep.members import Kind
from xwhep.pki.contexts import client_context
from xwhep.pki.identity import Identity
from xwhep.pki.tokens import parse_token
from xwhep.protocol.apps import AppView
from xwhep.protocol.members import CreateToken
from xwhep.rights import Role

ROOT: Final = Path(__file__).parents[2]
#: the dispatcher's processor; the load is made on the others
DISPATCHER_CPU: Final = 0


@dataclass(frozen=True, slots=True)
class LoadedGrid:
    """A dispatcher that serves, and who may ask it."""

    port: int
    process: psutil.Process
    user: Identity
    hosts: tuple[Identity, ...]
    app: AppView

    def cpu_s(self) -> float:
        """Return the processor seconds that the dispatcher has taken, to the nanosecond.

        The number of a process's clock is that of clock_getcpuclockid(3) on Linux.
        """
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def resident_bytes(self) -> int:
        """Return the memory that the dispatcher has."""
        return int(self.process.memory_info().rss)

    async def as_user(self) -> Wire:
        """Return a new connection of the user."""
        return await Wire.open(self.port, client_context(self.user))

    async def as_host(self, number: int) -> Wire:
        """Return a new connection of a host; after the last the first follows."""
        return await Wire.open(self.port, client_context(self.hosts[number % len(self.hosts)]))


async def populate(folder: Path, port: int, user: Identity, hosts: int) -> tuple[AppView, tuple[Identity, ...]]:
    """Register an app with a dispatcher, and let hosts join; their identities are kept in the folder."""
    url = f"https://127.0.0.1:{port}"
    async with Connection(url, client_context(user)) as connection:
        owner = OwnerClient(connection)
        app = await register(owner, folder)
        token = parse_token((await owner.create_token(CreateToken(role=Role.HOST, uses=hosts))).token)
    joined = [await join(url, token, Kind.HOST, f"host-{n}", folder / f"host-{n}") for n in range(hosts)]
    return app, tuple(joined)


@contextlib.asynccontextmanager
async def a_loaded_grid(folder: Path, hosts: int) -> AsyncIterator[LoadedGrid]:
    """Start a dispatcher in an empty folder, and let a user and hosts join; it ends with the context."""
    user = install(folder / "dispatcher", ["127.0.0.1"], (folder / "user", "user", "https://127.0.0.1:1"))
    server = [sys.executable, "-m", "tests.bench.dispatcher_server", str(folder / "dispatcher"), str(DISPATCHER_CPU)]
    process = await asyncio.create_subprocess_exec(*server, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None, "it is a pipe"
    try:
        port = int(await process.stdout.readline())
        app, joined = await populate(folder, port, user, hosts)
        yield LoadedGrid(port, psutil.Process(process.pid), user, joined, app)
    finally:
        process.kill()
        await process.communicate()
