"""The authority: what it certifies, what it refuses, and its folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from dispatcher import authority
from dispatcher.authority import Authority, requested_key, server_names
from tests.support.tls import GRID, HOST
from xwhep.errors.identity import AuthorityExistsError, BadSignatureError, IdentityDamagedError, IdentityExpiredError
from xwhep.errors.requests import InvalidFieldError
from xwhep.pki.certificates import common_name, is_issued_by, member_of, parse_bundle
from xwhep.pki.keys import make_key, public_key_digest, signing_request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
T = TypeVar("T", bound=x509.ExtensionType)


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority.create(GRID, NOW)


def extension(certificate: x509.Certificate, kind: type[T]) -> T:
    return certificate.extensions.get_extension_for_class(kind).value


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


# --- what it certifies


def test_an_authority_signs_leaves_only_and_for_ten_years(ca: Authority) -> None:
    constraints = ca.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extension(ca.certificate, x509.KeyUsage)

    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert usage.key_cert_sign
    assert not usage.digital_signature
    assert ca.certificate.not_valid_after_utc == NOW + timedelta(days=3653)


def test_a_member_gets_its_uri_and_may_only_be_a_client(ca: Authority) -> None:
    key = make_key()

    certificate = ca.issue_member(key.public_key(), HOST, "Zoë's laptop", NOW)

    assert member_of(certificate) == HOST
    assert common_name(certificate.subject) == "Zoë's laptop"
    assert list(extension(certificate, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extension(certificate, x509.BasicConstraints).ca
    assert not extension(certificate, x509.KeyUsage).key_cert_sign
    assert public_key_digest(certificate) == public_key_digest(key)
    assert is_issued_by(certificate, ca.certificate)


def test_a_certificate_holds_ninety_days_and_tolerates_a_slow_clock(ca: Authority) -> None:
    certificate = ca.issue_member(make_key().public_key(), HOST, "laptop", NOW)

    assert certificate.not_valid_before_utc == NOW - timedelta(hours=24)
    assert certificate.not_valid_after_utc == NOW + timedelta(days=90)


def test_no_two_certificates_have_one_serial_number(ca: Authority) -> None:
    key = make_key().public_key()

    assert len({ca.issue_member(key, HOST, "laptop", NOW).serial_number for _ in range(5)}) == 5


def test_a_certificate_never_outlives_its_authority(ca: Authority) -> None:
    end = ca.certificate.not_valid_after_utc

    certificate = ca.issue_member(make_key().public_key(), HOST, "laptop", end - timedelta(days=1))

    assert certificate.not_valid_after_utc == end


def test_an_authority_past_its_end_certifies_nobody(ca: Authority) -> None:
    with pytest.raises(IdentityExpiredError):
        ca.issue_member(make_key().public_key(), HOST, "laptop", ca.certificate.not_valid_after_utc)


# --- requests


def test_of_a_request_only_the_key_is_used(ca: Authority) -> None:
    key = make_key()
    greedy = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(authority.common_name("administrator"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=3), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("grid.example.org")]), critical=False)
        .sign(key, hashes.SHA256())
    )

    asked = requested_key(greedy.public_bytes(Encoding.PEM).decode())
    got = ca.issue_member(asked, HOST, "laptop", NOW)
    plain = ca.issue_member(requested_key(signing_request(key)), HOST, "laptop", NOW)

    assert asked == key.public_key()
    assert got.subject == plain.subject
    assert list(got.extensions) == list(plain.extensions)


def test_our_own_request_names_nobody() -> None:
    request = x509.load_pem_x509_csr(signing_request(make_key()).encode())

    assert list(request.subject) == []
    assert list(request.extensions) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate,
    ],
    ids=["rsa", "P-384", "secp256k1", "ed25519"],
)
def test_a_key_of_another_kind_is_refused(
    make: Callable[[], rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey],
) -> None:
    key = make()
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, digest)

    with pytest.raises(BadSignatureError, match="its key is not on the curve P-256"):
        requested_key(request.public_bytes(Encoding.PEM).decode())


def test_a_request_for_somebody_elses_key_is_refused() -> None:
    mine, theirs = make_key(), make_key()
    request = x509.load_pem_x509_csr(signing_request(mine).encode())
    stolen = request.public_bytes(Encoding.DER).replace(point(mine), point(theirs))
    pem = x509.load_der_x509_csr(stolen).public_bytes(Encoding.PEM).decode()

    with pytest.raises(BadSignatureError, match="its signature is not by its own key"):
        requested_key(pem)


def test_a_signature_of_an_unknown_algorithm_is_refused() -> None:
    request = x509.load_pem_x509_csr(signing_request(make_key()).encode())
    ecdsa_with_sha256 = bytes.fromhex("06082a8648ce3d040302")  # RFC 5758, 3.2
    altered = request.public_bytes(Encoding.DER).replace(ecdsa_with_sha256, ecdsa_with_sha256[:-1] + b"\x09")
    pem = x509.load_der_x509_csr(altered).public_bytes(Encoding.PEM).decode()

    with pytest.raises(BadSignatureError, match="its signature is not by its own key"):
        requested_key(pem)


@pytest.mark.parametrize(
    ("csr", "why"),
    [
        ("", "no PKCS #10 request"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "no PKCS #10 request"),
        ("é", "no PKCS #10 request"),
        ("A" * 4097, "longer than 4096 characters"),
    ],
)
def test_a_malformed_request_is_refused(csr: str, why: str) -> None:
    with pytest.raises(BadSignatureError, match=why):
        requested_key(csr)


# --- the dispatcher's own certificate


def test_the_dispatcher_gets_its_names_and_may_only_be_a_server(ca: Authority) -> None:
    names = ["Grid.Example.org", "192.0.2.7", "::1", "grid.example.org"]

    certificate = ca.issue_server(make_key().public_key(), names, NOW)

    alternative = extension(certificate, x509.SubjectAlternativeName)
    assert alternative.get_values_for_type(x509.DNSName) == ["grid.example.org"]
    assert alternative.get_values_for_type(x509.IPAddress) == [ip_address("192.0.2.7"), ip_address("::1")]
    assert list(extension(certificate, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extension(certificate, x509.BasicConstraints).ca


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "*.example.org",
        "grid_1",
        "-grid",
        "grid..org",
        "a" * 64,
        "a." * 127 + "b",
        "grille.éducation",
        "1.2.3.4.5",
        "fe80::1%eth0",
        "https://grid",
        "grid:8443",
    ],
)
def test_a_name_that_no_one_can_connect_to_is_refused(name: str) -> None:
    with pytest.raises(InvalidFieldError, match="neither an IP address nor a host name"):
        server_names([name])


@pytest.mark.parametrize("count", [0, 65])
def test_a_dispatcher_has_a_name_and_not_too_many(count: int) -> None:
    with pytest.raises(InvalidFieldError, match="a dispatcher has 1 to 64 names"):
        server_names([f"grid{number}" for number in range(count)])


def certificate_in(folder: Path) -> x509.Certificate:
    return parse_bundle((folder / "cert.pem").read_bytes())[0]


def test_the_dispatcher_renews_its_certificate_by_itself_and_keeps_its_key(ca: Authority, tmp_path: Path) -> None:
    assert ca.ensure_server_certificate(tmp_path, ["localhost"], NOW)
    first = certificate_in(tmp_path)

    assert not ca.ensure_server_certificate(tmp_path, ["localhost"], NOW + timedelta(days=29))
    assert certificate_in(tmp_path) == first
    assert ca.ensure_server_certificate(tmp_path, ["localhost"], NOW + timedelta(days=30))
    assert public_key_digest(certificate_in(tmp_path)) == public_key_digest(first)


def test_new_names_a_new_authority_and_damage_each_bring_a_new_certificate(ca: Authority, tmp_path: Path) -> None:
    ca.ensure_server_certificate(tmp_path, ["localhost"], NOW)

    assert ca.ensure_server_certificate(tmp_path, ["localhost", "127.0.0.1"], NOW)
    successor = authority.create(GRID, NOW)
    assert successor.ensure_server_certificate(tmp_path, ["localhost", "127.0.0.1"], NOW)
    assert is_issued_by(certificate_in(tmp_path), successor.certificate)
    (tmp_path / "cert.pem").write_bytes(b"half a certif")
    assert successor.ensure_server_certificate(tmp_path, ["localhost", "127.0.0.1"], NOW)


def test_wrong_names_leave_the_folder_as_it_was(ca: Authority, tmp_path: Path) -> None:
    with pytest.raises(InvalidFieldError):
        ca.ensure_server_certificate(tmp_path / "server", ["not a name"], NOW)

    assert not (tmp_path / "server").exists()


# --- its folder


def test_an_authority_comes_back_from_its_folder(ca: Authority, tmp_path: Path) -> None:
    authority.save(ca, tmp_path / "ca")

    loaded = authority.load(tmp_path / "ca")

    assert loaded.certificate == ca.certificate
    assert loaded.cas == ca.cas
    assert public_key_digest(loaded.key) == public_key_digest(ca.key)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no file modes")
def test_the_private_keys_are_for_their_owner_alone(ca: Authority, tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        authority.save(ca, tmp_path / "ca")
        ca.ensure_server_certificate(tmp_path / "server", ["localhost"], NOW)
    finally:
        os.umask(umask)

    for folder in (tmp_path / "ca", tmp_path / "server"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600


def test_an_authority_is_never_written_over(ca: Authority, tmp_path: Path) -> None:
    authority.save(ca, tmp_path)
    before = (tmp_path / "key.pem").read_bytes()

    with pytest.raises(AuthorityExistsError, match="there is a certificate authority in"):
        authority.save(authority.create(GRID, NOW), tmp_path)

    assert (tmp_path / "key.pem").read_bytes() == before


def test_of_two_trusted_authorities_the_one_whose_key_is_there_signs(ca: Authority, tmp_path: Path) -> None:
    successor = authority.create(GRID, NOW)
    authority.save(Authority(successor.key, successor.certificate, (*ca.cas, *successor.cas)), tmp_path)

    loaded = authority.load(tmp_path)

    assert loaded.certificate == successor.certificate
    assert loaded.cas == (ca.certificate, successor.certificate)


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "no certificate in PEM"), (None, "no certificate in it is for the key")]
)
def test_an_authority_whose_files_do_not_fit_is_not_loaded(
    ca: Authority, tmp_path: Path, content: bytes | None, why: str
) -> None:
    authority.save(ca, tmp_path)
    foreign = authority.create(GRID, NOW).certificate.public_bytes(Encoding.PEM)
    (tmp_path / "ca.pem").write_bytes(foreign if content is None else content)

    with pytest.raises(IdentityDamagedError, match=why):
        authority.load(tmp_path)
