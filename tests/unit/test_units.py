"""Units: published layout, bounds, and what a share must satisfy."""

from hashlib import sha256
from uuid import UUID

import pytest

from tests.support.targets import ALL, of_ranges
from xwhep.errors.jobs import FalseResultError
from xwhep.errors.requests import InvalidFieldError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.ids import DERIVED_VERSION
from xwhep.secp256k1 import N
from xwhep.vanity import units
from xwhep.vanity.addresses import Form, key_hash
from xwhep.vanity.split_key import Hit, hit_public_key
from xwhep.vanity.targets import Target, target_of
from xwhep.vanity.units import Unit

BATCH = UUID("0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
REQUESTER = public_key_of(987654321)


def unit(*, number: int = 7, steps: int = 2, target: Target = ALL, plain: bool = False) -> Unit:
    return Unit(BATCH, number, steps, REQUESTER, target, plain=plain)


def test_a_centre_is_the_hash_that_the_protocol_names() -> None:
    name = b"xwhep/unit/1" + bytes.fromhex("0190f3c28a4e7b1d9c3f2e5d6a7b8c9d" + "0000000000000102" + "0000000f")

    assert units.centre(BATCH, 0x102, 15) == int(sha256(name).hexdigest(), 16) % N


def test_the_layout_of_a_unit_never_changes() -> None:
    assert units.centre(BATCH, 7, 0) == 0x723D1333D170E03E5D8DFDD8B8F9546E04C495E04622A0076C1A1178BBC3D5AD
    assert units.unit_uid(BATCH, 7) == UUID("1b4e529e-6396-81df-a5e1-7784fbc37288")


def test_a_step_of_a_unit_is_49248_keys() -> None:
    assert units.keys_of(1, plain=False) == 16 * 513 * 6 == 49_248
    assert units.keys_of(300, plain=False) == 14_774_400
    assert units.keys_of(1, plain=True) == 16 * 513


def test_a_lane_covers_a_row_of_offsets_each_once() -> None:
    first = units.offset(BATCH, 7, 3, 0, -256)

    row = [units.offset(BATCH, 7, 3, step, i) for step in range(3) for i in range(-256, 257)]

    assert row == [(first + k) % N for k in range(3 * 513)]
    assert row[256] == units.centre(BATCH, 7, 3)


@pytest.mark.parametrize("lane", range(16))
def test_a_unit_contains_its_offsets_and_not_their_neighbours(lane: int) -> None:
    first = units.offset(BATCH, 7, lane, 0, -256)
    last = units.offset(BATCH, 7, lane, 1, 256)

    assert units.contains(unit(), first)
    assert units.contains(unit(), last)
    assert not units.contains(unit(), (first - 1) % N)
    assert not units.contains(unit(), (last + 1) % N)
    assert units.contains(unit(steps=3), (last + 1) % N)
    assert not units.contains(unit(number=8), first)


def test_the_id_of_a_unit_is_derived_from_batch_and_number() -> None:
    other = UUID("0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9e")

    ids = {units.unit_uid(BATCH, 7), units.unit_uid(BATCH, 8), units.unit_uid(other, 7)}

    assert len(ids) == 3
    assert {uid.version for uid in ids} == {DERIVED_VERSION}


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_of_more_than_64_bits_is_refused(number: int) -> None:
    with pytest.raises(InvalidFieldError, match="number: "):
        unit(number=number)


@pytest.mark.parametrize("steps", [0, -1, 2**32 + 1])
def test_steps_out_of_bounds_are_refused(steps: int) -> None:
    with pytest.raises(InvalidFieldError, match="steps: "):
        unit(steps=steps)


@pytest.mark.parametrize(("e", "sign"), [(e, sign) for e in range(3) for sign in (1, -1)])
def test_a_hit_of_a_unit_is_verified_to_its_key(e: int, sign: int) -> None:
    hit = Hit(units.offset(BATCH, 7, 9, 1, 100), e, sign)
    key = hit_public_key(REQUESTER, hit)
    number = int.from_bytes(key_hash(key), "big")

    assert units.verify(unit(target=of_ranges((0, 1), (number, number))), hit) == key


@pytest.mark.parametrize(("e", "sign"), [(1, 1), (2, 1), (0, -1)])
def test_in_a_plain_search_only_the_point_itself_is_a_hit(e: int, sign: int) -> None:
    plain, s = unit(plain=True), units.offset(BATCH, 7, 9, 1, 100)

    assert units.verify(plain, Hit(s, 0, 1))
    with pytest.raises(FalseResultError, match="in a plain search e is 0 and sign is 1"):
        units.verify(plain, Hit(s, e, sign))


def test_a_hit_from_outside_the_unit_is_refused() -> None:
    hit = Hit(units.offset(BATCH, 8, 9, 1, 100), 0, 1)

    with pytest.raises(FalseResultError, match=f"its offset is not in unit 7 of batch {BATCH}"):
        units.verify(unit(), hit)


def test_a_hit_whose_address_was_not_asked_for_is_refused() -> None:
    hit = Hit(units.centre(BATCH, 7, 0), 0, 1)

    with pytest.raises(FalseResultError, match=r"its public key is \w{66}, whose address was not asked for"):
        units.verify(unit(target=of_ranges((0, 0))), hit)


@pytest.mark.parametrize("form", Form)
def test_a_hit_has_a_form_of_its_unit(form: Form) -> None:
    hit = Hit(units.centre(BATCH, 7, 0), 1, -1)
    key = hit_public_key(REQUESTER, hit)

    assert units.verify(unit(target=target_of(key_hash(key, form), form)), hit) == key
