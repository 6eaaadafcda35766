"""TLS as this grid speaks it: version 1.3 alone (RFC 8446), and no authority trusted but the grid's own.

No SSLKEYLOGFILE, no system store, no name taken from a subject.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from xwhep.pki.certificates import bundle_pem
from xwhep.pki.identity import Identity


def server_context(certificate: Path, key: Path, cas: Sequence[x509.Certificate]) -> ssl.SSLContext:
    """Return the listener's context: it asks for a member's certificate and lets come in who has none.

    A certificate that is shown must be good: from one of `cas`, within its dates, for clients. There are no session
    tickets, so that every connection shows its certificate afresh. After a renewal, `load_cert_chain` on the same
    context serves new connections with the new certificate.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, cas)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0
    context.load_cert_chain(certificate, key)
    return context


def client_context(identity: Identity) -> ssl.SSLContext:
    """Return the context of a member: it shows the identity's certificate, and verifies the dispatcher and its name."""
    context = anonymous_context(identity.cas)
    context.load_cert_chain(identity.certificate_path, identity.key_path)
    return context


def show_renewed(context: ssl.SSLContext, identity: Identity) -> None:
    """Let a member's context show the renewed certificate, and trust the authorities that came with it.

    New connections show the new certificate; those that are open go on with the old one, which still holds.
    """
    context.load_verify_locations(cadata=bundle_pem(identity.cas).decode("ascii"))
    context.load_cert_chain(identity.certificate_path, identity.key_path)


def anonymous_context(cas: Sequence[x509.Certificate]) -> ssl.SSLContext:
    """Return a context that verifies the dispatcher and its name and shows nothing: to join and to renew."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, cas)
    context.hostname_checks_common_name = False
    return context


def unverified_context() -> ssl.SSLContext:
    """Return a context that trusts anyone: for fetching an authority's certificate before its digest is compared.

    Nothing that is secret may be sent over it, and nothing it brings may be believed.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, ())
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(protocol: int, cas: Sequence[x509.Certificate]) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if cas:
        context.load_verify_locations(cadata=bundle_pem(cas).decode("ascii"))
    return context
