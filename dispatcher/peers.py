"""Who is at the other end of a connection: the key of its certificate, looked up in the database.

The certificate is read once a connection; the database is asked again every few seconds, so that a revocation takes
effect on open connections too.
"""

from __future__ import annotations

import time
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

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._certificates: WeakKeyDictionary[object, PeerCertificate] = WeakKeyDictionary()
        self._callers: dict[str, tuple[Caller, float]] = {}

    async def caller(self, request: web.Request, now: datetime) -> Caller:
        """Return who makes this request.

        Raises:
            NoCertificateError: the connection was opened without a certificate.
            IdentityExpiredError: the certificate has ended since.
            UnknownIdentityError, RevokedError: the database says so.
        """
        certificate = self._certificate(request)
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

    def _certificate(self, request: web.Request) -> PeerCertificate:
        transport = request.transport
        if transport is None:
            raise NoCertificateError
        known = self._certificates.get(transport)
        if known is None:
            tls = transport.get_extra_info("ssl_object")
            der = None if tls is None else tls.getpeercert(binary_form=True)
            if der is None:
                raise NoCertificateError
            certificate = x509.load_der_x509_certificate(der)
            known = PeerCertificate(public_key_digest(certificate), certificate.not_valid_after_utc)
            self._certificates[transport] = known
        return known
