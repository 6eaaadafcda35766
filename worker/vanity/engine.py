"""The host's side of the kernels: their tables, a unit in slices, the exact check of what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from worker.vanity.comparison import Comparison
from worker.vanity.kernel import (
    DIGEST_WORDS,
    IMAGES,
    KEY_LANES,
    MAX_WORDS,
    SHA256_WORDS,
    SIDES,
    WITH_Y,
    Kernel,
    Memory,
)
from worker.vanity.messages import ENCODINGS
from worker.vanity.search import ROW_COLUMNS, ROWS_PER_STEP, SCRATCH_ELEMENTS, Wanted, search
from xwhep.errors.keys import PublicKeyError
from xwhep.fast_secp256k1 import add_multiple
from xwhep.secp256k1 import G, N, Point, add, endomorphism, multiply, negate
from xwhep.vanity.addresses import Form, key_hash
from xwhep.vanity.errors import MiscalculationError
from xwhep.vanity.split_key import Hit
from xwhep.vanity.units import GROUP, LANES, POINTS_PER_STEP, Unit, offset

Scalar = TypeVar("Scalar", bound=np.generic)

HIT_STEPS: Final = 4  #: how many steps' worst case the buffer of hits holds
CACHE_LINE: Final = 64  #: bytes
SLICE_S: Final = 0.2  #: how long a slice shall take: no command waits longer for an answer


def compile_kernel(kernel: Kernel) -> None:
    """Compile a kernel, or load it from the cache."""
    no_memory = Memory(*[0] * len(Memory._fields))
    nothing = Wanted(
        np.zeros((0, 2), np.uint32), np.zeros(len(kernel.forms) + 1, np.int64), np.zeros((0, 2), np.uint32)
    )
    search(kernel, no_memory, nothing, np.zeros((0, ROW_COLUMNS), np.int64), 0)


def next_slice(steps: int, elapsed_s: float) -> int:
    """Return how many steps the next slice shall have, when one of `steps` took so long; it grows by 4 at most."""
    return max(1, min(4 * steps, int(steps * SLICE_S / max(elapsed_s, 1e-6))))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key of which a kernel finds that it may be wanted."""

    form: Form  #: in which it is
    s: int  #: the point's offset
    e: int
    #: which of an x's two keys: where y is not in the key the parity of its y, else 0 for the point's own, 1 for its
    #: negative's; 0 in a plain search
    half: int
    digest: bytes  #: 20 bytes, what its address holds, as the kernel computed it


class UnitSearch:
    """The search of one unit, from a step on."""

    def __init__(self, kernel: Kernel, unit: Unit, first_step: int = 0) -> None:
        """Set up the tables and the centres, which takes some 50 ms; of `kernel` the way to compute is taken.

        Raises:
            PublicKeyError: a centre is infinity: someone knows the discrete logarithm of the key.
        """
        self.kernel = kernel = kernel.for_unit(unit)
        self.unit = unit
        self.next_step = first_step
        comparison = Comparison.of(kernel, unit.target)
        self._wanted = comparison.wanted
        self._hits = np.zeros((HIT_STEPS * ROWS_PER_STEP * len(kernel.forms), ROW_COLUMNS), np.int64)
        self._starts = [offset(unit.batch, unit.number, lane, 0, 0) for lane in range(LANES)]
        centres = [_centre(unit, lane, first_step) for lane in range(LANES)]
        self._digests = _aligned(np.zeros((len(self._hits), DIGEST_WORDS, KEY_LANES), np.uint32))
        arrays = (*_arrays(kernel, centres), *comparison.arrays)
        self._arrays = [*(_aligned(array) for array in arrays), self._digests]
        self.memory = Memory(*(array.ctypes.data for array in self._arrays))

    def advance(self, steps: int) -> list[Candidate]:
        """Do up to `steps` steps, and return all candidates among their keys.

        Less is done where the unit ends, or where candidates are many: a step is done only if all its keys could be
        returned. `next_step` says how far it came.
        """
        steps = min(steps, self.unit.steps - self.next_step)
        done, rows = search(self.kernel, self.memory, self._wanted, self._hits, steps)
        digests = self._digests[:rows].astype(">u4").transpose(0, 2, 1)
        hits = zip(self._hits[:rows].tolist(), digests, strict=True)
        found = [candidate for row, digests in hits for candidate in self._candidates(digests, *row)]
        self.next_step += done
        return found

    def check(self, candidate: Candidate) -> Hit | None:
        """Return the hit that a candidate is, None if all of its digest is none; exact, on Python integers.

        A key that counts in several forms is a hit in the first of them only: one key is one hit.

        Raises:
            MiscalculationError: it would be a hit, and the kernel computed its digest wrongly.
        """
        target = self.unit.target
        if not target.accepts(candidate.form, candidate.digest):
            return None
        point = add_multiple(self.unit.public_key, candidate.s)
        if point is None:
            raise MiscalculationError(self.kernel.name)
        image: Point | None = endomorphism(point, candidate.e)
        sign = self.sign(candidate, point)
        image = image if sign == 1 else negate(image)
        assert image is not None
        if key_hash(image, candidate.form) != candidate.digest:
            raise MiscalculationError(self.kernel.name)
        match = target.match(image)
        return Hit(candidate.s, candidate.e, sign) if match and match.form is candidate.form else None

    def sign(self, candidate: Candidate, point: Point) -> int:
        """Return 1 if a candidate is the key of A' + sG, the point, or its image, -1 if it is the negative's."""
        own = 0 if self.unit.plain or candidate.form in WITH_Y else point.y % 2
        return 1 if candidate.half == own else -1

    def _candidates(
        self, digests: NDArray[np.uint32], step: int, i: int, variant: int, number: int, mask: int
    ) -> Iterator[Candidate]:
        """Yield the candidates of a row of hits, whose lanes' digests are big-endian words."""
        first = (self.next_step + step) * POINTS_PER_STEP
        for bit in range(KEY_LANES):
            if mask >> bit & 1:
                half, lane = divmod(bit, LANES)
                side, e = (half, 0) if self.unit.plain else divmod(variant, IMAGES)
                s = (self._starts[lane] + first + (-i if side else i)) % N
                digest = digests[bit].tobytes()
                yield Candidate(self.kernel.forms[number], s, e, 0 if self.unit.plain else half, digest)


def _centre(unit: Unit, lane: int, step: int) -> Point:
    point = add_multiple(unit.public_key, offset(unit.batch, unit.number, lane, step, 0))
    if point is None:
        raise PublicKeyError("it is a known multiple of the generator")
    return point


def _arrays(kernel: Kernel, centres: list[Point]) -> list[NDArray[np.generic]]:
    """Return the arrays of `Memory`, in its order, but those of what is wanted."""
    field, groups = kernel.field, kernel.groups
    shape = (groups, field.size, field.width)
    table = np.array([field.limbs(number) for point in _table() for number in point], dtype=np.uint64)
    coordinates = [field.pack([point.x for point in centres]), field.pack([point.y for point in centres])]
    return [
        table,
        np.concatenate([*coordinates, np.zeros((2 * groups, *shape[1:]), np.uint64)]),
        np.zeros((GROUP + 1, *shape), np.uint64),
        np.zeros((SCRATCH_ELEMENTS, *shape), np.uint64),
        np.zeros((len(ENCODINGS), SIDES * IMAGES, MAX_WORDS, KEY_LANES), np.uint32),
        np.zeros((SHA256_WORDS, KEY_LANES), np.uint32),
        np.zeros((DIGEST_WORDS, KEY_LANES), np.uint32),
    ]


def _aligned(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return a copy of an array that begins with a cache line: a vector across two of them takes twice as long."""
    room = np.zeros(array.nbytes + CACHE_LINE, np.uint8)
    start = -room.ctypes.data % CACHE_LINE
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _table() -> list[Point]:
    """Return G, 2G .. GROUP G, and POINTS_PER_STEP G."""
    rows = [*accumulate(repeat(G, GROUP), add), multiply(G, POINTS_PER_STEP)]
    assert all(row is not None for row in rows)
    return [row for row in rows if row is not None]
