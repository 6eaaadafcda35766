"""The whole kernels, against the reference on every key of a small unit."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import sqrt
from uuid import UUID

import numpy as np
import pytest

from tests.kernels.harness import KERNELS
from worker.vanity import reference, self_test
from worker.vanity.engine import Candidate, UnitSearch
from worker.vanity.kernel import Kernel, Memory
from worker.vanity.search import INVERSION, SCRATCH_ELEMENTS, A, invert
from xwhep.bitcoin.addresses import Form
from xwhep.bitcoin.patterns import Ranges, difficulty_of, parse_pattern
from xwhep.bitcoin.split_key import Hit, hit_hash160
from xwhep.errors import MiscalculationError, PublicKeyError
from xwhep.secp256k1 import G, N, P, Point, multiply, negate
from xwhep.units import KEYS_PER_STEP, LANES, Unit, centre, keys_of

EVERYTHING: Ranges = ((0, 2**160 - 1),)
HALF: Ranges = ((0, 2**158 - 1), (2**159, 2**159 + 2**158 - 1))  #: ends with whole first words
#: many, of many lengths, up to the highest hash of all
MANY: Ranges = (
    *((start << 128, (start + start // 5000 << 128) - 1) for start in range(0x147AE14, 2**32 - 2**24, 0x147AE14)),
    (2**160 - 2**128, 2**160 - 1),
)
BATCH = UUID("018f3b9e-6c1d-7a42-9f00-3c5d2b7e9a11")

each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)


def unit_of(ranges: Ranges, steps: int, form: Form = Form.P2PKH_COMPRESSED) -> Unit:
    public_key = multiply(G, 0xC0FFEE)
    assert public_key is not None
    return Unit(BATCH, 7, steps, form, public_key, ranges)


@cache
def enumerated(unit: Unit, first_step: int = 0) -> tuple[set[Hit], dict[int, Point]]:
    """Return the unit's hits, and its points by their offsets."""
    return reference.hits(unit, first_step), dict(reference.points(unit, first_step))


def found_hits(search: UnitSearch, points: dict[int, Point]) -> list[Hit]:
    """Return all candidates of a search as the hits they are, by their points."""
    return [Hit(c.s, c.e, search.sign(c, points[c.s])) for c in search.advance(1000)]


def known_share(form: Form, hit: Hit, point: Point) -> Candidate:
    """Return the candidate that a hit of the reference is."""
    own = 0 if form is Form.P2PKH_UNCOMPRESSED else point.y % 2
    return Candidate(hit.s, hit.e, own if hit.sign == 1 else 1 - own)


@pytest.mark.parametrize("form", self_test.KNOWN)
def test_the_known_shares_are_those_of_the_reference(form: Form) -> None:
    hits, points = enumerated(self_test.unit(form))

    shares = [known_share(form, hit, points[hit.s]) for hit in hits]

    assert self_test.digest(shares) == self_test.KNOWN[form]


@each_kernel
@pytest.mark.parametrize("form", self_test.KNOWN)
def test_every_kernel_passes_the_self_test_of_every_form(kernel: Kernel, form: Form) -> None:
    self_test.self_test(kernel.for_form(form))


def test_a_machine_that_misses_a_single_share_fails_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = UnitSearch.advance
    monkeypatch.setattr(UnitSearch, "advance", lambda search, steps: advance(search, steps)[1:])

    with pytest.raises(MiscalculationError):
        self_test.self_test(KERNELS[0])


@each_kernel
@pytest.mark.parametrize("form", Form)
def test_every_key_of_a_unit_is_searched_once_and_rightly(kernel: Kernel, form: Form) -> None:
    unit = unit_of(HALF, 1, form)
    wanted, points = enumerated(unit)

    found = found_hits(UnitSearch(kernel, unit), points)

    assert len(found) == len(wanted)
    assert set(found) == wanted
    assert len(points) * 6 == keys_of(1)


@each_kernel
def test_a_pattern_finds_exactly_the_hits_of_the_reference(kernel: Kernel) -> None:
    unit = unit_of(parse_pattern("1Ab").ranges, steps=2)
    search = UnitSearch(kernel, unit)

    hits = [hit for candidate in search.advance(2) if (hit := search.check(candidate)) is not None]

    assert hits
    assert set(hits) == enumerated(unit)[0]


@each_kernel
def test_a_unit_can_be_resumed_at_a_later_step(kernel: Kernel) -> None:
    unit = unit_of(HALF, steps=2)
    wanted, points = enumerated(unit, first_step=1)
    search = UnitSearch(kernel, unit, first_step=1)

    found = found_hits(search, points)

    assert set(found) == wanted
    assert search.next_step == 2


@each_kernel
def test_many_ranges_find_what_each_would(kernel: Kernel) -> None:
    unit = unit_of(MANY, steps=1)
    wanted, points = enumerated(unit)

    found = found_hits(UnitSearch(kernel, unit), points)

    assert len(found) == len(wanted) > 100
    assert set(found) == wanted


def test_slices_find_what_one_run_finds() -> None:
    unit = unit_of(parse_pattern("1AB").ranges, steps=12)
    sliced, whole = UnitSearch(KERNELS[0], unit), UnitSearch(KERNELS[0], unit)

    parts = [candidate for steps in (1, 4, 7) for candidate in sliced.advance(steps)]

    assert set(parts) == set(whole.advance(12))


def test_a_full_buffer_ends_the_slice_and_loses_no_key() -> None:
    search = UnitSearch(KERNELS[0], unit_of(EVERYTHING, steps=100))

    found = search.advance(100)

    assert 0 < search.next_step < 100
    assert len(found) == len(set(found)) == search.next_step * KEYS_PER_STEP


@each_kernel
def test_hits_are_as_frequent_as_the_difficulty_says(kernel: Kernel) -> None:
    unit = unit_of(parse_pattern("1LoV").ranges, steps=420)  # 20.7 million keys
    search = UnitSearch(kernel, unit)

    hits = [hit for candidate in search.advance(420) if (hit := search.check(candidate)) is not None]

    expected = keys_of(420) / float(difficulty_of(unit.ranges))
    assert search.next_step == 420
    assert abs(len(hits) - expected) < 5 * sqrt(expected)


def test_a_candidate_whose_rest_is_not_wanted_is_no_hit() -> None:
    unit = unit_of(HALF, steps=1)
    search = UnitSearch(KERNELS[0], unit)
    candidate = search.advance(1)[0]
    hit = search.check(candidate)
    assert hit is not None
    digest = int.from_bytes(hit_hash160(unit.public_key, hit), "big")

    neighbour = UnitSearch(KERNELS[0], replace(unit, ranges=((digest ^ 1, digest ^ 1),)))

    assert neighbour.check(candidate) is None


def test_a_miscalculated_key_is_an_error() -> None:
    search = UnitSearch(KERNELS[0], unit_of(((5, 5),), steps=1))

    with pytest.raises(MiscalculationError, match="this machine computed a wrong key with the kernel field"):
        search.check(Candidate(s=1, e=0, half=0))


def test_a_key_at_infinity_is_a_miscalculation() -> None:
    unit = unit_of(((5, 5),), steps=1)

    with pytest.raises(MiscalculationError):
        UnitSearch(KERNELS[0], unit).check(Candidate(s=N - 0xC0FFEE, e=0, half=0))


def test_a_public_key_that_cancels_a_centre_is_refused() -> None:
    unit = unit_of(EVERYTHING, steps=1)
    cancelling = negate(multiply(G, centre(unit.batch, unit.number, 3)))
    assert cancelling is not None

    with pytest.raises(PublicKeyError):
        UnitSearch(KERNELS[0], replace(unit, public_key=cancelling))


def test_the_addition_chain_ends_with_p_minus_2() -> None:
    exponents = {A: 1}
    for to, source, squarings, factor in INVERSION.tolist():
        exponents[to] = exponents[source] * 2**squarings + exponents[factor]

    assert exponents[A] == P - 2


@each_kernel
def test_each_lane_is_inverted(kernel: Kernel) -> None:
    numbers = [0, 1, 2, P - 1, P - 2, *(pow(3, exponent, P) for exponent in range(100, 100 + LANES - 5))]
    scratch = np.zeros((SCRATCH_ELEMENTS, kernel.groups, kernel.field.size, kernel.field.width), np.uint64)
    scratch[0] = kernel.field.pack(numbers)
    memory = Memory(*[0] * len(Memory._fields))._replace(scratch=scratch.ctypes.data)

    invert(kernel, memory)

    assert [value % P for value in kernel.field.unpack(scratch[0])] == [pow(number, P - 2, P) for number in numbers]
