"""Requests as anybody could send them, past our own client: what a hostile or broken program does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.support.grid import GridUnderTest
from xwhep.pki.contexts import anonymous_context, client_context
from xwhep.pki.identity import Identity


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any

    @property
    def outcome(self) -> tuple[int, str]:
        """The HTTP status and the error's code."""
        return self.status, self.body["code"]


@dataclass(frozen=True, slots=True)
class RawClient:
    """One connection to the dispatcher."""

    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request and return the answer; its body is said to be JSON unless told otherwise."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        async with self.session.request(method, path, headers=headers, **options) as response:
            is_json = response.content_type.endswith("json")
            return Answer(response.status, await response.json(content_type=None) if is_json else await response.read())


@contextlib.asynccontextmanager
async def raw_client(
    grid: GridUnderTest, identity: Identity | None = None, *, address: str = "127.0.0.1"
) -> AsyncIterator[RawClient]:
    """Return a connection with this identity, or with none, from one of the loopback's addresses."""
    context = client_context(identity) if identity else anonymous_context(grid.services.authority.cas)
    connector = aiohttp.TCPConnector(ssl=context, local_addr=(address, 0))
    async with aiohttp.ClientSession(grid.url, connector=connector) as session:
        yield RawClient(session)
