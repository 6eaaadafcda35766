"""Shares: where they lie, how many there are, and who may claim one."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from worker.vanity import reference
from xwhep.bitcoin.addresses import HASH_BITS, Form
from xwhep.bitcoin.patterns import Ranges, in_ranges, parse_pattern
from xwhep.bitcoin.split_key import Hit
from xwhep.errors import FalseResultError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.secp256k1 import N, Point
from xwhep.shares import SHARES_A_UNIT, keys_proven, share_ranges
from xwhep.units import MAX_STEPS, Unit, keys_of, verify

HASHES = 2**HASH_BITS
PATTERN = parse_pattern("1LoVE")


@st.composite
def ranges(draw: st.DrawFn) -> Ranges:
    """Return a few disjoint ranges, narrow or wide, not side by side."""
    ends = st.one_of(st.integers(0, HASHES - 1), st.integers(0, 1000), st.integers(HASHES - 1000, HASHES - 1))
    marks = sorted(draw(st.lists(ends, min_size=2, max_size=12, unique=True)))
    found = list(zip(marks[::2], marks[1::2], strict=False))
    assume(all(before[1] + 1 < after[0] for before, after in pairwise(found)))
    return tuple(found)


def covers(outer: Ranges, inner: Ranges) -> bool:
    return all(any(low <= first and last <= high for low, high in outer) for first, last in inner)


@given(wanted=ranges(), steps=st.integers(1, MAX_STEPS))
def test_what_is_wanted_lies_inside_and_a_unit_has_its_shares(wanted: Ranges, steps: int) -> None:
    wide = share_ranges(wanted, steps)

    assert covers(wide, wanted)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(wide))
    assert all(0 <= low <= high < HASHES for low, high in wide)
    hashes = sum(high - low + 1 for low, high in wide)
    mean = keys_of(steps) * hashes / HASHES
    assert mean >= SHARES_A_UNIT * (1 - 1e-9)
    assert wide == wanted or mean < 2 * SHARES_A_UNIT
    assert keys_proven(wide) == HASHES // hashes


@given(wanted=ranges(), steps=st.integers(1, MAX_STEPS), fewer=st.integers(1, MAX_STEPS))
def test_units_of_many_sizes_tell_no_more_than_the_largest_of_them(wanted: Ranges, steps: int, fewer: int) -> None:
    fewer, steps = sorted((fewer, steps))

    assert covers(share_ranges(wanted, fewer), share_ranges(wanted, steps))


def test_a_rare_address_is_one_among_thousands_of_shares() -> None:
    wanted = parse_pattern("1LoVELoVE").ranges
    minute = 40_000

    assert keys_proven(wanted) / keys_proven(share_ranges(wanted, minute)) > 10_000


def test_a_share_proves_no_less_than_a_key() -> None:
    assert keys_proven(((0, HASHES - 1),)) == 1


# --- claims

BATCH, KEY = UUID(int=5), public_key_of(0xC0FFEE)


def unit(batch: UUID, number: int, key: Point) -> Unit:
    return Unit(batch, number, 1, Form.P2PKH_COMPRESSED, key, share_ranges(PATTERN.ranges, 1))


@cache
def shares() -> list[Hit]:
    """Return the shares of unit 3, of all its 49,248 keys."""
    return sorted(reference.hits(unit(BATCH, 3, KEY)), key=lambda share: (share.s, share.e, share.sign))


def test_every_share_of_a_unit_is_verified_to_its_hash() -> None:
    mine = unit(BATCH, 3, KEY)

    assert shares()
    assert all(in_ranges(mine.ranges, verify(mine, share)) for share in shares())


@given(batch=st.uuids() | st.just(BATCH), number=st.integers(0, 2**63 - 1), data=st.data())
def test_a_share_counts_in_no_other_unit(batch: UUID, number: int, data: st.DataObject) -> None:
    assume((batch, number) != (BATCH, 3))
    share = data.draw(st.sampled_from(shares()))

    with pytest.raises(FalseResultError, match="its offset is not in unit"):
        verify(unit(batch, number, KEY), share)


@given(distance=st.integers(-300, 300), e=st.integers(0, 2), sign=st.sampled_from([1, -1]), data=st.data())
def test_nothing_is_a_share_but_what_the_search_of_the_unit_finds(
    distance: int, e: int, sign: int, data: st.DataObject
) -> None:
    mine = unit(BATCH, 3, KEY)
    near = Hit((data.draw(st.sampled_from(shares())).s + distance) % N, e, sign)

    if near in shares():
        verify(mine, near)
    else:
        with pytest.raises(FalseResultError):
            verify(mine, near)
