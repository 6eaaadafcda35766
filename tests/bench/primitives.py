"""The parts of the kernels, each alone in a loop over memory: what `make bench-vanity` measures in ns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types

from tests.bench.measuring import Work
from worker.vanity.digests import field_lanes, finish_digests, keccak_of_keys, sha256_of_keys, sha_lanes, write_digests
from worker.vanity.endings import write_all_ends
from worker.vanity.engine import UnitSearch
from worker.vanity.kernel import IMAGES, KEY_LANES, SIDES, Kernel, Memory
from worker.vanity.messages import COMPRESSED
from worker.vanity.vectors import I64, Static, compiled, traced
from xwhep.secp256k1 import P

VARIANTS = SIDES * IMAGES
NUMBERS = 128  #: field elements in the loop, enough to hide the latency of one
REPEATS = 200


@dataclass(frozen=True)
class FieldOperation(Static):
    """One of `Field`'s operations, by its name."""

    name: str


class Operands(NamedTuple):
    """Addresses of two arrays of elements; results replace the first."""

    x: Any
    y: Any


@traced()
def _operate(kernel: Kernel, operation: FieldOperation, memory: Operands, index: ir.Value) -> None:
    field = kernel.field
    place = memory.x.at(index, field.vector_bytes)
    x, y = field.load(place), field.load(memory.y.at(index, field.vector_bytes))
    field.store(field.square(x) if operation.name == "square" else getattr(field, operation.name)(x, y), place)


@traced(returns=types.uint64)
def _vectors(kernel: Kernel) -> ir.Value:
    return I64(NUMBERS // kernel.field.width)


@compiled
def _operate_on_all(kernel: Kernel, operation: FieldOperation, memory: Operands) -> None:
    for _ in range(REPEATS):
        for index in range(_vectors(kernel)):
            _operate(kernel, operation, memory, index)


@compiled
def _sha256_all(kernel: Kernel, memory: Memory[int]) -> None:
    for repeat in range(REPEATS):
        for lane in range(0, KEY_LANES, sha_lanes(kernel)):
            sha256_of_keys(kernel, COMPRESSED, memory, repeat % VARIANTS, lane)


@compiled
def _ripemd160_all(kernel: Kernel, memory: Memory[int]) -> None:
    for _ in range(REPEATS):
        finish_digests(kernel, memory)


@compiled
def _hash160_all(kernel: Kernel, memory: Memory[int]) -> None:
    for repeat in range(REPEATS):
        write_digests(kernel, memory, repeat % VARIANTS, 0)


@compiled
def _keccak_all(kernel: Kernel, memory: Memory[int]) -> None:
    for repeat in range(REPEATS):
        for lane in range(0, KEY_LANES, field_lanes(kernel)):
            keccak_of_keys(kernel, memory, repeat % VARIANTS, lane)


@compiled
def _ends_all(kernel: Kernel, memory: Memory[int]) -> None:
    for _ in range(REPEATS):
        write_all_ends(kernel, memory)


def field_work(kernel: Kernel, name: str) -> Work:
    """Return the work of one field operation, counted in numbers."""
    numbers = [pow(3, 1000 + exponent, P) for exponent in range(NUMBERS)]
    x, y = kernel.field.pack(numbers), kernel.field.pack(numbers[::-1])
    operation, operands = FieldOperation(name), Operands(x.ctypes.data, y.ctypes.data)

    def work() -> int:
        _operate_on_all(kernel, operation, operands)
        return REPEATS * NUMBERS + 0 * int(x[0, 0, 0] & np.uint64(y.size))  # keeps both arrays alive

    return work


def hash_work(search: UnitSearch, name: str) -> Work:
    """Return the work of a hash, or of the ends of addresses, counted in keys, on the keys of a search for such."""
    function = {
        "sha256": _sha256_all,
        "ripemd160": _ripemd160_all,
        "hash160": _hash160_all,
        "keccak256": _keccak_all,
        "ending": _ends_all,
    }[name]

    def work() -> int:
        function(search.kernel, search.memory)
        return REPEATS * KEY_LANES

    return work
