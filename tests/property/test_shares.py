"""Shares: where they lie, how many there are, and who may claim one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.targets import ALL, of_pattern
from worker.vanity import reference
from xwhep.errors.jobs import FalseResultError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.secp256k1 import N, Point
from xwhep.vanity.addresses import HASH_BITS, Form, Network, hashed_as
from xwhep.vanity.endings import Ending
from xwhep.vanity.ranges import Ranges, is_ascending
from xwhep.vanity.shares import SHARES_A_UNIT, in_blocks, keys_proven, share_target
from xwhep.vanity.split_key import Hit
from xwhep.vanity.targets import Sieve, Target
from xwhep.vanity.units import MAX_STEPS, Unit, keys_of, verify
from xwhep.vanity.wanted import want_ending

HASHES = 2**HASH_BITS
HASHED = [form for form in Form if form is hashed_as(form)]
EXPRESSIONS = ["1LoV[Ee].*[0-9]$", "1Love.*", "1LoVE[a-z]+$"]


@st.composite
def ranges(draw: st.DrawFn, size: int = HASHES) -> Ranges:
    """Return a few disjoint ranges below `size`, narrow or wide, not side by side."""
    ends = st.one_of(
        st.integers(0, size - 1), st.integers(0, min(1000, size - 1)), st.integers(max(0, size - 1000), size - 1)
    )
    marks = sorted(draw(st.lists(ends, min_size=2, max_size=12, unique=True)))
    found = list(zip(marks[::2], marks[1::2], strict=False))
    assume(all(before[1] + 1 < after[0] for before, after in pairwise(found)))
    return tuple(found)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """Return a target of one form or several, or of one with an ending or a sieve."""
    forms = sorted(draw(st.sets(st.sampled_from(HASHED), min_size=1)), key=HASHED.index)
    parts = tuple((form, draw(ranges())) for form in forms)
    if len(forms) > 1:
        return Target(parts)
    ending = Ending(forms[0], Network.MAIN, draw(st.integers(1, 20)), ())
    sieve = st.sampled_from(EXPRESSIONS).map(lambda text: Sieve(text, Form.P2PKH_COMPRESSED, Network.MAIN))
    return draw(
        st.one_of(
            st.just(Target(parts)),
            ranges(ending.size).map(lambda some: Target(parts, replace(ending, ranges=some))),
            sieve.map(lambda sieve: Target(((Form.P2PKH_COMPRESSED, parts[0][1]),), sieve=sieve)),
        )
    )


def covers(outer: Ranges, inner: Ranges) -> bool:
    return all(any(low <= first and last <= high for low, high in outer) for first, last in inner)


def count(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)


def is_wider(outer: Target, inner: Target) -> bool:
    """Tell whether every key of one target is in another, made wider of it."""
    if not all(covers(wide, narrow) for (_, wide), (_, narrow) in zip(outer.ranges, inner.ranges, strict=True)):
        return False
    if outer.ending is not None and (inner.ending is None or not covers(outer.ending.ranges, inner.ending.ranges)):
        return False
    return outer.sieve is None or (inner.sieve is not None and outer.sieve.zeros <= inner.sieve.zeros)


@given(wanted=targets(), keys=st.integers(keys_of(1, plain=True), keys_of(MAX_STEPS, plain=False)))
def test_what_is_wanted_lies_inside_and_a_unit_has_its_shares(wanted: Target, keys: int) -> None:
    wide = share_target(wanted, keys)

    assert is_wider(wide, wanted)
    assert wide.forms == wanted.forms
    assert keys * wide.chance >= min(SHARES_A_UNIT, keys)
    growth = 2 if wanted.ending is None else 4
    assert wide == wanted or keys * wide.chance < growth * SHARES_A_UNIT * len(wide.forms) * 1.01
    assert keys_proven(wide) == int(1 / wide.chance)


@given(first=st.integers(0, 58**5 - 1), width=st.integers(0, 1000), bits=st.integers(0, 40))
def test_blocks_of_endings_grow_by_less_than_four_to_the_very_last(first: int, width: int, bits: int) -> None:
    size = 58**5
    one = ((first, min(first + width, size - 1)),)
    narrow, wide = (in_blocks(one, level, size) for level in (bits, bits + 1))

    assert covers(wide, narrow)
    assert covers(narrow, one)
    assert is_ascending(wide, size)
    assert count(wide) < 4 * count(narrow)


@given(wanted=targets(), keys=st.integers(10_000, 2**50), fewer=st.integers(10_000, 2**50))
def test_units_of_many_sizes_tell_no_more_than_the_largest_of_them(wanted: Target, keys: int, fewer: int) -> None:
    fewer, keys = sorted((fewer, keys))

    assert is_wider(share_target(wanted, fewer), share_target(wanted, keys))


@pytest.mark.parametrize("wanted", [of_pattern("1LoVELoVE"), want_ending("LoVELoVE").target])
def test_a_rare_address_is_one_among_thousands_of_shares(wanted: Target) -> None:
    minute = keys_of(40_000, plain=False)

    assert keys_proven(wanted) / keys_proven(share_target(wanted, minute)) > 10_000


def test_a_share_proves_no_less_than_a_key() -> None:
    assert keys_proven(ALL) == 1


# --- claims

BATCH, KEY = UUID(int=5), public_key_of(0xC0FFEE)


def unit(batch: UUID, number: int, key: Point) -> Unit:
    return Unit(batch, number, 1, key, share_target(of_pattern("1LoVE"), keys_of(1, plain=False)))


@cache
def shares() -> list[Hit]:
    """Return the shares of unit 3, of all its 49,248 keys."""
    return sorted(reference.hits(unit(BATCH, 3, KEY)), key=lambda share: (share.s, share.e, share.sign))


def test_every_share_of_a_unit_is_verified_to_its_key() -> None:
    mine = unit(BATCH, 3, KEY)

    assert shares()
    assert all(mine.target.match(verify(mine, share)) for share in shares())


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
