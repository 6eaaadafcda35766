"""Who is at the other end of a connection: the key of its certificate, looked up in the database.

The certificate is read once a connection; the database is asked again every few seconds, so that a revocation takes
effect on open connections too.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

from aiohttp import web
from cryptography import x509

from dispatcher.storage.database import Database
from dispatcher.usecases import members
from xwhep.errors.identity import IdentityExpiredError, NoCertificateError
from xwhep.pki.keys import public_key_digest
from xwhep.rights import Caller

#: how long an answer of the database is believed, seconds; a revocation takes effect within it
BELIEVED_S: Final = 5.0
REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What matters of the certificate that a connection was opened with."""

    key_digest: str
    ends_at: datetime


class Peers:
    """The callers of this process's connections."""

    def __init__(self, database: Database, monotonic: Callable[[], float]) -> None:
        self._database = database
        self._monotonic = monotonic
        #: by the connection's TLS, which is one object for all its requests, and takes a weak reference with any loop
        self._certificates: WeakKeyDictionary[ssl.SSLObject, PeerCertificate] = WeakKeyDictionary()
        self._callers: dict[str, tuple[Caller, float]] = {}

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
        if known is not None and known[1] > self._monotonic():
            return known[0]
        caller = await self._database.read(members.identify, certificate.key_digest)
        if len(self._callers) >= REMEMBERED:
            self._callers.clear()
        self._callers[certificate.key_digest] = caller, self._monotonic() + BELIEVED_S
        return caller

    def forget(self) -> None:
        """Ask the database again for everybody; somebody was revoked."""
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
