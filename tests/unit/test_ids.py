"""Ids: the vectors of RFC 9562, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from uuid import UUID, uuid1, uuid4

import pytest

from xwhep.errors.requests import InvalidFieldError
from xwhep.ids import check_client_uid, derived_uid, parse_uid, uuid7

NOW = datetime(2026, 3, 4, 5, 6, 7, 89_999, tzinfo=UTC)


def test_version_7_is_made_as_in_the_rfc() -> None:
    """RFC 9562, appendix A.6."""
    now = datetime(2022, 2, 22, 14, 22, 22, tzinfo=timezone(timedelta(hours=-5)))

    assert uuid7(now, bytes.fromhex("0CC318C4DC0C0C07398F")) == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@pytest.mark.parametrize("random", [bytes(10), b"\xff" * 10])
def test_version_and_variant_prevail_over_the_random_bytes(random: bytes) -> None:
    uid = uuid7(NOW, random)

    assert uid.version == 7
    assert uid.bytes[8] >> 6 == 0b10
    assert int.from_bytes(uid.bytes[:6], "big") == int(NOW.timestamp()) * 1000 + 89


def test_a_derived_id_begins_a_hash_of_tag_and_parts() -> None:
    text = (3).to_bytes(8, "big") + b"tag" + (2).to_bytes(8, "big") + b"ab" + bytes(8)
    digest = sha256(text).hexdigest()

    uid = derived_uid("tag", b"ab", b"")

    assert uid.hex[:12] == digest[:12]
    assert uid.hex[13:16] == digest[13:16]
    assert uid.hex[17:] == digest[17:32]
    assert uid.version == 8


def test_derived_ids_of_other_parts_differ() -> None:
    ids = [derived_uid("tag", b"ab", b"c"), derived_uid("tag", b"a", b"bc"), derived_uid("taga", b"b", b"c")]

    assert len({*ids, derived_uid("tag", b"abc"), derived_uid("tag")}) == 5


@pytest.mark.parametrize("uid", [uuid4(), uuid7(NOW, bytes(10)), derived_uid("tag")])
def test_an_id_is_read_back_from_its_text(uid: UUID) -> None:
    assert parse_uid(str(uid)) == uid
    assert parse_uid(str(uid).upper()) == uid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "0190f3c28a4e7b1d9c3f2e5d6a7b8c9d",
        "{0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d}",
        "urn:uuid:0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d",
        "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d\n",
        "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9g",
        "\u0660190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d",
    ],
)
def test_other_texts_are_no_ids(text: str) -> None:
    with pytest.raises(InvalidFieldError, match="job: this is not a UUID of 36 characters"):
        parse_uid(text, "job")


@pytest.mark.parametrize("uid", [UUID(int=0), UUID(int=2**128 - 1), uuid1(node=1, clock_seq=1)])
def test_other_versions_are_refused(uid: UUID) -> None:
    with pytest.raises(InvalidFieldError, match="uid: this is a UUID of another version than 7, 4 and 8"):
        parse_uid(str(uid))


def test_a_client_may_not_take_a_derived_id() -> None:
    with pytest.raises(InvalidFieldError, match="version 8 is reserved to the grid itself"):
        check_client_uid(derived_uid("tag"))
