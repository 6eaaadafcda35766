"""From encoded keys to the 160 bits that addresses hold, in steps that meet in memory, and their comparison."""

from __future__ import annotations

from llvmlite import ir
from numba import types

from worker.vanity import hashes, sha_ni
from worker.vanity.kernel import BITMAP_BITS, DIGEST_WORDS, KEY_LANES, SHA256_WORDS, Kernel, Memory
from worker.vanity.messages import ROW_BYTES, read_keys
from worker.vanity.vectors import I64, Place, Vec, broadcast, compiled, inlined, traced
from xwhep.bitcoin.addresses import Form

SCRIPT_BYTES = 22


@traced(returns=types.uint64)
def sha_lanes(kernel: Kernel) -> ir.Value:
    """Return `kernel.sha_lanes` to a compiled loop."""
    return I64(kernel.sha_lanes)


@traced(returns=types.uint64)
def hash_lanes(kernel: Kernel) -> ir.Value:
    """Return `kernel.hash_lanes` to a compiled loop."""
    return I64(kernel.hash_lanes)


@traced(returns=types.uint64)
def is_nested(kernel: Kernel) -> ir.Value:
    """Tell a compiled loop whether the key's hash is hashed again, in a script. Source: BIP 141, P2WPKH in P2SH."""
    return I64(int(kernel.form is Form.P2SH_P2WPKH))


@traced()
def sha256_of_keys(kernel: Kernel, memory: Memory[Place], variant: ir.Value, lane: ir.Value) -> None:
    """Write the SHA-256 of a variant's keys, `sha_lanes` of them from `lane` up."""
    words = read_keys(kernel, memory, variant, lane, kernel.sha_lanes)
    _write(memory.states.at(lane, 4), _sha256(kernel, words, kernel.key_bytes))


@traced()
def sha256_of_scripts(kernel: Kernel, memory: Memory[Place], lane: ir.Value) -> None:
    """Write the SHA-256 of the scripts that hold the digests, `sha_lanes` of them from `lane` up."""
    digests = _read(memory.digests.at(lane, 4), DIGEST_WORDS, kernel.sha_lanes)
    _write(memory.states.at(lane, 4), _sha256(kernel, hashes.script_words(tuple(digests)), SCRIPT_BYTES))


@traced()
def ripemd160_of_states(kernel: Kernel, memory: Memory[Place], lane: ir.Value) -> None:
    """Write the RIPEMD-160 of the states as digests, `hash_lanes` of them from `lane` up.

    All five words are stored though mostly one is used: with one alone alive LLVM orders the last rounds so badly that
    the block takes a quarter longer.
    """
    states = _read(memory.states.at(lane, 4), SHA256_WORDS, kernel.hash_lanes)
    digest = hashes.ripemd160_of_digest(tuple(states))
    _write(memory.digests.at(lane, 4), tuple(word.swap_bytes() for word in digest))


@traced(returns=types.uint64)
def matches(memory: Memory[Place], low: ir.Value, span: ir.Value) -> ir.Value:
    """Return a bit for each lane: whether its digest's first word is in low .. low + span."""
    first = memory.digests.load(KEY_LANES, 32, 0)
    return (first - _word(first, low)).mask_up_to(_word(first, span))


@traced(returns=types.uint64)
def may_match(memory: Memory[Place]) -> ir.Value:
    """Return a bit for each lane: whether the bitmap has its digest's leading bits."""
    leading = memory.digests.load(KEY_LANES, 32, 0) >> 32 - BITMAP_BITS
    return memory.bitmap.load_scattered(leading >> 5).mask_of_bits(leading)


@traced(returns=types.uint64)
def first_word(memory: Memory[Place], lane: ir.Value) -> ir.Value:
    """Return the first word of a lane's digest."""
    return memory.digests.at(lane, 4).load_word(32)


@compiled
def finish_digests(kernel: Kernel, memory: Memory[int]) -> None:
    """Write the digests of all states; a function of its own, of whose 20 kB one copy serves both rounds of a form."""
    for lane in range(0, KEY_LANES, hash_lanes(kernel)):
        ripemd160_of_states(kernel, memory, lane)


@inlined
def write_digests(kernel: Kernel, memory: Memory[int], variant: int) -> None:
    """Write the digests of a variant's keys."""
    for lane in range(0, KEY_LANES, sha_lanes(kernel)):
        sha256_of_keys(kernel, memory, variant, lane)
    finish_digests(kernel, memory)
    if is_nested(kernel):
        for lane in range(0, KEY_LANES, sha_lanes(kernel)):
            sha256_of_scripts(kernel, memory, lane)
        finish_digests(kernel, memory)


def _sha256(kernel: Kernel, words: list[Vec], size: int) -> hashes.State:
    return sha_ni.sha256(words, size) if kernel.sha_ni else hashes.sha256(words, size)


def _read(place: Place, words: int, lanes: int) -> list[Vec]:
    return [place.load(lanes, 32, word * ROW_BYTES) for word in range(words)]


def _write(place: Place, words: hashes.State) -> None:
    for number, word in enumerate(words):
        place.store(word, number * ROW_BYTES)


def _word(like: Vec, value: ir.Value) -> Vec:
    return broadcast(like.builder, like.builder.trunc(value, like.value.type.element), like.lanes)
