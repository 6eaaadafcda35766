"""The group of secp256k1 in steps: from sixteen centres C to the keys of all points C - GROUP G .. C + GROUP G.

One step needs, for each row i = 1 .. GROUP of the table, 1 / (x(iG) - x(C)), which serves C + iG and C - iG alike; one
more row, POINTS_PER_STEP G, moves the centres on. The inverses come from a single inversion (P. L. Montgomery,
"Speeding the Pollard and elliptic curve methods of factorization", 1987): `accumulate` forward over the rows, `invert`,
and back over the rows, last to first.

A key needs no y: its compressed encoding is the parity and x, and both parities are wanted, since they belong to a
point and its negative. From each x come two more, those of LAMBDA and LAMBDA^2 times the point (Gallant, Lambert,
Vanstone, 2001): BETA x and BETA^2 x = -(x + BETA x). So a point gives six keys.

A centre that equals a table's point up to sign makes the whole step's inverse 0 and its keys wrong. That is as unlikely
as guessing a private key, unless someone chose the public key so, who then spoils no more than his own search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from llvmlite import ir
from numba import types

from worker.vanity.field import Element, Field
from worker.vanity.hashes import hash160_block
from worker.vanity.vectors import I64, Place, Static, Vec, broadcast, traced
from xwhep.secp256k1 import BETA
from xwhep.units import LANES

KEY_LANES = 2 * LANES  #: keys hashed together: those of sixteen x's and even y (0x02), then with odd y (0x03)
WORDS = 9  #: 32-bit words of a compressed key, 33 bytes, with SHA-256's end mark
DIGEST_WORDS = 5
IMAGES = 3  #: x's of a point: under 1, LAMBDA, LAMBDA^2
SIDES = 2  #: of a centre: C + iG, then C - iG

Item = TypeVar("Item")


@dataclass(frozen=True)
class Kernel(Static):
    """A way to compute: the field's implementation, and how many keys one vector of the hashes holds."""

    field: Field
    hash_lanes: int

    @property
    def name(self) -> str:
        """Return a short name for people."""
        return f"field{self.field.bits}x{self.field.width}-hash{self.hash_lanes}"

    @property
    def groups(self) -> int:
        """Return how many vectors together hold all centres; steps of the group work on one of them, or on all."""
        return LANES // self.field.width

    def load(self, place: Place, index: ir.Value | int, group: ir.Value) -> Element:
        """Return one vector's part of element `index` at `place`."""
        return self.field.load(self._part(place, index, group))

    def store(self, x: Element, place: Place, index: ir.Value | int, group: ir.Value) -> None:
        """Write one vector's part of element `index` at `place`."""
        self.field.store(x, self._part(place, index, group))

    def row(self, memory: Memory[Place], row: ir.Value) -> tuple[Element, Element]:
        """Return x and y of the table's point in all lanes."""
        number_bytes = self.field.size * 8
        table = memory.table.at(row, 2 * number_bytes)
        return self.field.load_broadcast(table), self.field.load_broadcast(table.at(1, number_bytes))

    def _part(self, place: Place, index: ir.Value | int, group: ir.Value) -> Place:
        return place.at(index, self.groups * self.field.vector_bytes).at(group, self.field.vector_bytes)


class Memory(NamedTuple, Generic[Item]):
    """The addresses of a kernel's arrays. An element is a field element for each of the centres."""

    table: Item  #: rows of x and y, one number each: iG for i = 1 .. GROUP, then POINTS_PER_STEP G
    centres: Item  #: four elements: x and y of the centres, x and y of the next ones
    products: Item  #: an element a row: the product of the differences of the rows before it
    scratch: Item  #: elements for `invert`; the first is the accumulator
    words: Item  #: 32-bit words [SIDES * IMAGES][WORDS][KEY_LANES]: messages to hash
    digests: Item  #: 32-bit words [DIGEST_WORDS][KEY_LANES]: hash160, the words as big-endian numbers


@traced()
def begin(kernel: Kernel, memory: Memory[Place], group: ir.Value) -> None:
    """Set the accumulator to one."""
    kernel.store(kernel.field.constant(memory.scratch.builder, 1), memory.scratch, 0, group)


@traced()
def accumulate(kernel: Kernel, memory: Memory[Place], group: ir.Value, row: ir.Value) -> None:
    """Keep the accumulator as the row's product, and multiply it by x_row - x_C."""
    x, _ = kernel.row(memory, row)
    accumulator = kernel.load(memory.scratch, 0, group)
    kernel.store(accumulator, memory.products, row, group)
    difference = kernel.field.subtract(x, kernel.load(memory.centres, 0, group))
    kernel.store(kernel.field.multiply(accumulator, difference), memory.scratch, 0, group)


@traced()
def multiply(kernel: Kernel, memory: Memory[Place], group: ir.Value, to: ir.Value, x: ir.Value, y: ir.Value) -> None:
    """Set scratch element `to` to the product of two others."""
    factors = kernel.load(memory.scratch, x, group), kernel.load(memory.scratch, y, group)
    kernel.store(kernel.field.multiply(*factors), memory.scratch, to, group)


@traced()
def square(kernel: Kernel, memory: Memory[Place], group: ir.Value, to: ir.Value, x: ir.Value) -> None:
    """Set scratch element `to` to the square of another."""
    kernel.store(kernel.field.square(kernel.load(memory.scratch, x, group)), memory.scratch, to, group)


def take_inverse(kernel: Kernel, memory: Memory[Place], row: ir.Value, difference: Element, group: ir.Value) -> Element:
    """Return 1 / difference, the row's, and take the row out of the accumulator, the inverse of all up to it."""
    inverse = kernel.load(memory.scratch, 0, group)
    kernel.store(kernel.field.multiply(inverse, difference), memory.scratch, 0, group)
    return kernel.field.multiply(inverse, kernel.load(memory.products, row, group))


@traced()
def write_both_sides(kernel: Kernel, memory: Memory[Place], group: ir.Value, row: ir.Value) -> None:
    """Write the messages of C + row and C - row, and take the row out of the accumulator.

    The sum's x is slope^2 - x_row - x_C with the slope (y_row - y_C) / (x_row - x_C); for C - row the slope is
    (y_row + y_C) / (x_row - x_C) up to its sign, which the square does not see. Source: SEC 1, 2.2.1.
    """
    field = kernel.field
    x, y = kernel.row(memory, row)
    centre_x, centre_y = kernel.load(memory.centres, 0, group), kernel.load(memory.centres, 1, group)
    inverse = take_inverse(kernel, memory, row, field.subtract(x, centre_x), group)
    for side, rise in enumerate((field.subtract(y, centre_y), field.add(y, centre_y))):
        slope = field.multiply(rise, inverse)
        write_images(kernel, memory, side, field.square(slope, field.negative(x, centre_x)), group)


@traced()
def write_centres(kernel: Kernel, memory: Memory[Place], group: ir.Value) -> None:
    """Write the messages of the centres themselves, as the first side."""
    write_images(kernel, memory, 0, kernel.load(memory.centres, 0, group), group)


@traced()
def compute_next_centres(kernel: Kernel, memory: Memory[Place], group: ir.Value, row: ir.Value) -> None:
    """Compute C + row as the next centres, and take the row out of the accumulator. Source: SEC 1, 2.2.1."""
    field = kernel.field
    x, y = kernel.row(memory, row)
    centre_x, centre_y = kernel.load(memory.centres, 0, group), kernel.load(memory.centres, 1, group)
    inverse = take_inverse(kernel, memory, row, field.subtract(x, centre_x), group)
    slope = field.multiply(field.subtract(y, centre_y), inverse)
    next_x = field.square(slope, field.negative(x, centre_x))
    next_y = field.multiply(slope, field.subtract(centre_x, next_x), field.negative(centre_y))
    kernel.store(next_x, memory.centres, 2, group)
    kernel.store(next_y, memory.centres, 3, group)


@traced()
def adopt_next_centres(kernel: Kernel, memory: Memory[Place], group: ir.Value) -> None:
    """Make the next centres the centres."""
    for coordinate in (0, 1):
        kernel.store(kernel.load(memory.centres, 2 + coordinate, group), memory.centres, coordinate, group)


def write_images(kernel: Kernel, memory: Memory[Place], side: int, x: Element, group: ir.Value) -> None:
    """Write the messages of x, BETA x and BETA^2 x = -(x + BETA x)."""
    field = kernel.field
    image = field.multiply(x, field.constant(memory.words.builder, BETA))
    opposite = field.carry(field.negative(x, image))
    for e, value in enumerate((x, image, opposite)):
        write_message(kernel, memory, side * IMAGES + e, value, group)


def write_message(kernel: Kernel, memory: Memory[Place], variant: int, x: Element, group: ir.Value) -> None:
    """Write the compressed keys with this x, of both parities, as SHA-256's big-endian words. Source: SEC 1, 2.3.3."""
    field = kernel.field
    words = [field.word(x, position) for position in range(200, 0, -32)]
    last = (field.word(x, 0) << 24) | 0x800000
    messages = memory.words.at(group, field.width * 4)
    for parity in (0, 1):
        first = field.word(x, 232) | (2 + parity) << 24
        for number, word in enumerate([first, *words, last]):
            messages.store(word, ((variant * WORDS + number) * KEY_LANES + parity * LANES) * 4)


@traced(returns=types.uint64)
def group_count(kernel: Kernel) -> ir.Value:
    """Return `kernel.groups` to a compiled loop."""
    return I64(kernel.groups)


@traced(returns=types.uint64)
def hash_parts(kernel: Kernel) -> ir.Value:
    """Return how many vectors hold the keys that are hashed together."""
    return I64(KEY_LANES // kernel.hash_lanes)


@traced()
def write_digests(kernel: Kernel, memory: Memory[Place], variant: ir.Value, part: ir.Value) -> None:
    """Write the hash160 of one vector of a variant's messages.

    All five words are stored though mostly one is used: with one alone alive LLVM orders the last rounds so badly that
    the block takes a quarter longer.
    """
    lanes = kernel.hash_lanes
    messages = memory.words.at(variant, WORDS * KEY_LANES * 4).at(part, lanes * 4)
    digest = hash160_block([messages.load(lanes, 32, word * KEY_LANES * 4) for word in range(WORDS)])
    for number, word in enumerate(digest):
        memory.digests.at(part, lanes * 4).store(word.swap_bytes(), number * KEY_LANES * 4)


@traced(returns=types.uint64)
def matches(memory: Memory[Place], low: ir.Value, span: ir.Value) -> ir.Value:
    """Return a bit for each lane: whether its hash160's first word is in low .. low + span."""
    first = memory.digests.load(KEY_LANES, 32, 0)
    return (first - _word(first, low)).mask_up_to(_word(first, span))


def _word(like: Vec, value: ir.Value) -> Vec:
    return broadcast(like.builder, like.builder.trunc(value, like.value.type.element), like.lanes)
