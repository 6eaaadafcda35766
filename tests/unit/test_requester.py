"""What a requester does with a key, from Python: nothing that others say is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from xwhep.errors.jobs import FalseResultError
from xwhep.errors.keys import PublicKeyError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.vanity.addresses import Form, address, key_hash
from xwhep.vanity.errors import AddressError
from xwhep.vanity.hit_fields import HitFields, hit_fields
from xwhep.vanity.key_files import find_part, key_path, part_key, read_part, write_part
from xwhep.vanity.messages import HitView
from xwhep.vanity.requester import (
    find,
    finish,
    fresh_part,
    parse_public_key,
    point_of,
    read_hit,
    verify,
    verify_address,
)
from xwhep.vanity.split_key import Hit, hit_public_key
from xwhep.vanity.wanted import Wanted, want_patterns

PART = part_key(0xA5EC4E7)
HIT = Hit(12345, 2, -1)


def address_of(hit: Hit, form: Form = Form.P2PKH_COMPRESSED) -> str:
    return address(key_hash(hit_public_key(point_of(PART), hit), form), form)


def wanting(written: str) -> Wanted:
    """Return a search for what an address begins with."""
    return want_patterns([written[:5]])


def test_a_requester_needs_no_command_line(tmp_path: Path) -> None:
    written = address_of(HIT)
    sent = HitView(**hit_fields(HIT), address=written)

    hit = read_hit(sent)
    finished = finish(PART, hit, wanting(written), tmp_path)

    assert finished.found.address == written
    assert (
        finished.found
        == find(point_of(PART), hit, wanting(written))
        == verify(point_of(PART), hit, wanting(written), sent.address)
    )
    assert finished.key_file == tmp_path / f"{written}.key"
    assert written in finished.key_file.read_text()


def test_a_false_hit_writes_no_key(tmp_path: Path) -> None:
    with pytest.raises(FalseResultError, match="whose address was not asked for"):
        finish(PART, Hit(12346, 2, -1), wanting(address_of(HIT)), tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (HitFields(s="no number", e=0, sign=1), "s is not a number"),
        (HitFields(s="-1", e=0, sign=1), "s is not a number from 0"),
        (HitFields(s="f" * 64, e=0, sign=1), "s is not a number from 0"),
        (HitFields(s="01", e=3, sign=1), "e is none of 0, 1 and 2"),
        (HitFields(s="01", e=0, sign=0), "sign is neither 1 nor -1"),
    ],
)
def test_a_hit_that_cannot_be_is_refused(fields: HitFields, why: str) -> None:
    with pytest.raises(FalseResultError, match=why):
        read_hit(fields)


@pytest.mark.parametrize("image", [Hit(7, 1, 1), Hit(7, 0, -1)])
def test_an_image_is_no_result_of_a_plain_search(image: Hit) -> None:
    fields = HitFields(**hit_fields(image))

    assert read_hit(fields) == image
    with pytest.raises(FalseResultError, match="in a plain search e is 0 and sign is 1"):
        read_hit(fields, plain=True)


def test_another_address_than_the_hits_is_not_verified() -> None:
    written = address_of(HIT)

    with pytest.raises(FalseResultError, match=f"its address is {written} and not 1LoVE"):
        verify(point_of(PART), HIT, wanting(written), "1LoVE")


def test_an_address_is_verified_in_its_form() -> None:
    compressed, uncompressed = address_of(HIT), address_of(HIT, Form.P2PKH_UNCOMPRESSED)
    segwit = address_of(HIT, Form.P2WPKH)

    assert verify_address(point_of(PART), HIT, compressed) == compressed
    assert verify_address(point_of(PART), HIT, uncompressed, uncompressed=True) == uncompressed
    assert verify_address(point_of(PART), HIT, segwit.upper(), uncompressed=True) == segwit
    with pytest.raises(FalseResultError):
        verify_address(point_of(PART), HIT, uncompressed)
    with pytest.raises(AddressError):
        verify_address(point_of(PART), HIT, "1LoVE")


def test_a_fresh_part_has_a_usable_public_key() -> None:
    refused = []

    def third(key: object) -> bool:
        refused.append(key)
        return len(refused) == 3

    part = fresh_part(third)

    assert point_of(part) == public_key_of(part.secret) == refused[-1]
    assert len(set(refused)) == 3


@pytest.mark.parametrize("text", ["xyz", "", "02" + "00" * 31 + "05", "05" + "11" * 32])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(PublicKeyError):
        parse_public_key(text)


def test_a_part_is_found_by_its_public_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))
    other, mine = key_path("other"), key_path("mine")
    write_part(other, part_key(5))
    write_part(mine, PART)
    noise = mine.with_name("noise.key")
    noise.write_text("no TOML")
    files = [noise, mine.with_name("gone.key"), other, mine]

    assert find_part(PART.public_key, files) == (read_part(mine), mine)
    assert find_part(PART.public_key, files[:-1]) is None
