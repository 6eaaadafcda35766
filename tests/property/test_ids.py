"""Ids: order and round trip."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from xwhep.ids import derived_uid, parse_uid, uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

milliseconds = st.integers(0, 2**47)
random_bytes = st.binary(min_size=10, max_size=10)


def at(millisecond: int) -> datetime:
    return EPOCH + timedelta(milliseconds=millisecond)


@given(a=milliseconds, b=milliseconds, random_a=random_bytes, random_b=random_bytes)
def test_ids_of_version_7_sort_by_their_millisecond(a: int, b: int, random_a: bytes, random_b: bytes) -> None:
    first, second = uuid7(at(a), random_a), uuid7(at(b), random_b)

    assert a == b or (first < second) == (a < b)


@given(
    uid=st.uuids(version=4) | st.builds(uuid7, milliseconds.map(at), random_bytes) | st.builds(derived_uid, st.text())
)
def test_an_id_is_read_back_from_its_text(uid: UUID) -> None:
    assert parse_uid(str(uid)) == uid


@given(
    parts=st.lists(st.binary(max_size=4), max_size=4).map(tuple),
    others=st.lists(st.binary(max_size=4), max_size=4).map(tuple),
)
def test_derived_ids_are_equal_just_when_their_parts_are(parts: tuple[bytes, ...], others: tuple[bytes, ...]) -> None:
    assert (derived_uid("tag", *parts) == derived_uid("tag", *others)) == (parts == others)
