"""The grid's certificate authority: it certifies the dispatcher and the members, and nobody else.

An authority signs leaf certificates only (path length 0). A certificate holds from 24 hours before it is made, so that
a machine whose clock is up to a day slow can use it at once. Profiles follow RFC 5280, 4.2, strictly: OpenSSL's strict
mode checks them. This module knows no clock: `now` is an argument.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from xwhep.errors.identity import AuthorityExistsError, BadSignatureError, IdentityDamagedError, IdentityExpiredError
from xwhep.errors.requests import InvalidFieldError
from xwhep.files import make_private_folder, replace_file
from xwhep.members import Member
from xwhep.pki.certificates import Bundle, bundle_pem, due_for_renewal, is_issued_by, parse_bundle
from xwhep.pki.keys import is_p256, load_key, make_key, public_key_digest, save_key

AUTHORITY_LIFE = timedelta(days=3653)
LEAF_LIFE = timedelta(days=90)
CLOCK_SKEW = timedelta(hours=24)
SERVER_NAMES = 64  #: how many names a dispatcher may have
REQUEST_CHARACTERS = 4096  #: a request for a P-256 key has about 400

_KEY, _CA, _CERTIFICATE = "key.pem", "ca.pem", "cert.pem"
#: a host name's letters, digits and hyphens (RFC 1123, 2.1)
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Authority:
    """A key that certifies, its certificate, and all authorities that the grid trusts at present."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    cas: Bundle  #: the own certificate and, while one authority follows another, the other's

    def issue_member(
        self, public_key: ec.EllipticCurvePublicKey, member: Member, name: str, now: datetime
    ) -> x509.Certificate:
        """Return a member's certificate: good for connecting to the dispatcher, 90 days long.

        `name` is for people, at most 64 bytes (RFC 5280, appendix A.1, ub-common-name); who the member is stands in
        the URI, what the member may do in the database.
        """
        builder = self._leaf(public_key, name, [x509.UniformResourceIdentifier(member.uri)], now)
        return self._sign(builder, ExtendedKeyUsageOID.CLIENT_AUTH)

    def issue_server(
        self, public_key: ec.EllipticCurvePublicKey, names: Sequence[str], now: datetime
    ) -> x509.Certificate:
        """Return the dispatcher's certificate for these host names and IP addresses, 90 days long.

        Raises:
            InvalidFieldError: there is no name, too many, or one that is neither a host name nor an address.
        """
        builder = self._leaf(public_key, "xwhep dispatcher", server_names(names), now)
        return self._sign(builder, ExtendedKeyUsageOID.SERVER_AUTH)

    def ensure_server_certificate(self, folder: Path, names: Sequence[str], now: datetime) -> bool:
        """Make sure that `folder` has key.pem and a fresh cert.pem for the dispatcher; tell whether it is a new one.

        It is made anew when a third of its life is over, when the names have changed, when it comes from another
        authority, and when it cannot be read. The key stays, so that key and certificate always fit each other.
        """
        wanted = server_names(names)
        key = _server_key(folder)
        present = _present_certificate(folder / _CERTIFICATE)
        if present is not None and self._still_serves(present, key, wanted) and not due_for_renewal(present, now):
            return False
        replace_file(folder / _CERTIFICATE, bundle_pem([self.issue_server(key.public_key(), names, now)]))
        return True

    def _still_serves(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName]
    ) -> bool:
        if public_key_digest(certificate) != public_key_digest(key) or not is_issued_by(certificate, self.certificate):
            return False
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) == names

    def _leaf(
        self, public_key: ec.EllipticCurvePublicKey, name: str, names: Sequence[x509.GeneralName], now: datetime
    ) -> x509.CertificateBuilder:
        """Return what every leaf has: name, issuer, key, dates within the authority's own, a key that only signs."""
        ends_at = self.certificate.not_valid_after_utc
        if now >= ends_at:
            raise IdentityExpiredError(ends_at)
        own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return (
            _certificate(common_name(name), public_key, now, min(now + LEAF_LIFE, ends_at))
            .issuer_name(self.certificate.subject)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
        )

    def _sign(self, builder: x509.CertificateBuilder, purpose: x509.ObjectIdentifier) -> x509.Certificate:
        return builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False).sign(self.key, hashes.SHA256())


def create(grid_uid: UUID, now: datetime) -> Authority:
    """Return a new authority with a key of its own, for ten years."""
    key = make_key()
    name = common_name(f"xwhep grid {grid_uid}")
    certificate = (
        _certificate(name, key.public_key(), now, now + AUTHORITY_LIFE)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate, (certificate,))


def save(authority: Authority, folder: Path) -> None:
    """Keep the authority in `folder`: key.pem, mode 0600, and ca.pem, with all authorities the grid trusts.

    Raises:
        AuthorityExistsError: one is there already; a key is never written over.
    """
    if (folder / _CA).exists():
        raise AuthorityExistsError(folder)
    make_private_folder(folder)
    save_key(folder / _KEY, authority.key)
    replace_file(folder / _CA, bundle_pem(authority.cas))


def load(folder: Path) -> Authority:
    """Return the authority in `folder`: of the certificates in ca.pem, the one that key.pem belongs to.

    Raises:
        IdentityDamagedError: the files are malformed or do not belong together.
        FileNotFoundError: there is none.
    """
    key = load_key(folder / _KEY)
    try:
        cas = parse_bundle((folder / _CA).read_bytes())
    except ValueError as error:
        raise IdentityDamagedError(folder / _CA, "it holds no certificate in PEM") from error
    own = [ca for ca in cas if public_key_digest(ca) == public_key_digest(key)]
    if not own:
        raise IdentityDamagedError(folder / _CA, "no certificate in it is for the key beside it")
    return Authority(key, own[0], cas)


def requested_key(csr: str) -> ec.EllipticCurvePublicKey:
    """Return the key that a certificate request asks for; its name, extensions and attributes are not looked at.

    Raises:
        BadSignatureError: the request is too long or malformed, its key is not on P-256, or its signature does not
            prove the possession of the key.
    """
    if len(csr) > REQUEST_CHARACTERS:
        raise BadSignatureError(f"it is longer than {REQUEST_CHARACTERS} characters")
    try:
        request = x509.load_pem_x509_csr(csr.encode("ascii"))
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise BadSignatureError("it is no PKCS #10 request in PEM with a key of a known kind") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not is_p256(key):
        raise BadSignatureError("its key is not on the curve P-256")
    if not _is_signed(request):
        raise BadSignatureError("its signature is not by its own key")
    return key


def server_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Return the names and addresses under which a dispatcher is reached, each once, in their order.

    Raises:
        InvalidFieldError: there is no name, too many, or one that is neither a host name nor an address.
    """
    if not 1 <= len(names) <= SERVER_NAMES:
        raise InvalidFieldError("name", f"a dispatcher has 1 to {SERVER_NAMES} names, not {len(names)}")
    return list(dict.fromkeys(_server_name(name.strip().lower()) for name in names))


def common_name(text: str) -> x509.Name:
    """Return a name with nothing but what people call its bearer."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _server_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.replace("%", "/")))  # a zone (RFC 4007) means nothing elsewhere
    except ValueError:
        if not _HOST_NAME.fullmatch(name) or name.rpartition(".")[2].isdigit():
            why = f"{name!r} is neither an IP address nor a host name; write letters beyond ASCII in their xn-- form"
            raise InvalidFieldError("name", why) from None
    return x509.DNSName(name)


def _certificate(
    subject: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime, ends_at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(ends_at)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _server_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    make_private_folder(folder)
    if not (folder / _KEY).exists():
        save_key(folder / _KEY, make_key())
    return load_key(folder / _KEY)


def _present_certificate(path: Path) -> x509.Certificate | None:
    try:
        return parse_bundle(path.read_bytes())[0]
    except (FileNotFoundError, ValueError):
        return None


def _is_signed(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
