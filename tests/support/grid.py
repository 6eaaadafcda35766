"""A real dispatcher on loopback for tests: real TLS, real database, members that joined with real tokens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dispatcher.admission import DEFAULT_BOUNDS, PeerBounds
from dispatcher.installation import Installation, install
from dispatcher.kinds.registry import BUILT_IN
from dispatcher.server import Running, running
from dispatcher.services import Services
from dispatcher.usecases import members
from tests.support.kinds import WORK
from tests.support.older_host import OlderHost
from xwhep.client.connection import Connection
from xwhep.client.enrolment import join
from xwhep.client.owner import OwnerClient
from xwhep.pki.certificates import certificate_digest
from xwhep.pki.identity import Identity, load_identity
from xwhep.pki.tokens import JoinToken, make_token
from xwhep.protocol.members import CreateToken
from xwhep.rights import Role


@dataclass(slots=True)
class GridUnderTest:
    """A dispatcher that serves, and ways in."""

    folder: Path
    installation: Installation
    dispatcher: Running

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.dispatcher.port}"

    @property
    def services(self) -> Services:
        """Its parts."""
        return self.dispatcher.services

    async def token(self, role: Role, *, uses: int = 1, lifetime_s: int = 900) -> JoinToken:
        """Return a join token."""
        token = make_token(certificate_digest(self.services.authority.certificate))
        request = CreateToken(role=role, uses=uses, lifetime_s=lifetime_s)
        await self.services.database.run(
            members.create_token, None, request, token.secret_digest, now=self.services.now()
        )
        return token

    async def member(self, role: Role, name: str) -> Identity:
        """Return the identity of a new member, which joined with a token."""
        token = await self.token(role)
        return await join(self.url, token, members.KIND_OF_ROLE[role], name, self.folder / name)

    async def until_polls_wait(self, count: int) -> None:
        """Wait until so many long polls are in the dispatcher's queue."""
        async with asyncio.timeout(60):
            while len(self.services.waiters) < count:  # noqa: ASYNC110 - the queue tells nobody when it grows
                await asyncio.sleep(0)

    def administrator(self) -> Identity:
        """Return the identity of the first administrator."""
        return load_identity(self.folder / "admin", "xwhep-dispatcher init")

    @contextlib.asynccontextmanager
    async def connect(self, identity: Identity) -> AsyncIterator[Connection]:
        """Return a connection as this member."""
        async with Connection.of(replace(identity, dispatcher=self.url)) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def owner(self, name: str, role: Role = Role.USER) -> AsyncIterator[OwnerClient]:
        """Return the client of a new user."""
        async with self.connect(await self.member(role, name)) as connection:
            yield OwnerClient(connection)

    @contextlib.asynccontextmanager
    async def host(self, name: str) -> AsyncIterator[OlderHost]:
        """Return the client of a new host."""
        async with self.connect(await self.member(Role.HOST, name)) as connection:
            yield OlderHost(connection, WORK)


@contextlib.asynccontextmanager
async def a_grid(
    folder: Path, *, port: int = 0, bounds: PeerBounds = DEFAULT_BOUNDS, kinds: Iterable[str] = BUILT_IN
) -> AsyncIterator[GridUnderTest]:
    """Return a dispatcher in `folder`: a new one, or the one that was there before."""
    installation = Installation(folder / "dispatcher")
    if not installation.names_file.exists():
        names = ["localhost", "127.0.0.1"]
        install(installation.folder, names, (folder / "admin", "admin", f"https://127.0.0.1:{port}"))
    async with running(installation, "127.0.0.1", port, bounds=bounds, kinds=kinds) as dispatcher:
        yield GridUnderTest(folder, installation, dispatcher)
