"""Who is at the other end of a connection: the key of its certificate, looked up in the database.

The certificate is read once a connection, and its owner once a key: the answer holds until somebody is revoked. Then it
is asked for anew, and the connections of the revoked member are cut.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from aiohttp import web
from cryptography import x509

from dispatcher.storage.database import Database
from dispatcher.usecases import members
from xwhep.errors.identity import IdentityExpiredError, NoCertificateError
from xwhep.pki.keys import public_key_digest
from xwhep.rights import Caller

REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What matters of the certificate that a connection was opened with."""

    key_digest: str
    ends_at: datetime


class Peers:
    """The callers of this process's connections."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: by the connection's TLS, which is one object for all its requests, and takes a weak reference with any loop
        self._certificates: WeakKeyDictionary[ssl.SSLObject, PeerCertificate] = WeakKeyDictionary()
        self._callers: dict[str, Caller] = {}
        self._open: dict[
            str, dict[Hashable, asyncio.Transport]
        ] = {}  #: connections by the key that they were opened with
        self._revocations = 0  #: of which this process knows
        self._counted: int | None = None  #: revoked members, as the database has them

    async def caller(self, request: web.Request, now: datetime) -> Caller:
        """Return who makes this request.

        Raises:
            NoCertificateError: the connection was opened without a certificate.
            IdentityExpiredError: the certificate has ended since.
            UnknownIdentityError, RevokedError: the database says so.
        """
        certificate = None if request.transport is None else self.certificate(request.transport)
        if certificate is None:
            raise NoCertificateError
        if certificate.ends_at <= now:
            raise IdentityExpiredError(certificate.ends_at)
        known = self._callers.get(certificate.key_digest)
        return known or await self._identified(certificate.key_digest)

    async def _identified(self, key_digest: str) -> Caller:
        before = self._revocations
        caller = await self._database.read(members.identify, key_digest)
        if before == self._revocations:  # otherwise it may have been read before that revocation
            if len(self._callers) >= REMEMBERED:
                self._callers.clear()
            self._callers[key_digest] = caller
        return caller

    def opened(self, key_digest: str, connection: Hashable, transport: asyncio.Transport) -> None:
        """Note a connection that was opened with a key."""
        self._open.setdefault(key_digest, {})[connection] = transport

    def closed(self, key_digest: str, connection: Hashable) -> None:
        """Forget a connection; idempotent."""
        connections = self._open.get(key_digest, {})
        connections.pop(connection, None)
        if not connections:
            self._open.pop(key_digest, None)

    def shut_out(self, uid: UUID, *, but: asyncio.BaseTransport | None = None) -> None:
        """Cut the connections of a revoked member, `but` the one that asked for it, and look every member up again."""
        keys = [key for key, caller in self._callers.items() if caller.uid == uid]
        self.forget()
        for key in keys:
            for transport in list(self._open.get(key, {}).values()):
                if transport is not but:
                    transport.abort()

    def follow(self, counted: int) -> None:
        """Take note of the number of revoked members, which a command beside this process may have raised."""
        if counted != self._counted:
            self._counted = counted
            self.forget()

    def forget(self) -> None:
        """Ask the database again for everybody; somebody was revoked."""
        self._revocations += 1
        self._callers.clear()

    def certificate(self, transport: asyncio.BaseTransport) -> PeerCertificate | None:
        """Return what the other end of a connection has shown; None if nothing."""
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is None:
            return None
        known = self._certificates.get(tls)
        if known is None:
            der = tls.getpeercert(binary_form=True)
            if der is None:
                return None
            certificate = x509.load_der_x509_certificate(der)
            known = PeerCertificate(public_key_digest(certificate), certificate.not_valid_after_utc)
            self._certificates[tls] = known
        return known
