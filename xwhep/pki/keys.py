"""Private keys, their files, and the requests that they sign."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from xwhep.errors.identity import IdentityDamagedError
from xwhep.files import PRIVATE, replace_file


def make_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh P-256 key from the operating system's randomness."""
    return ec.generate_private_key(ec.SECP256R1())


def save_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write `key` as unencrypted PKCS #8 PEM, readable by its owner alone from the first byte."""
    replace_file(
        path,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        PRIVATE,
    )


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key in the file.

    Raises:
        IdentityDamagedError: the file holds no P-256 key.
        FileNotFoundError: there is no such file.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise IdentityDamagedError(path, "it holds no private key in PEM without a password") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not is_p256(key.public_key()):
        raise IdentityDamagedError(path, "its key is not on the curve P-256")
    return key


def is_p256(key: PublicKeyTypes) -> bool:
    """Tell whether `key` is of the one kind that this grid uses."""
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def signing_request(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a PKCS #10 request in PEM that proves the possession of `key` and says nothing else (RFC 2986)."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def public_key_digest(holder: x509.Certificate | ec.EllipticCurvePrivateKey | PublicKeyTypes) -> str:
    """Return the SHA-256 of the key's SubjectPublicKeyInfo in DER (RFC 5280, 4.1.2.7), as 64 hexadecimal digits."""
    key = holder.public_key() if isinstance(holder, x509.Certificate | ec.EllipticCurvePrivateKey) else holder
    information = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(information).hexdigest()
