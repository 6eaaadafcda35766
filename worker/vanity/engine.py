"""The host's side of the kernels: the choice of one, its tables, a unit in slices, the exact check of what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Final

import numpy as np
from llvmlite import binding
from numba.core import config
from numpy.typing import NDArray

from worker.vanity.field26 import Field26
from worker.vanity.field52 import Field52
from worker.vanity.kernel import (
    BITMAP_BITS,
    DIGEST_WORDS,
    IMAGES,
    KEY_LANES,
    MAX_WORDS,
    SHA256_WORDS,
    SIDES,
    Kernel,
    Memory,
)
from worker.vanity.search import ROWS_PER_STEP, SCRATCH_ELEMENTS, is_among, search
from xwhep.bitcoin.addresses import HASH_BITS, key_hash
from xwhep.bitcoin.ranges import Ranges
from xwhep.bitcoin.split_key import Hit
from xwhep.errors import InvalidFieldError, MiscalculationError, PublicKeyError
from xwhep.fast_secp256k1 import add_multiple
from xwhep.secp256k1 import G, Point, add, endomorphism, multiply, negate
from xwhep.units import GROUP, LANES, POINTS_PER_STEP, Unit, offset

ZEN: Final = "zen"  #: a feature of our own: AMD's Zen, whose SHA-NI runs beside vectors of 512 bits
#: the kernels, fastest first, each with what it asks of a processor, by LLVM's names
KERNELS: Final[tuple[tuple[Kernel, frozenset[str]], ...]] = (
    (Kernel(Field52(), hash_lanes=32, sha_ni=True), frozenset({"avx512ifma", "sha", ZEN})),
    (Kernel(Field52(), hash_lanes=32), frozenset({"avx512ifma"})),
    (Kernel(Field26(8), hash_lanes=32), frozenset({"avx512f"})),
    (Kernel(Field26(4), hash_lanes=8, sha_ni=True), frozenset({"avx2", "sha"})),
    (Kernel(Field26(4), hash_lanes=8), frozenset()),
)
HIT_ROWS: Final = 4 * ROWS_PER_STEP
SLICE_S: Final = 0.2  #: how long a slice shall take: no command waits longer for an answer


def host_features() -> Mapping[str, bool]:
    """Return the processor's features, by LLVM's names, that numba compiles for."""
    chosen: str | None = vars(config).get("CPU_FEATURES")  # NUMBA_CPU_FEATURES, as in +avx2,-avx512f
    if chosen is not None:
        return {flag[1:]: flag[0] == "+" for flag in chosen.split(",") if flag}
    return {**binding.get_host_cpu_features(), ZEN: binding.get_host_cpu_name().startswith("znver")}


def usable_kernels(features: Mapping[str, bool]) -> tuple[Kernel, ...]:
    """Return the kernels that a processor with these features can run, fastest first, at least one."""
    return tuple(kernel for kernel, needed in KERNELS if not _missing(needed, features))


def choose_kernel(name: str | None = None) -> Kernel:
    """Return this machine's fastest kernel, or the one of that name.

    Raises:
        InvalidFieldError: no kernel that this machine can run has the name.
    """
    kernels = {kernel.name: kernel for kernel in usable_kernels(host_features())}
    if name is None:
        return next(iter(kernels.values()))
    if name not in kernels:
        raise InvalidFieldError("kernel", f"{name} is none that this machine can run: {', '.join(kernels)}")
    return kernels[name]


def reason_for(kernel: Kernel, features: Mapping[str, bool] | None = None) -> str:
    """Return, for people, why a processor with these features, by default this machine's, gets this kernel."""
    features = host_features() if features is None else features
    names = [known.name for known, _ in KERNELS]
    needed = [needed for _, needed in KERNELS[: names.index(kernel.name) + 1]]
    has = f"the processor has {' and '.join(sorted(needed[-1]))}" if needed[-1] else "this kernel suits any processor"
    lacking = sorted(set().union(*(_missing(faster, features) for faster in needed[:-1])))
    return f"{has}; this one lacks {' and '.join(lacking)}" if lacking else has


def _missing(needed: frozenset[str], features: Mapping[str, bool]) -> frozenset[str]:
    return frozenset(feature for feature in needed if not features.get(feature, False))


def compile_kernel(kernel: Kernel) -> None:
    """Compile a kernel, or load it from the cache."""
    no_memory = Memory(*[0] * len(Memory._fields))
    search(kernel, no_memory, first_words(((0, 0),)), np.zeros((0, 4), np.int64), 0)


def first_words(ranges: Ranges) -> NDArray[np.uint32]:
    """Return what the first 32 bits of hashes in these ranges can be: rows of (lowest, how many more), disjoint."""
    merged: list[list[int]] = []
    for first, last in sorted((first >> HASH_BITS - 32, last >> HASH_BITS - 32) for first, last in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return np.array([(first, last - first) for first, last in merged], dtype=np.uint32)


def bitmap(first_words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the bits that `Memory.bitmap` has for these ranges of first words."""
    bits = np.zeros(1 << BITMAP_BITS, np.uint8)
    for low, span in first_words.tolist():
        bits[low >> 32 - BITMAP_BITS : (low + span >> 32 - BITMAP_BITS) + 1] = 1
    return np.packbits(bits, bitorder="little").view(np.dtype("<u4"))


def next_slice(steps: int, elapsed_s: float) -> int:
    """Return how many steps the next slice shall have, when one of `steps` took so long; it grows by 4 at most."""
    return max(1, min(4 * steps, int(steps * SLICE_S / max(elapsed_s, 1e-6))))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key whose hash160's first word is wanted."""

    s: int  #: the point's offset
    e: int
    half: (
        int  #: which of an x's two keys: compressed the parity of its y, else 0 for the point's own, 1 for its negative
    )


class UnitSearch:
    """The search of one unit, from a step on."""

    def __init__(self, kernel: Kernel, unit: Unit, first_step: int = 0) -> None:
        """Set up the tables and the centres, which takes some 50 ms.

        Raises:
            PublicKeyError: a centre is infinity: someone knows the discrete logarithm of the key.
        """
        (form, ranges), *_ = unit.target.ranges
        self.kernel = kernel = kernel.for_form(form)
        self.unit = unit
        self.next_step = first_step
        self._ranges = first_words(ranges)
        self._hits = np.zeros((HIT_ROWS, 4), np.int64)
        centres = [_centre(unit, lane, first_step) for lane in range(LANES)]
        self._arrays = [*_arrays(kernel, centres), bitmap(self._ranges)]
        self.memory = Memory(*(array.ctypes.data for array in self._arrays))

    def advance(self, steps: int) -> list[Candidate]:
        """Do up to `steps` steps, and return all candidates among their keys.

        Less is done where the unit ends, or where candidates are many: a step is done only if all its keys could be
        returned. `next_step` says how far it came.
        """
        steps = min(steps, self.unit.steps - self.next_step)
        done, rows = search(self.kernel, self.memory, self._ranges, self._hits, steps)
        found = [candidate for row in self._hits[:rows].tolist() for candidate in self._candidates(*row)]
        self.next_step += done
        return found

    def check(self, candidate: Candidate) -> Hit | None:
        """Return the hit that a candidate is, None if only its first word was wanted; exact, on Python integers.

        Raises:
            MiscalculationError: not even the first word is wanted: the kernel computed another key.
        """
        point = add_multiple(self.unit.public_key, candidate.s)
        if point is None:
            raise MiscalculationError(self.kernel.name)
        image: Point | None = endomorphism(point, candidate.e)
        sign = self.sign(candidate, point)
        image = image if sign == 1 else negate(image)
        assert image is not None
        digest = key_hash(image, self.kernel.form)
        first_word = int.from_bytes(digest[:4], "big")
        if not is_among(self._ranges, first_word):
            raise MiscalculationError(self.kernel.name)
        return Hit(candidate.s, candidate.e, sign) if self.unit.target.accepts(self.kernel.form, digest) else None

    def sign(self, candidate: Candidate, point: Point) -> int:
        """Return 1 if a candidate is the key of A' + sG, the point, or its image, -1 if it is the negative's."""
        own = 0 if self.kernel.needs_y else point.y % 2
        return 1 if candidate.half == own else -1

    def _candidates(self, step: int, i: int, variant: int, mask: int) -> Iterator[Candidate]:
        side, e = divmod(variant, IMAGES)
        for bit in range(KEY_LANES):
            if mask >> bit & 1:
                half, lane = divmod(bit, LANES)
                s = offset(self.unit.batch, self.unit.number, lane, self.next_step + step, -i if side else i)
                yield Candidate(s, e, half)


def _centre(unit: Unit, lane: int, step: int) -> Point:
    point = add_multiple(unit.public_key, offset(unit.batch, unit.number, lane, step, 0))
    if point is None:
        raise PublicKeyError("it is a known multiple of the generator")
    return point


def _arrays(kernel: Kernel, centres: list[Point]) -> list[NDArray[np.generic]]:
    """Return the arrays of `Memory`, in its order, but the bitmap."""
    field, groups = kernel.field, kernel.groups
    shape = (groups, field.size, field.width)
    table = np.array([field.limbs(number) for point in _table() for number in point], dtype=np.uint64)
    coordinates = [field.pack([point.x for point in centres]), field.pack([point.y for point in centres])]
    return [
        table,
        np.concatenate([*coordinates, np.zeros((2 * groups, *shape[1:]), np.uint64)]),
        np.zeros((GROUP + 1, *shape), np.uint64),
        np.zeros((SCRATCH_ELEMENTS, *shape), np.uint64),
        np.zeros((SIDES * IMAGES, MAX_WORDS, KEY_LANES), np.uint32),
        np.zeros((SHA256_WORDS, KEY_LANES), np.uint32),
        np.zeros((DIGEST_WORDS, KEY_LANES), np.uint32),
    ]


def _table() -> list[Point]:
    """Return G, 2G .. GROUP G, and POINTS_PER_STEP G."""
    rows = [*accumulate(repeat(G, GROUP), add), multiply(G, POINTS_PER_STEP)]
    assert all(row is not None for row in rows)
    return [row for row in rows if row is not None]
