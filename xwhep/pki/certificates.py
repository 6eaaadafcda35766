"""Reading certificates: bundles, digests, members, dates."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from xwhep.members import Member, parse_member

Bundle = tuple[x509.Certificate, ...]  #: one authority, or two while one follows the other


def parse_bundle(pem: bytes) -> Bundle:
    """Return the certificates in `pem`, at least one.

    Raises:
        ValueError: there is none, or one is malformed.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, x509.InvalidVersion) as error:
        raise ValueError("there is no certificate in PEM") from error


def bundle_pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """Return the certificates in PEM, one after the other."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def certificate_digest(certificate: x509.Certificate) -> bytes:
    """Return the SHA-256 of the certificate's DER, 32 bytes: what a join token names an authority by."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def member_of(certificate: x509.Certificate) -> Member:
    """Return the member that the certificate was made for.

    Raises:
        ValueError: it names none, or more than one, as a certificate of another kind or another origin does.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise ValueError("the certificate names no member of a grid") from error
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise ValueError("the certificate names no member of a grid")
    return parse_member(uris[0])


def common_name(name: x509.Name) -> str:
    """Return what people call the subject or issuer; empty when it has no such name."""
    return next((str(part.value) for part in name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)), "")


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Tell whether `authority` signed `certificate`; dates are not looked at."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def due_for_renewal(certificate: x509.Certificate, now: datetime) -> bool:
    """Tell whether a third of the certificate's life is over: early enough to try again for two months."""
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now >= certificate.not_valid_before_utc + lifetime / 3
