from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.members import Kind, Member, parse_member

GRID = UUID("0197a000-0000-7000-8000-000000000001")
UID = UUID("0197a000-0000-7000-8000-000000000002")
members = st.builds(Member, st.uuids(), st.sampled_from(Kind), st.uuids())


def test_a_uri_names_grid_kind_and_member() -> None:
    assert Member(GRID, Kind.HOST, UID).uri == (
        "urn:xwhep:0197a000-0000-7000-8000-000000000001:host:0197a000-0000-7000-8000-000000000002"
    )


@given(members)
def test_a_member_comes_back_from_its_uri(member: Member) -> None:
    assert parse_member(member.uri) == member


@pytest.mark.parametrize(
    "uri",
    [
        "",
        f"urn:xwhep:{GRID}:administrator:{UID}",
        f"urn:xwhep:{GRID}:host",
        f"urn:xwhep:{GRID}:host:{UID}\n",
        f"urn:xwhep:{GRID}:host:{UID}:host:{UID}",
        f"urn:xwhep:{GRID}:host:{UID.hex}",
        f"urn:xwhep:{GRID}:host:{str(UID).upper().replace('7', 'A')}",
        f"URN:xwhep:{GRID}:host:{UID}",
        f" urn:xwhep:{GRID}:host:{UID}",
    ],
)
def test_only_the_form_that_is_written_is_read(uri: str) -> None:
    with pytest.raises(ValueError, match="not the URI of a grid's member"):
        parse_member(uri)


@given(st.text())
def test_other_text_names_no_member(text: str) -> None:
    with pytest.raises(ValueError, match="not the URI"):
        parse_member(text)
