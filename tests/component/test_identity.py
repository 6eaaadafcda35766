"""Identities, in a real folder, issued by a real authority."""

from __future__ import annotations

import json
import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dispatcher import authority
from dispatcher.authority import Authority
from tests.support.tls import GRID, HOST, make_identity
from xwhep.errors.identity import (
    IdentityDamagedError,
    IdentityExpiredError,
    IdentityForeignError,
    IdentityNotYetValidError,
    NotJoinedError,
)
from xwhep.files import replace_file
from xwhep.members import Kind, Member
from xwhep.pki.certificates import bundle_pem, due_for_renewal
from xwhep.pki.identity import (
    Identity,
    explain,
    forget_joining,
    joining_key,
    load_identity,
    store_identity,
    update_identity,
)
from xwhep.pki.keys import load_key, public_key_digest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOIN = "xwhep-worker join URL --token T"


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority.create(GRID, NOW)


def load(folder: Path) -> Identity:
    return load_identity(folder, JOIN)


def test_an_identity_comes_back_from_its_folder(ca: Authority, tmp_path: Path) -> None:
    stored = make_identity(ca, tmp_path / "host", NOW, "https://grid.example.org:8443")

    loaded = load(tmp_path / "host")

    assert loaded == stored
    assert loaded.dispatcher == "https://grid.example.org:8443"
    assert (loaded.member, loaded.name) == (HOST, "laptop")
    assert (loaded.starts_at, loaded.ends_at) == (NOW - timedelta(hours=24), NOW + timedelta(days=90))
    assert loaded.ca_path.read_bytes().count(b"BEGIN CERTIFICATE") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no file modes")
def test_the_key_is_for_its_owner_alone_and_nowhere_else(ca: Authority, tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        identity = make_identity(ca, tmp_path / "home" / "host", NOW)
    finally:
        os.umask(umask)

    assert stat.S_IMODE(identity.key_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(identity.folder.stat().st_mode) == 0o700
    holders = [path.name for path in tmp_path.rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()]
    assert holders == ["key.pem"]


def test_who_never_joined_is_told_how_to(tmp_path: Path) -> None:
    with pytest.raises(NotJoinedError, match="run `xwhep-worker join URL --token T` with a token first"):
        load(tmp_path / "host")


def test_a_join_cut_short_before_the_answer_goes_on_with_the_same_key(tmp_path: Path) -> None:
    first = public_key_digest(joining_key(tmp_path))

    assert public_key_digest(joining_key(tmp_path)) == first


def test_a_join_that_was_refused_goes_on_with_another_key(tmp_path: Path) -> None:
    first = public_key_digest(joining_key(tmp_path))

    forget_joining(tmp_path)

    assert public_key_digest(joining_key(tmp_path)) != first


def test_joining_again_changes_nothing_until_the_new_identity_is_whole(ca: Authority, tmp_path: Path) -> None:
    old = make_identity(ca, tmp_path, NOW)

    joining_key(tmp_path)

    assert load(tmp_path) == old


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


@pytest.mark.parametrize("renames", range(8))
def test_a_crash_while_an_identity_is_stored_leaves_the_old_or_the_new_one_whole(
    ca: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    old = make_identity(ca, tmp_path, NOW)
    key = joining_key(tmp_path)
    member = Member(GRID, Kind.HOST, UUID(int=7))
    certificate = ca.issue_member(key.public_key(), member, "new", NOW)
    left = [renames]
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        killed = False
        try:
            store_identity(tmp_path, "https://new.example.org:443", certificate, ca.cas)
        except Killed:
            killed = True

    assert killed is (renames < 7)
    found = load(tmp_path)
    assert found.member == (old.member if renames < 3 else member)
    assert found.dispatcher == (old.dispatcher if renames < 3 else "https://new.example.org:443")
    assert public_key_digest(load_key(found.key_path)) == public_key_digest(found.certificate)


def test_a_certificate_for_another_key_is_not_stored(ca: Authority, tmp_path: Path) -> None:
    joining_key(tmp_path / "a")
    foreign = ca.issue_member(joining_key(tmp_path / "b").public_key(), HOST, "laptop", NOW)

    with pytest.raises(ValueError, match="for another key"):
        store_identity(tmp_path / "a", "https://grid.example.org:443", foreign, ca.cas)
    with pytest.raises(NotJoinedError):
        load(tmp_path / "a")


def test_a_renewed_certificate_takes_the_place_of_the_old_one(ca: Authority, tmp_path: Path) -> None:
    identity = make_identity(ca, tmp_path, NOW)
    later = NOW + timedelta(days=40)
    fresh = ca.issue_member(load_key(identity.key_path).public_key(), HOST, "laptop", later)

    renewed = update_identity(identity, fresh, ca.cas)

    assert renewed == load(tmp_path)
    assert renewed.ends_at == later + timedelta(days=90)


def test_a_renewal_for_another_key_or_member_is_refused(ca: Authority, tmp_path: Path) -> None:
    identity = make_identity(ca, tmp_path, NOW)
    other_key = ca.issue_member(joining_key(tmp_path / "b").public_key(), HOST, "laptop", NOW)
    administrator = Member(GRID, Kind.USER, HOST.uid)
    other_member = ca.issue_member(load_key(identity.key_path).public_key(), administrator, "laptop", NOW)

    with pytest.raises(ValueError, match="another key"):
        update_identity(identity, other_key, ca.cas)
    with pytest.raises(ValueError, match="another member"):
        update_identity(identity, other_member, ca.cas)
    assert load(tmp_path) == identity


def some_key(kind: str) -> bytes:
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP384R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("key.pem", b"", "no private key"),
        ("key.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        ("key.pem", some_key("rsa"), "not on the curve P-256"),
        ("key.pem", some_key("p384"), "not on the curve P-256"),
        ("key.pem", None, "it is missing"),
        ("cert.pem", b"\xff\xfe", "no certificate in PEM"),
        ("cert.pem", None, "it is missing"),
        ("ca.pem", b"", "no certificate in PEM"),
        ("identity.json", b"{", "does not name a dispatcher"),
        ("identity.json", b"[]", "does not name a dispatcher"),
        ("identity.json", b'{"dispatcher": 1}', "does not name a dispatcher"),
    ],
)
def test_a_damaged_file_is_named(ca: Authority, tmp_path: Path, name: str, content: bytes | None, why: str) -> None:
    make_identity(ca, tmp_path, NOW)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(IdentityDamagedError, match=why) as caught:
        load(tmp_path)

    assert str(tmp_path / name) in str(caught.value)


def test_a_key_that_does_not_belong_to_the_certificate_is_noticed(ca: Authority, tmp_path: Path) -> None:
    make_identity(ca, tmp_path / "a", NOW)
    make_identity(ca, tmp_path / "b", NOW)
    shutil.copy(tmp_path / "a" / "key.pem", tmp_path / "b" / "key.pem")

    with pytest.raises(IdentityDamagedError, match="the certificate beside it is for another key"):
        load(tmp_path / "b")


def test_the_certificate_of_an_authority_or_a_dispatcher_is_no_identity(ca: Authority, tmp_path: Path) -> None:
    identity = make_identity(ca, tmp_path, NOW)
    key = load_key(identity.key_path).public_key()

    for other in (ca.certificate, ca.issue_server(key, ["localhost"], NOW)):
        replace_file(identity.certificate_path, bundle_pem([other]))
        with pytest.raises(IdentityDamagedError, match="names no member"):
            load(tmp_path)


def test_the_address_file_holds_nothing_that_a_certificate_says(ca: Authority, tmp_path: Path) -> None:
    make_identity(ca, tmp_path, NOW)

    assert list(json.loads((tmp_path / "identity.json").read_bytes())) == ["dispatcher"]


def test_a_good_identity_needs_no_explanation(ca: Authority, tmp_path: Path) -> None:
    assert explain(make_identity(ca, tmp_path, NOW), NOW) is None


def test_an_expired_identity_is_explained(ca: Authority, tmp_path: Path) -> None:
    error = explain(make_identity(ca, tmp_path, NOW), NOW + timedelta(days=90, seconds=1))

    assert isinstance(error, IdentityExpiredError)
    assert str(error) == "this machine's certificate ended at 2026-05-30 12:00 UTC; check the clock or join again"


def test_a_clock_that_is_far_behind_is_explained(ca: Authority, tmp_path: Path) -> None:
    identity = make_identity(ca, tmp_path, NOW)

    assert explain(identity, NOW - timedelta(hours=23)) is None
    assert isinstance(explain(identity, NOW - timedelta(hours=25)), IdentityNotYetValidError)


def test_an_identity_of_another_authority_is_explained(ca: Authority, tmp_path: Path) -> None:
    identity = make_identity(ca, tmp_path, NOW)
    rebuilt = authority.create(GRID, NOW)

    error = explain(Identity(identity.folder, identity.dispatcher, identity.certificate, rebuilt.cas), NOW)

    assert isinstance(error, IdentityForeignError)
    assert f"xwhep grid {GRID}" in str(error)


def test_an_identity_is_due_for_renewal_after_a_third_of_its_life(ca: Authority, tmp_path: Path) -> None:
    certificate = make_identity(ca, tmp_path, NOW).certificate

    assert not due_for_renewal(certificate, NOW + timedelta(days=29))
    assert due_for_renewal(certificate, NOW + timedelta(days=30))
    assert due_for_renewal(certificate, NOW + timedelta(days=1000))
