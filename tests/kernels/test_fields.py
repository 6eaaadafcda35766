"""The fields on vectors, against Python integers."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels.harness import FIELD_OPERATIONS, KERNELS, field_limbs, field_results
from worker.vanity.kernel import Kernel
from xwhep.secp256k1 import P

#: also numbers that are not reduced, and numbers whose limbs are all ones, to any length
EDGES = [0, 1, 2, P - 2, P - 1, P, P + 1, 2**256 - 1, *(2**bits - 1 for bits in (26, 52, 208, 234, 255))]
numbers = st.sampled_from(EDGES) | st.integers(0, 2**256 - 1)

each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)


@st.composite
def lanes(draw: st.DrawFn) -> list[int]:
    return draw(st.lists(numbers, min_size=8, max_size=8))


def check(kernel: Kernel, x: list[int], y: list[int]) -> None:
    results = field_results(kernel, x, y)

    for name, (_, twin) in FIELD_OPERATIONS.items():
        assert [value % P for value in results[name]] == [twin(a, b) % P for a, b in zip(x, y, strict=True)], name


@each_kernel
@given(x=lanes(), y=lanes())
def test_lanes_compute_like_python(kernel: Kernel, x: list[int], y: list[int]) -> None:
    check(kernel, x[: kernel.field.width], y[: kernel.field.width])


@each_kernel
def test_every_pair_of_edges_computes_like_python(kernel: Kernel) -> None:
    width = kernel.field.width
    for a in EDGES:
        for first in range(0, len(EDGES), width):
            others = (EDGES[first:] + EDGES)[:width]

            check(kernel, [a] * width, others)


@each_kernel
@given(x=lanes(), y=lanes())
def test_results_keep_to_the_bounds_that_the_next_operation_relies_on(
    kernel: Kernel, x: list[int], y: list[int]
) -> None:
    width = kernel.field.width

    top = 256 - (kernel.field.size - 1) * kernel.field.bits

    results = field_limbs(kernel, x[:width], y[:width])

    for limbs in results.values():
        assert (limbs[:-1] < 2**kernel.field.bits).all()
        assert (limbs[-1] < 2 ** (top + 1) - 2).all()


@each_kernel
@given(x=st.lists(st.integers(0, P - 1), min_size=8, max_size=8, unique=True))
def test_packing_is_undone_by_unpacking(kernel: Kernel, x: list[int]) -> None:
    assert kernel.field.unpack(kernel.field.pack(x)) == x


def test_results_of_random_numbers_are_reduced() -> None:
    random = Random(1)  # noqa: S311 - no secrets
    for kernel in KERNELS:
        for _ in range(200):
            x = [random.randrange(P) for _ in range(kernel.field.width)]
            y = [random.randrange(P) for _ in range(kernel.field.width)]

            results = field_results(kernel, x, y)

            assert all(value < P for values in results.values() for value in values)
