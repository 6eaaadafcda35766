"""Single operations of the kernels, compiled alone: numbers in, numbers out, all lanes at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from worker.vanity import sha_ni
from worker.vanity.choice import host_features, usable_kernels
from worker.vanity.field import Element, Field
from worker.vanity.hashes import (
    RIPEMD160_START,
    SHA256_START,
    ripemd160_block,
    ripemd160_of_digest,
    sha256,
    sha256_block,
)
from worker.vanity.keccak import keccak256, last_words
from worker.vanity.kernel import Kernel
from worker.vanity.vectors import Place, Static, Vec, compiled, traced

KERNELS = usable_kernels(host_features())
HASH_LANES = 8

Twin = Callable[[int, int], int]
Operation = Callable[[Field, Element, Element], Element]

#: what the fields compute, and the same on integers
FIELD_OPERATIONS: dict[str, tuple[Operation, Twin]] = {
    "multiply": (lambda field, x, y: field.multiply(x, y), lambda x, y: x * y),
    "multiply and add": (lambda field, x, y: field.multiply(x, y, field.negative(x, y)), lambda x, y: x * y - x - y),
    "square": (lambda field, x, _: field.square(x), lambda x, _: x * x),
    "square and add": (lambda field, x, y: field.square(x, field.negative(x, y)), lambda x, y: x * x - x - y),
    "add": (lambda field, x, y: field.add(x, y), lambda x, y: x + y),
    "subtract": (lambda field, x, y: field.subtract(x, y), lambda x, y: x - y),
    "negative": (lambda field, x, y: field.carry(field.negative(x, y)), lambda x, y: -x - y),
}


class Operands(NamedTuple):
    """Addresses."""

    inputs: Any
    results: Any


@traced()
def _compute(kernel: Kernel, memory: Operands) -> None:
    field = kernel.field
    x, y = (field.load(memory.inputs.at(position, field.vector_bytes)) for position in (0, 1))
    for position, (operation, _) in enumerate(FIELD_OPERATIONS.values()):
        field.store(operation(field, x, y), memory.results.at(position, field.vector_bytes))


@compiled
def _run_field(kernel: Kernel, memory: Operands) -> None:
    _compute(kernel, memory)


def field_limbs(kernel: Kernel, x: Sequence[int], y: Sequence[int]) -> dict[str, np.ndarray[Any, Any]]:
    """Return what each operation makes of x and y, `width` numbers each, as arrays [limb, lane]."""
    inputs = np.concatenate([kernel.field.pack(x), kernel.field.pack(y)])
    results = np.zeros((len(FIELD_OPERATIONS), *inputs.shape[1:]), np.uint64)
    _run_field(kernel, Operands(inputs.ctypes.data, results.ctypes.data))
    return dict(zip(FIELD_OPERATIONS, results, strict=True))


def field_results(kernel: Kernel, x: Sequence[int], y: Sequence[int]) -> dict[str, list[int]]:
    """Return what each operation makes of x and y, `width` numbers each, as numbers that are not reduced."""
    limbs = field_limbs(kernel, x, y)
    return {name: kernel.field.unpack(result[np.newaxis]) for name, result in limbs.items()}


def _start(place: Place, words: Sequence[int]) -> tuple[Vec, ...]:
    kind = ir.VectorType(ir.IntType(32), HASH_LANES)
    return tuple(Vec(place.builder, ir.Constant(kind, [word] * HASH_LANES)) for word in words)


@traced()
def _hash(memory: Operands) -> None:
    message = [memory.inputs.load(HASH_LANES, 32, word * HASH_LANES * 4) for word in range(16)]
    digests = (
        sha256_block(_start(memory.inputs, SHA256_START), message),
        ripemd160_block(_start(memory.inputs, RIPEMD160_START), message),
        ripemd160_of_digest(sha256(message[:9], 33)),
    )
    for number, word in enumerate(word for digest in digests for word in digest):
        memory.results.store(word, number * HASH_LANES * 4)


@compiled
def _run_hashes(memory: Operands) -> None:
    _hash(memory)


def hash_blocks(blocks: Sequence[bytes]) -> list[tuple[bytes, bytes, bytes]]:
    """Return SHA-256's and RIPEMD-160's state after one block each, and hash160 of the block's first 33 bytes.

    The block's 64 bytes are read as big-endian words for SHA-256 and hash160, as little-endian ones for RIPEMD-160.
    """
    results = [_hash_words(np.array([np.frombuffer(block, order) for block in blocks])) for order in (">u4", "<u4")]
    return [
        (big[:8].astype(">u4").tobytes(), little[8:13].astype("<u4").tobytes(), big[13:].astype("<u4").tobytes())
        for big, little in zip(*results, strict=True)
    ]


def _hash_words(words: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    inputs = np.ascontiguousarray(words.T, dtype=np.uint32)
    results = np.zeros((18, HASH_LANES), np.uint32)
    _run_hashes(Operands(inputs.ctypes.data, results.ctypes.data))
    return results.T


@dataclass(frozen=True)
class _Sha256(Static):
    """SHA-256 of messages of one size, by the processor's instructions or by vectors."""

    size: int
    sha_ni: bool


@traced()
def _sha256(how: _Sha256, memory: Operands) -> None:
    words = [memory.inputs.load(4, 32, word * 16) for word in range(how.size // 4 + 1)]
    digest = sha_ni.sha256(words, how.size) if how.sha_ni else sha256(words, how.size)
    for number, word in enumerate(digest):
        memory.results.store(word, number * 16)


@compiled
def _run_sha256(how: _Sha256, memory: Operands) -> None:
    _sha256(how, memory)


def sha256_of_four(messages: Sequence[bytes], *, by_sha_ni: bool) -> list[bytes]:
    """Return the SHA-256 of four messages of one size, of as many blocks as it takes."""
    size = len(messages[0])
    marked = [message + b"\x80" + bytes(3 - size % 4) for message in messages]
    inputs = np.ascontiguousarray(np.array([np.frombuffer(message, ">u4") for message in marked]).T, dtype=np.uint32)
    results = np.zeros((8, 4), np.uint32)
    _run_sha256(_Sha256(size, by_sha_ni), Operands(inputs.ctypes.data, results.ctypes.data))
    return [digest.astype(">u4").tobytes() for digest in results.T]


@traced()
def _keccak(memory: Operands) -> None:
    digest = keccak256([memory.inputs.load(HASH_LANES, 64, word * HASH_LANES * 8) for word in range(8)])
    for number, word in enumerate(digest):
        memory.results.store(word, number * HASH_LANES * 8)
    for number, word in enumerate(last_words(digest)):
        memory.results.store(word, (8 + number) * HASH_LANES * 4)


@compiled
def _run_keccak(memory: Operands) -> None:
    _keccak(memory)


def keccak_of_keys(messages: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the Keccak-256 of eight messages of 64 bytes, and its last 20 bytes as `last_words` has them."""
    inputs = np.ascontiguousarray(np.array([np.frombuffer(message, "<u8") for message in messages]).T)
    results = np.zeros(4 * HASH_LANES * 8 + 5 * HASH_LANES * 4, np.uint8)
    _run_keccak(Operands(inputs.ctypes.data, results.ctypes.data))
    digests = results[: 4 * HASH_LANES * 8].view(np.uint64).reshape(4, HASH_LANES).T
    addresses = results[4 * HASH_LANES * 8 :].view(np.uint32).reshape(5, HASH_LANES).T
    return [
        (digest.astype("<u8").tobytes(), address.astype(">u4").tobytes())
        for digest, address in zip(digests, addresses, strict=True)
    ]
