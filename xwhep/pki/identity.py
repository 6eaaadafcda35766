"""A member's identity: the folder with its key, its certificate and the authorities it trusts.

    key.pem        the private key, mode 0600; it never leaves this folder
    cert.pem       the certificate, which says who the member is and until when
    ca.pem         the grid's authorities, one or, during a change, two
    identity.json  the dispatcher's address; written last
    joining/       the same, while a join is under way

A new identity is completed in `joining/` and then moved file by file; its identity.json is there until the last move,
so that a move which a crash cut short is taken up by the next reader. The old identity serves until the new is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from xwhep.errors.base import XwhepError
from xwhep.errors.identity import (
    IdentityDamagedError,
    IdentityExpiredError,
    IdentityForeignError,
    IdentityNotYetValidError,
    NotJoinedError,
)
from xwhep.files import make_private_folder, replace_file, sync_folder
from xwhep.members import Member
from xwhep.pki.certificates import Bundle, bundle_pem, common_name, is_issued_by, member_of, parse_bundle
from xwhep.pki.keys import load_key, make_key, public_key_digest, save_key

_KEY, _CERTIFICATE, _CA, _ADDRESS, _JOINING = "key.pem", "cert.pem", "ca.pem", "identity.json", "joining"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this machine or person is to one dispatcher."""

    folder: Path
    dispatcher: str  #: the dispatcher's address, https://host:port
    certificate: x509.Certificate
    cas: Bundle

    @property
    def key_path(self) -> Path:
        """The private key's file."""
        return self.folder / _KEY

    @property
    def certificate_path(self) -> Path:
        """The certificate's file."""
        return self.folder / _CERTIFICATE

    @property
    def ca_path(self) -> Path:
        """The trusted authorities' file."""
        return self.folder / _CA

    @property
    def member(self) -> Member:
        """Grid, kind and uid, as the certificate says."""
        return member_of(self.certificate)

    @property
    def name(self) -> str:
        """What people call the member."""
        return common_name(self.certificate.subject)

    @property
    def starts_at(self) -> datetime:
        """When the certificate begins to hold."""
        return self.certificate.not_valid_before_utc

    @property
    def ends_at(self) -> datetime:
        """When the certificate ceases to hold."""
        return self.certificate.not_valid_after_utc


def joining_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key to join with, on the disk before anybody hears of it.

    A join that was cut short left its key, which is used again: the dispatcher may already know it as a member's.
    """
    _finish(folder)
    path = folder / _JOINING / _KEY
    make_private_folder(path.parent)
    if not path.exists():
        save_key(path, make_key())
    return load_key(path)


def forget_joining(folder: Path) -> None:
    """Drop the key of a join that the dispatcher refused."""
    shutil.rmtree(folder / _JOINING, ignore_errors=True)


def store_identity(folder: Path, dispatcher: str, certificate: x509.Certificate, cas: Bundle) -> Identity:
    """Store the certificate that was issued for the folder's `joining_key`; from then on it is the identity.

    Raises:
        ValueError: the certificate is for another key, or names no member.
    """
    staged = folder / _JOINING
    if public_key_digest(certificate) != public_key_digest(load_key(staged / _KEY)):
        raise ValueError("the certificate is for another key")
    member_of(certificate)
    replace_file(staged / _CA, bundle_pem(cas))
    replace_file(staged / _CERTIFICATE, bundle_pem([certificate]))
    replace_file(staged / _ADDRESS, json.dumps({"dispatcher": dispatcher}).encode())
    _finish(folder)
    return Identity(folder, dispatcher, certificate, cas)


def update_identity(identity: Identity, certificate: x509.Certificate, cas: Bundle) -> Identity:
    """Store a renewed certificate and the authorities that came with it.

    Raises:
        ValueError: the certificate is for another key or another member.
    """
    if public_key_digest(certificate) != public_key_digest(identity.certificate):
        raise ValueError("the certificate is for another key")
    if member_of(certificate) != identity.member:
        raise ValueError("the certificate is for another member")
    replace_file(identity.ca_path, bundle_pem(cas))
    replace_file(identity.certificate_path, bundle_pem([certificate]))
    return replace(identity, certificate=certificate, cas=cas)


def load_identity(folder: Path, join_command: str) -> Identity:
    """Return the identity in `folder`.

    Raises:
        NotJoinedError: there is none; the text advises to run `join_command`.
        IdentityDamagedError: a file is missing or is not what it should be.
    """
    _finish(folder)
    address = folder / _ADDRESS
    if not address.exists():
        raise NotJoinedError(str(folder), join_command)
    identity = Identity(folder, _read_address(address), _read(folder / _CERTIFICATE)[0], _read(folder / _CA))
    _check(identity)
    return identity


def explain(identity: Identity, now: datetime) -> XwhepError | None:
    """Return what is wrong with the identity itself, None when the fault must lie elsewhere.

    A dispatcher that refuses a certificate in the handshake cannot say why; the member looks here first.
    """
    if now < identity.starts_at:
        return IdentityNotYetValidError(identity.starts_at)
    if now > identity.ends_at:
        return IdentityExpiredError(identity.ends_at)
    if not any(is_issued_by(identity.certificate, ca) for ca in identity.cas):
        return IdentityForeignError(common_name(identity.certificate.issuer))
    return None


def _finish(folder: Path) -> None:
    """Move a completed new identity into place; where a crash cut it short, go on from there."""
    staged = folder / _JOINING
    if not (staged / _ADDRESS).exists():
        return
    for name in (_CA, _KEY, _CERTIFICATE):
        _move(staged / name, folder / name)
    sync_folder(folder)
    _move(staged / _ADDRESS, folder / _ADDRESS)
    sync_folder(folder)
    shutil.rmtree(staged, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    with suppress(FileNotFoundError):  # moved before the crash, or by another process that reads at the same time
        os.replace(source, target)  # noqa: PTH105 - as in xwhep.files


def _read_address(path: Path) -> str:
    try:
        dispatcher = json.loads(path.read_bytes())["dispatcher"]
    except (ValueError, KeyError, TypeError) as error:
        raise IdentityDamagedError(path, "it does not name a dispatcher") from error
    if not isinstance(dispatcher, str):
        raise IdentityDamagedError(path, "it does not name a dispatcher")
    return dispatcher


def _read(path: Path) -> Bundle:
    try:
        return parse_bundle(path.read_bytes())
    except FileNotFoundError as error:
        raise IdentityDamagedError(path, "it is missing") from error
    except ValueError as error:
        raise IdentityDamagedError(path, "it holds no certificate in PEM") from error


def _check(identity: Identity) -> None:
    try:
        member_of(identity.certificate)
    except ValueError as error:
        raise IdentityDamagedError(identity.certificate_path, str(error)) from error
    try:
        key = load_key(identity.key_path)
    except FileNotFoundError as error:
        raise IdentityDamagedError(identity.key_path, "it is missing") from error
    if public_key_digest(key) != public_key_digest(identity.certificate):
        raise IdentityDamagedError(identity.key_path, "the certificate beside it is for another key")
