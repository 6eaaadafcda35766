"""The search loop: step after step over all keys, hits into a bounded buffer.

A key is a candidate if, in one of the forms, its digest's first 32-bit word lies in one of the ranges, and the last
characters of its address are wanted, if any are; the rest is for the host to check.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numpy.typing import NDArray

from worker.vanity.digests import first_word, keep_digests, matches, may_match, write_digests
from worker.vanity.endings import ends_in, has_ending, write_all_ends
from worker.vanity.group import (
    accumulate,
    adopt_next_centres,
    begin,
    compute_next_centres,
    group_count,
    multiply,
    square,
    write_both_sides,
    write_centres,
)
from worker.vanity.kernel import IMAGES, KEY_LANES, SIDES, Kernel, Memory
from worker.vanity.vectors import I64, compiled, inlined, traced
from xwhep.vanity.units import GROUP

#: the most rows of hits that a step can need for one form: one for each x of a lane; a row's mask covers lanes and keys
ROWS_PER_STEP = (SIDES * GROUP + 1) * IMAGES
ROW_COLUMNS = 5  #: of a row of hits

FIRST_HALF = np.uint64((1 << KEY_LANES // 2) - 1)  #: the centres' keys, which have no other side, in a plain kernel
FEW = 10  #: ranges up to which to compare with each is faster than to look into the bitmap

# Scratch elements of `invert`; XN is A^(2^N - 1).
A, X2, X3, X22, X44, X88, X, SPARE = range(8)
SCRATCH_ELEMENTS = 8

#: A^(P - 2), in rows (to, from, squarings, factor): to = from^(2^squarings) * factor. The addition chain is that of
#: libsecp256k1, src/field_impl.h, secp256k1_fe_impl_inv: 255 squarings and 15 products.
INVERSION = np.array(
    [
        (X2, A, 1, A),
        (X3, X2, 1, A),
        (X, X3, 3, X3),  # X6
        (X, X, 3, X3),  # X9
        (X, X, 2, X2),  # X11
        (X22, X, 11, X),
        (X44, X22, 22, X22),
        (X88, X44, 44, X44),
        (X, X88, 88, X88),  # X176
        (X, X, 44, X44),  # X220
        (X, X, 3, X3),  # X223
        (X, X, 23, X22),
        (X, X, 5, A),
        (X, X, 3, X2),
        (A, X, 2, A),
    ],
    dtype=np.int64,
)


@compiled
def invert(kernel: Kernel, memory: Memory[int]) -> None:
    """Replace the accumulator by its inverse (of 0: by 0)."""
    for row in range(len(INVERSION)):
        to, source, squarings, factor = INVERSION[row]
        for squaring in range(squarings):
            for group in range(group_count(kernel)):
                square(kernel, memory, group, SPARE, SPARE if squaring else source)
        for group in range(group_count(kernel)):
            multiply(kernel, memory, group, to, SPARE, factor)


class Wanted(NamedTuple):
    """What the keys of a pass are compared with."""

    ranges: NDArray[np.uint32]  #: rows (low, span) of first words, form after form, ascending in each
    starts: NDArray[np.int64]  #: form n has the ranges from starts[n] up to starts[n + 1]
    ends: NDArray[np.uint32]  #: rows (low, span) of the last characters as numbers


@traced(returns=types.uint64)
def form_count(kernel: Kernel) -> ir.Value:
    """Return how many forms a pass has to a compiled loop."""
    return I64(len(kernel.forms))


@traced(returns=types.uint64)
def images(kernel: Kernel) -> ir.Value:
    """Return how many messages a point makes, each of two keys, to a compiled loop; 0 if plain: two points make one."""
    return I64(0 if kernel.plain else IMAGES)


@compiled
def is_among(ranges: NDArray[np.uint32], word: int) -> bool:
    """Tell whether a first word is in one of the ranges, by bisection."""
    low, high = 0, ranges.shape[0]
    while low < high:
        middle = (low + high) // 2
        if word < ranges[middle, 0]:
            high = middle
        elif word > np.uint64(ranges[middle, 0]) + np.uint64(ranges[middle, 1]):
            low = middle + 1
        else:
            return True
    return False


@inlined
def matches_of_many(memory: Memory[int], number: int, ranges: NDArray[np.uint32]) -> np.uint64:
    """Return what the `matches` of all ranges are together: the keys that the bitmap lets through, each looked at."""
    mask: np.uint64 = may_match(memory, number)
    if mask != 0:
        for lane in range(KEY_LANES):
            if mask >> np.uint64(lane) & np.uint64(1) and not is_among(ranges, first_word(memory, lane)):
                mask ^= np.uint64(1) << np.uint64(lane)
    return mask


@inlined
def matches_of_all(memory: Memory[int], number: int, wanted: Wanted) -> np.uint64:
    """Return a bit for each key whose digest, of form `number`, is in one of the form's ranges."""
    first, end = wanted.starts[number], wanted.starts[number + 1]
    if end - first > FEW:
        return matches_of_many(memory, number, wanted.ranges[first:end])
    mask = np.uint64(0)
    for row in range(first, end):
        mask |= matches(memory, wanted.ranges[row, 0], wanted.ranges[row, 1])
    return mask


@inlined
def matches_of_ends(kernel: Kernel, memory: Memory[int], ends: NDArray[np.uint32]) -> np.uint64:
    """Return a bit for each key whose address ends as wanted."""
    write_all_ends(kernel, memory)
    mask = np.uint64(0)
    for row in range(ends.shape[0]):
        mask |= ends_in(memory, ends[row, 0], ends[row, 1])
    return mask


@inlined
def candidates(kernel: Kernel, memory: Memory[int], variant: int, number: int, wanted: Wanted) -> np.uint64:
    """Return a bit for each key of the variant that is wanted in form `number`."""
    write_digests(kernel, memory, variant, number)
    mask = matches_of_all(memory, number, wanted)
    if has_ending(kernel) and mask != 0:
        mask &= matches_of_ends(kernel, memory, wanted.ends)
    return mask


@inlined
def collect_candidates(
    kernel: Kernel, memory: Memory[int], point: tuple[int, int, int], wanted: Wanted, hits: NDArray[np.int64]
) -> int:
    """Put the candidates among the messages of a point into `hits`; return how many rows there are then.

    The point is (step, i, how many rows there were before).
    """
    step, i, count = point
    for variant in range(max(1, images(kernel) * (SIDES if i else 1))):
        for number in range(form_count(kernel)):
            mask = candidates(kernel, memory, variant, number, wanted)
            if i == 0 and images(kernel) == 0:
                mask &= FIRST_HALF
            if mask != 0:
                hits[count, 0], hits[count, 1], hits[count, 2] = step, i, variant
                hits[count, 3], hits[count, 4] = number, mask
                keep_digests(memory, count)
                count += 1
    return count


@inlined
def invert_differences(kernel: Kernel, memory: Memory[int]) -> None:
    """Compute the product of all rows' differences, its inverse, and with it the next centres."""
    for group in range(group_count(kernel)):
        begin(kernel, memory, group)
    for row in range(GROUP + 1):
        for group in range(group_count(kernel)):
            accumulate(kernel, memory, group, row)
    invert(kernel, memory)
    for group in range(group_count(kernel)):
        compute_next_centres(kernel, memory, group, GROUP)


@inlined
def write_point(kernel: Kernel, memory: Memory[int], i: int) -> None:
    """Write the keys of C + iG and C - iG, or of C itself, after which the next centres take its place."""
    for group in range(group_count(kernel)):
        if i != 0:
            write_both_sides(kernel, memory, group, i - 1)
        else:
            write_centres(kernel, memory, group)
            adopt_next_centres(kernel, memory, group)


@compiled
def search(kernel: Kernel, memory: Memory[int], wanted: Wanted, hits: NDArray[np.int64], steps: int) -> tuple[int, int]:
    """Do up to `steps` steps, fewer if `hits` has no room for another's worst case; return (steps done, rows of hits).

    A row of `hits` is (step, i, side * IMAGES + e, number of the form, mask): the point C +- iG, its image e, and a bit
    for each lane of `Memory.digests`, which `Memory.kept` has for each row. In a plain kernel the third is 0, and the
    lanes' halves are the sides.
    """
    count = 0
    for step in range(steps):
        if hits.shape[0] - count < ROWS_PER_STEP * form_count(kernel):
            return step, count
        invert_differences(kernel, memory)
        for i in range(GROUP, -1, -1):
            write_point(kernel, memory, i)
            count = collect_candidates(kernel, memory, (step, i, count), wanted, hits)
    return steps, count
