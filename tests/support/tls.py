"""A listener on the loopback, small enough to read: what a test needs to shake hands in earnest."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from aiohttp import web

from dispatcher.authority import Authority
from xwhep.members import Kind, Member
from xwhep.pki.contexts import server_context
from xwhep.pki.identity import Identity, joining_key, store_identity

GRID = UUID("0197a000-0000-7000-8000-000000000001")
HOST = Member(GRID, Kind.HOST, UUID("0197a000-0000-7000-8000-000000000002"))


def real_now() -> datetime:
    """Return the time that OpenSSL goes by in a handshake."""
    return datetime.now(UTC)


def listener_context(authority: Authority, folder: Path, names: tuple[str, ...] = ("127.0.0.1",)) -> ssl.SSLContext:
    """Return the context of a dispatcher that `authority` certified just now."""
    authority.ensure_server_certificate(folder, names, real_now())
    return server_context(folder / "cert.pem", folder / "key.pem", authority.cas)


def make_identity(
    authority: Authority, folder: Path, now: datetime, dispatcher: str = "https://127.0.0.1:1"
) -> Identity:
    """Return a host's identity, issued at `now` and stored in `folder`."""
    key = joining_key(folder)
    return store_identity(
        folder, dispatcher, authority.issue_member(key.public_key(), HOST, "laptop", now), authority.cas
    )


@asynccontextmanager
async def listening(app: web.Application, context: ssl.SSLContext | None) -> AsyncIterator[str]:
    """Serve `app` on a free port of the loopback, and give its HTTPS address; without a context it is not TLS."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
