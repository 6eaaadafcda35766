"""The group of secp256k1 in steps: from sixteen centres C to the keys of all points C - GROUP G .. C + GROUP G.

One step needs, for each row i = 1 .. GROUP of the table, 1 / (x(iG) - x(C)), which serves C + iG and C - iG alike; one
more row, POINTS_PER_STEP G, moves the centres on. The inverses come from a single inversion (P. L. Montgomery,
"Speeding the Pollard and elliptic curve methods of factorization", 1987): `accumulate` forward over the rows, `invert`,
and back over the rows, last to first.

A compressed key needs no y: its encoding is the parity and x, and both parities are wanted, since they belong to a
point and its negative. For uncompressed keys y costs one multiplication more a point, which its three images share.
From each x come two more, those of LAMBDA and LAMBDA^2 times the point (Gallant, Lambert, Vanstone, 2001): BETA x and
BETA^2 x = -(x + BETA x). So a point gives six keys, and in a plain search one, with the parity of its own y.

A centre that equals a table's point up to sign makes the whole step's inverse 0 and its keys wrong. That is as unlikely
as guessing a private key, unless someone chose the public key so, who then spoils no more than his own search.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types

from worker.vanity.field import Element
from worker.vanity.kernel import IMAGES, Kernel, Memory
from worker.vanity.messages import write_keys, write_own_key
from worker.vanity.vectors import I64, Place, traced
from xwhep.secp256k1 import BETA


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
    """Write the keys of C + row and C - row, and take the row out of the accumulator.

    The sum's x is slope^2 - x_row - x_C with the slope (y_row - y_C) / (x_row - x_C); for C - row the slope is
    (y_row + y_C) / (x_row - x_C) up to its sign, which the square does not see. The sum's y is slope (x_C - x) - y_C;
    with the other sign of the slope, minus y is slope (x_C - x) + y_C. Source: SEC 1, 2.2.1.
    """
    field = kernel.field
    x, y = kernel.row(memory, row)
    centre_x, centre_y = kernel.load(memory.centres, 0, group), kernel.load(memory.centres, 1, group)
    inverse = take_inverse(kernel, memory, row, field.subtract(x, centre_x), group)
    for side, rise in enumerate((field.subtract(y, centre_y), field.add(y, centre_y))):
        slope = field.multiply(rise, inverse)
        side_x = field.square(slope, field.negative(x, centre_x))
        side_y = None
        if kernel.needs_y:
            addend = centre_y if side else field.negative(centre_y)
            side_y = field.multiply(slope, field.subtract(centre_x, side_x), addend)
            side_y = field.carry(field.negative(side_y)) if side else side_y
        write_point_keys(kernel, memory, side, (side_x, side_y), group)


@traced()
def write_centres(kernel: Kernel, memory: Memory[Place], group: ir.Value) -> None:
    """Write the keys of the centres themselves, as the first side."""
    x, y = (kernel.load(memory.centres, coordinate, group) for coordinate in (0, 1))
    write_point_keys(kernel, memory, 0, (x, y if kernel.needs_y else None), group)


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


def write_point_keys(
    kernel: Kernel, memory: Memory[Place], side: int, point: tuple[Element, Element | None], group: ir.Value
) -> None:
    """Write the keys of (x, y), (BETA x, y) and (BETA^2 x, y), where BETA^2 x = -(x + BETA x); if plain, of (x, y)."""
    field = kernel.field
    x, y = point
    if kernel.plain:
        assert y is not None
        write_own_key(kernel, memory, side, (x, y), group)
        return
    image = field.multiply(x, field.constant(memory.words.builder, BETA))
    opposite = field.carry(field.negative(x, image))
    for e, abscissa in enumerate((x, image, opposite)):
        write_keys(kernel, memory, side * IMAGES + e, (abscissa, y), group)


@traced(returns=types.uint64)
def group_count(kernel: Kernel) -> ir.Value:
    """Return `kernel.groups` to a compiled loop."""
    return I64(kernel.groups)
