"""The whole kernels, against their twin on every key of a small unit, and the twin against the reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from math import sqrt
from uuid import UUID

import numpy as np
import pytest

from tests.kernels.harness import KERNELS
from tests.support.measuring import unmeasured
from worker.vanity import self_test, twin
from worker.vanity.engine import Candidate, UnitSearch
from worker.vanity.kernel import FORMS, Kernel, Memory
from worker.vanity.search import INVERSION, SCRATCH_ELEMENTS, A, invert
from xwhep.errors.keys import PublicKeyError
from xwhep.fast_secp256k1 import add_multiple
from xwhep.secp256k1 import G, N, P, Point, multiply, negate
from xwhep.vanity.addresses import Form, Network, address
from xwhep.vanity.endings import Ending, parse_ending
from xwhep.vanity.errors import MiscalculationError
from xwhep.vanity.patterns import parse_pattern
from xwhep.vanity.ranges import Ranges, difficulty_of
from xwhep.vanity.split_key import Hit, hit_public_key
from xwhep.vanity.targets import Sieve, Target
from xwhep.vanity.units import LANES, POINTS_PER_STEP, Unit, centre, keys_of

COMPRESSED = Form.P2PKH_COMPRESSED
EVERYTHING: Ranges = ((0, 2**160 - 1),)
HALF: Ranges = ((0, 2**158 - 1), (2**159, 2**159 + 2**158 - 1))  #: ends with whole first words
SIXTEENTH: Ranges = ((3 << 156, (4 << 156) - 1),)
#: many, of many lengths, up to the highest hash of all
MANY: Ranges = (
    *((start << 128, (start + start // 5000 << 128) - 1) for start in range(0x147AE14, 2**32 - 2**24, 0x147AE14)),
    (2**160 - 2**128, 2**160 - 1),
)
FIVE = (5).to_bytes(20, "big")
BATCH = UUID("018f3b9e-6c1d-7a42-9f00-3c5d2b7e9a11")

each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)

#: what is computed by which kernels; all forms by each of them are compiled for the processors that they are for, in
#: test_older_processors.py. What takes time in these tests is compiling, unless a searching process of another test has
#: compiled the same; and every searching process tests the very kernel that it will use before it begins.
COMBINATIONS = [
    *((kernel, ("p2pkh-compressed",)) for kernel in KERNELS),
    (KERNELS[0], FORMS),
    (KERNELS[0], (*FORMS, "plain")),
    (KERNELS[-1], ("p2sh-p2wpkh", "plain", "base58")),
    (KERNELS[0], ("p2pkh-compressed", "base58")),
    (KERNELS[0], ("p2pkh-compressed", "base32")),
    (KERNELS[0], ("ethereum", "plain", "base16")),
]


def unit_of(target: Target | Ranges, steps: int, *, plain: bool = False) -> Unit:
    public_key = multiply(G, 0xC0FFEE)
    assert public_key is not None
    target = target if isinstance(target, Target) else Target(((COMPRESSED, target),))
    return Unit(BATCH, 7, steps, public_key, target, plain)


def everywhere(ranges: Ranges, forms: Iterable[Form] = FORMS) -> Target:
    """Return the target of these ranges in several forms."""
    return Target(tuple((form, ranges) for form in Form if form in forms))


@cache
def enumerated(unit: Unit, first_step: int = 0) -> set[tuple[Form, Hit]]:
    """Return the unit's hits in each form, as the twin finds them."""
    return set(twin.finds(unit, first_step))


def found(search: UnitSearch) -> list[tuple[Form, Hit]]:
    """Return all candidates of a search as the hits they are."""
    candidates = []
    while search.next_step < search.unit.steps:
        candidates += search.advance(search.unit.steps)
    return [(c.form, Hit(c.s, c.e, search.sign(c, point_of(search.unit.public_key, c.s)))) for c in candidates]


@cache
def point_of(public_key: Point, s: int) -> Point:
    point = add_multiple(public_key, s)
    assert point is not None
    return point


# --- the self-test ---------------------------------------------------------------------------------------------------


def kernel_of(kernel: Kernel, purpose: tuple[str, ...]) -> Kernel:
    """Return the kernel whose purpose has these parts."""
    base = next((int(part[4:]) for part in purpose if part.startswith("base")), 0)
    return kernel.for_forms(*(form for form in FORMS if form in purpose), plain="plain" in purpose, base=base)


def known_shares(kernel: Kernel) -> list[Candidate]:
    """Return the shares of a kernel's self-test as the twin finds them."""
    search = UnitSearch(kernel, self_test.unit(kernel))
    shares = []
    for form, hit in twin.finds(search.unit):
        point = point_of(G, hit.s)
        halves = [Candidate(form, hit.s, hit.e, half, b"") for half in (0, 1)]
        shares += [share for share in halves[: 1 if kernel.plain else 2] if search.sign(share, point) == hit.sign]
    return shares


@unmeasured
@pytest.mark.parametrize("purpose", self_test.KNOWN)
def test_the_known_shares_are_those_of_the_twin(purpose: str) -> None:
    form = next(form for form in FORMS if purpose.startswith(form))
    kernel = kernel_of(KERNELS[0], (form, *purpose.removeprefix(form).split("-")))

    assert kernel.purpose == purpose
    assert self_test.digest(known_shares(kernel)) == self_test.KNOWN[purpose]


@pytest.mark.parametrize(
    ("kernel", "purpose"), COMBINATIONS, ids=[f"{kernel.name}-{'-'.join(purpose)}" for kernel, purpose in COMBINATIONS]
)
def test_every_kernel_passes_the_self_test(kernel: Kernel, purpose: tuple[str, ...]) -> None:
    self_test.self_test(kernel_of(kernel, purpose))


def test_a_machine_that_misses_a_single_share_fails_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = UnitSearch.advance
    monkeypatch.setattr(UnitSearch, "advance", lambda search, steps: advance(search, steps)[1:])

    with pytest.raises(MiscalculationError):
        self_test.self_test(KERNELS[0])


# --- exactness -------------------------------------------------------------------------------------------------------


@unmeasured
@each_kernel
def test_every_key_of_a_unit_is_searched_once_and_rightly(kernel: Kernel) -> None:
    unit = unit_of(HALF, steps=2)
    wanted = enumerated(unit)

    hits = found(UnitSearch(kernel, unit))

    assert len(hits) == len(wanted) > keys_of(2, plain=False) * 0.49
    assert set(hits) == wanted


@unmeasured
def test_several_forms_at_once_find_what_each_would() -> None:
    quarters = tuple((form, ((n << 157, (n + 2 << 157) - 1),)) for n, form in enumerate(Form) if form in FORMS)
    unit = unit_of(Target(quarters), steps=1)

    hits = found(UnitSearch(KERNELS[0], unit))

    assert len(hits) == len(set(hits))
    assert set(hits) == enumerated(unit)


@unmeasured
def test_a_plain_unit_has_the_own_key_of_each_point() -> None:
    unit = unit_of(everywhere(EVERYTHING), steps=2, plain=True)

    hits = found(UnitSearch(KERNELS[0], unit))

    assert len(hits) == len(FORMS) * keys_of(2, plain=True) == len(FORMS) * 2 * LANES * POINTS_PER_STEP
    assert set(hits) == enumerated(unit)


@unmeasured
def test_a_key_in_several_forms_is_one_hit() -> None:
    unit = unit_of(everywhere(EVERYTHING), steps=1, plain=True)
    search = UnitSearch(KERNELS[0], unit)

    checked = [(candidate.form, search.check(candidate)) for candidate in search.advance(1)[:1000]]

    assert {form for form, _ in checked} == set(FORMS)
    assert {form for form, hit in checked if hit is not None} == {COMPRESSED}


@unmeasured
@each_kernel
def test_a_pattern_finds_exactly_the_hits_of_the_twin(kernel: Kernel) -> None:
    unit = unit_of(parse_pattern("1Ab").ranges, steps=5)
    search = UnitSearch(kernel, unit)

    hits = [hit for candidate in search.advance(5) if (hit := search.check(candidate)) is not None]

    assert len(hits) == len(set(hits)) > 10
    assert {(COMPRESSED, hit) for hit in hits} == enumerated(unit)


@unmeasured
@each_kernel
def test_a_unit_can_be_resumed_at_a_later_step(kernel: Kernel) -> None:
    unit = unit_of(HALF, steps=2)
    search = UnitSearch(kernel, unit, first_step=1)

    hits = found(search)

    assert set(hits) == enumerated(unit, first_step=1)
    assert search.next_step == 2


@unmeasured
@each_kernel
def test_many_ranges_find_what_each_would(kernel: Kernel) -> None:
    unit = unit_of(MANY, steps=5)
    wanted = enumerated(unit)

    hits = found(UnitSearch(kernel, unit))

    assert len(hits) == len(wanted) > 500
    assert set(hits) == wanted


@unmeasured
def test_many_ranges_in_several_forms_find_what_each_would() -> None:
    unit = unit_of(Target(tuple((form, MANY[n::2]) for n, form in enumerate(Form) if form in FORMS)), steps=1)

    assert set(found(UnitSearch(KERNELS[0], unit))) == enumerated(unit)


# --- endings ---------------------------------------------------------------------------------------------------------

#: form, network, and endings
ENDINGS = [
    (Form.P2PKH_COMPRESSED, Network.MAIN, ["a", "V"]),
    (Form.P2PKH_COMPRESSED, Network.TEST, ["1"]),
    (Form.P2WPKH, Network.MAIN, ["q"]),
    (Form.P2WPKH, Network.TEST, ["7"]),
]


@unmeasured
@pytest.mark.parametrize(
    ("form", "network", "suffix"), [(form, network, suffix) for form, network, some in ENDINGS for suffix in some]
)
def test_an_ending_finds_exactly_the_addresses_that_end_so(form: Form, network: Network, suffix: str) -> None:
    ending, _, _ = parse_ending(suffix, "", form, network)
    unit = unit_of(Target(((COMPRESSED, SIXTEENTH),), ending), steps=1)
    search = UnitSearch(KERNELS[0], unit)

    hits = [hit for candidate in search.advance(1) if (hit := search.check(candidate)) is not None]

    assert hits
    assert {(COMPRESSED, hit) for hit in hits} == enumerated(unit)
    assert all(_address(unit, hit, form, network).endswith(suffix) for hit in hits)


def _address(unit: Unit, hit: Hit, form: Form, network: Network) -> str:
    match = unit.target.match(hit_public_key(unit.public_key, hit))
    assert match is not None
    return address(match.digest, form, network)


@unmeasured
@pytest.mark.parametrize(("form", "alphabet"), [(Form.P2PKH_COMPRESSED, 58), (Form.P2WPKH, 32)])
def test_of_a_long_ending_the_last_characters_are_compared_and_the_rest_is_checked(form: Form, alphabet: int) -> None:
    size = alphabet**8
    low, high = size // 5 - alphabet**6 // 7, size // 5 + alphabet**6 // 3  # one range, which passes a carry
    ending = Ending(form, Network.MAIN, 8, ((low, high), (size - alphabet**7, size - 1)))
    unit = unit_of(Target(((COMPRESSED, SIXTEENTH),), ending), steps=1)
    search = UnitSearch(KERNELS[0], unit)

    hits = [hit for candidate in search.advance(1) if (hit := search.check(candidate)) is not None]

    assert hits
    assert {(COMPRESSED, hit) for hit in hits} == enumerated(unit)


def test_an_expression_is_checked_on_the_address() -> None:
    sieve = Sieve("1AbC.*[a-zA-Z]$", COMPRESSED, Network.MAIN)
    unit = unit_of(Target(((COMPRESSED, parse_pattern("1AbC").ranges),), sieve=sieve), steps=60)
    search = UnitSearch(KERNELS[0], unit)
    candidates = search.advance(60)

    texts = [_address(unit, hit, COMPRESSED, Network.MAIN) for c in candidates if (hit := search.check(c)) is not None]

    assert 0 < len(texts) < len(candidates)
    assert all(text.startswith("1AbC") and text[-1].isalpha() for text in texts)


# --- slices ----------------------------------------------------------------------------------------------------------


def test_slices_find_what_one_run_finds() -> None:
    unit = unit_of(parse_pattern("1AB").ranges, steps=12)
    sliced, whole = UnitSearch(KERNELS[0], unit), UnitSearch(KERNELS[0], unit)

    parts = [candidate for steps in (1, 4, 7) for candidate in sliced.advance(steps)]

    assert set(parts) == set(whole.advance(12))


@unmeasured
@pytest.mark.parametrize("forms", [(COMPRESSED,), FORMS], ids=len)
def test_a_full_buffer_ends_the_slice_and_loses_no_key(forms: tuple[Form, ...]) -> None:
    search = UnitSearch(KERNELS[0], unit_of(everywhere(EVERYTHING, forms), steps=100))

    candidates = search.advance(100)

    assert 0 < search.next_step < 100
    keys = keys_of(search.next_step, plain=False) * len(forms)
    assert len(candidates) == len(set(candidates)) == keys


@unmeasured
@each_kernel
def test_hits_are_as_frequent_as_the_difficulty_says(kernel: Kernel) -> None:
    ranges = parse_pattern("1LoV").ranges
    search = UnitSearch(kernel, unit_of(ranges, steps=420))  # 20.7 million keys

    hits = [hit for candidate in search.advance(420) if (hit := search.check(candidate)) is not None]

    expected = keys_of(420, plain=False) / float(difficulty_of(ranges))
    assert search.next_step == 420
    assert abs(len(hits) - expected) < 5 * sqrt(expected)


# --- the host's check ------------------------------------------------------------------------------------------------


def test_a_candidate_whose_rest_is_not_wanted_is_no_hit() -> None:
    unit = unit_of(HALF, steps=1)
    search = UnitSearch(KERNELS[0], unit)
    candidate = search.advance(1)[0]
    hit = search.check(candidate)
    assert hit is not None
    match = unit.target.match(hit_public_key(unit.public_key, hit))
    assert match is not None
    neighbour = int.from_bytes(match.digest, "big") ^ 1

    elsewhere = Target(((COMPRESSED, ((neighbour, neighbour),)),))

    assert UnitSearch(KERNELS[0], replace(unit, target=elsewhere)).check(candidate) is None


def test_a_miscalculated_key_is_an_error() -> None:
    search = UnitSearch(KERNELS[0], unit_of(((5, 5),), steps=1))

    with pytest.raises(MiscalculationError, match="this machine computed a wrong key with the kernel field"):
        search.check(Candidate(COMPRESSED, s=1, e=0, half=0, digest=FIVE))


def test_a_key_whose_whole_digest_is_not_wanted_is_no_hit() -> None:
    search = UnitSearch(KERNELS[0], unit_of(((5, 5),), steps=1))

    assert search.check(Candidate(COMPRESSED, s=1, e=0, half=0, digest=bytes(20))) is None


def test_a_machine_that_computes_the_end_of_a_digest_wrongly_fails_the_self_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    advance = UnitSearch.advance

    def wrong(search: UnitSearch, steps: int) -> list[Candidate]:
        return [replace(share, digest=share.digest[:-1] + b"x") for share in advance(search, steps)]

    monkeypatch.setattr(UnitSearch, "advance", wrong)

    with pytest.raises(MiscalculationError):
        self_test.self_test(KERNELS[0])


def test_a_key_at_infinity_is_a_miscalculation() -> None:
    unit = unit_of(((5, 5),), steps=1)

    with pytest.raises(MiscalculationError):
        UnitSearch(KERNELS[0], unit).check(Candidate(COMPRESSED, s=N - 0xC0FFEE, e=0, half=0, digest=FIVE))


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
