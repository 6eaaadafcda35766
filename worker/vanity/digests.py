"""From encoded keys to the 160 bits that addresses hold, in steps that meet in memory, and their comparison."""

from __future__ import annotations

from llvmlite import ir
from numba import types

from worker.vanity import hashes, keccak, sha_ni
from worker.vanity.kernel import BITMAP_BITS, DIGEST_WORDS, KEY_LANES, SHA256_WORDS, Kernel, Memory
from worker.vanity.messages import COMPRESSED, COORDINATES, ROW_BYTES, UNCOMPRESSED, Encoding, is_hashed, read_keys
from worker.vanity.vectors import I64, Place, Vec, broadcast, compiled, inlined, traced
from xwhep.vanity.addresses import Form

SCRIPT_BYTES = 22
BITMAP_BYTES = (1 << BITMAP_BITS) // 8


@traced(returns=types.uint64)
def sha_lanes(kernel: Kernel) -> ir.Value:
    """Return `kernel.sha_lanes` to a compiled loop."""
    return I64(kernel.sha_lanes)


@traced(returns=types.uint64)
def hash_lanes(kernel: Kernel) -> ir.Value:
    """Return `kernel.hash_lanes` to a compiled loop."""
    return I64(kernel.hash_lanes)


@traced(returns=types.uint64)
def field_lanes(kernel: Kernel) -> ir.Value:
    """Return how many lanes of 64 bits a vector has to a compiled loop."""
    return I64(kernel.field.width)


@traced(returns=types.uint64)
def begins_with(kernel: Kernel, encoding: Encoding, number: ir.Value, memory: Memory[Place]) -> ir.Value:
    """Tell a compiled loop whether form `number` of a pass is the first that hashes keys written so."""
    firsts = [number for number, form in enumerate(kernel.forms) if form in encoding.forms][:1]
    return _is_one_of(kernel, memory, number, firsts)


@traced(returns=types.uint64)
def is_nested(kernel: Kernel, number: ir.Value, memory: Memory[Place]) -> ir.Value:
    """Tell a compiled loop whether form `number` hashes the digest again, in a script. Source: BIP 141."""
    return _is_one_of(
        kernel, memory, number, [number for number, form in enumerate(kernel.forms) if form is Form.P2SH_P2WPKH]
    )


def _is_one_of(kernel: Kernel, memory: Memory[Place], number: ir.Value, numbers: list[int]) -> ir.Value:
    """Tell whether a number of a form is the one in a list; what can be told while compiling is a constant."""
    if not numbers or len(kernel.forms) == 1:
        return I64(len(numbers))
    builder = memory.words.builder
    return builder.zext(builder.icmp_unsigned("==", number, I64(numbers[0])), I64)


@traced()
def sha256_of_keys(
    kernel: Kernel, encoding: Encoding, memory: Memory[Place], variant: ir.Value, lane: ir.Value
) -> None:
    """Write the SHA-256 of a variant's keys, `sha_lanes` of them from `lane` up, if such keys are hashed at all."""
    if is_hashed(kernel, encoding):
        words = read_keys(kernel, encoding, memory, (variant, lane), kernel.sha_lanes)
        write_words(memory.states.at(lane, 4), sha256(kernel, words, encoding.size))


@traced()
def sha256_of_scripts(kernel: Kernel, memory: Memory[Place], lane: ir.Value) -> None:
    """Write the SHA-256 of the scripts that hold the digests, `sha_lanes` of them from `lane` up, if any are wanted."""
    if Form.P2SH_P2WPKH in kernel.forms:
        digests = read_digests(memory, lane, kernel.sha_lanes)
        write_words(memory.states.at(lane, 4), sha256(kernel, hashes.script_words(digests), SCRIPT_BYTES))


@traced()
def ripemd160_of_states(kernel: Kernel, memory: Memory[Place], lane: ir.Value) -> None:
    """Write the RIPEMD-160 of the states as digests, `hash_lanes` of them from `lane` up.

    All five words are stored though mostly one is used: with one alone alive LLVM orders the last rounds so badly that
    the block takes a quarter longer.
    """
    place = memory.states.at(lane, 4)
    states = [place.load(kernel.hash_lanes, 32, word * ROW_BYTES) for word in range(SHA256_WORDS)]
    digest = hashes.ripemd160_of_digest(tuple(states))
    write_words(memory.digests.at(lane, 4), tuple(word.swap_bytes() for word in digest))


@traced()
def keccak_of_keys(kernel: Kernel, memory: Memory[Place], variant: ir.Value, lane: ir.Value) -> None:
    """Write the end of the Keccak-256 of a variant's keys as digests, from `lane` up, if it is wanted at all.

    A vector is a register: the state's 25 words, and what else a round needs, hardly fit as it is.
    """
    if is_hashed(kernel, COORDINATES):
        words = read_keys(kernel, COORDINATES, memory, (variant, lane), kernel.field.width)
        write_words(memory.digests.at(lane, 4), keccak.last_words(keccak.keccak256(words)))


@traced(returns=types.uint64)
def matches(memory: Memory[Place], low: ir.Value, span: ir.Value) -> ir.Value:
    """Return a bit for each lane: whether its digest's first word is in low .. low + span."""
    return lies_in(memory.digests.load(KEY_LANES, 32, 0), low, span)


@traced(returns=types.uint64)
def may_match(memory: Memory[Place], number: ir.Value) -> ir.Value:
    """Return a bit for each lane: whether the bitmap of form `number` has its digest's leading bits."""
    leading = memory.digests.load(KEY_LANES, 32, 0) >> 32 - BITMAP_BITS
    return memory.bitmap.at(number, BITMAP_BYTES).load_scattered(leading >> 5).mask_of_bits(leading)


@traced(returns=types.uint64)
def first_word(memory: Memory[Place], lane: ir.Value) -> ir.Value:
    """Return the first word of a lane's digest."""
    return memory.digests.at(lane, 4).load_word(32)


@traced()
def keep_digests(memory: Memory[Place], row: ir.Value) -> None:
    """Keep the digests of all lanes with a row of hits."""
    kept = memory.kept.at(row, DIGEST_WORDS * ROW_BYTES)
    write_words(kept, tuple(memory.digests.load(KEY_LANES, 32, word * ROW_BYTES) for word in range(DIGEST_WORDS)))


@compiled
def finish_digests(kernel: Kernel, memory: Memory[int]) -> None:
    """Write the digests of all states; a function of its own, of whose 20 kB one copy serves all forms."""
    for lane in range(0, KEY_LANES, hash_lanes(kernel)):
        ripemd160_of_states(kernel, memory, lane)


@inlined
def write_hash160(kernel: Kernel, encoding: Encoding, memory: Memory[int], variant: int) -> None:
    """Write the digests of a variant's keys, encoded so."""
    for lane in range(0, KEY_LANES, sha_lanes(kernel)):
        sha256_of_keys(kernel, encoding, memory, variant, lane)
    finish_digests(kernel, memory)


@inlined
def write_digests(kernel: Kernel, memory: Memory[int], variant: int, number: int) -> None:
    """Write the digests of a variant's keys in form `number`, after those in the form before it."""
    if begins_with(kernel, COMPRESSED, number, memory):
        write_hash160(kernel, COMPRESSED, memory, variant)
    if begins_with(kernel, UNCOMPRESSED, number, memory):
        write_hash160(kernel, UNCOMPRESSED, memory, variant)
    if begins_with(kernel, COORDINATES, number, memory):
        for lane in range(0, KEY_LANES, field_lanes(kernel)):
            keccak_of_keys(kernel, memory, variant, lane)
    if is_nested(kernel, number, memory):
        for lane in range(0, KEY_LANES, sha_lanes(kernel)):
            sha256_of_scripts(kernel, memory, lane)
        finish_digests(kernel, memory)


def sha256(kernel: Kernel, words: list[Vec], size: int) -> hashes.State:
    """Return the SHA-256 of messages of `size` bytes, in the kernel's way."""
    return sha_ni.sha256(words, size) if kernel.sha_ni else hashes.sha256(words, size)


def read_digests(memory: Memory[Place], lane: ir.Value, lanes: int) -> hashes.State:
    """Return the digests in so many lanes from `lane` up."""
    place = memory.digests.at(lane, 4)
    return tuple(place.load(lanes, 32, word * ROW_BYTES) for word in range(DIGEST_WORDS))


def write_words(place: Place, words: hashes.State) -> None:
    """Write words of some lanes, each into its row."""
    for number, word in enumerate(words):
        place.store(word, number * ROW_BYTES)


def lies_in(words: Vec, low: ir.Value, span: ir.Value) -> ir.Value:
    """Return a bit for each lane: whether its word is in low .. low + span."""
    return (words - _word(words, low)).mask_up_to(_word(words, span))


def _word(like: Vec, value: ir.Value) -> Vec:
    return broadcast(like.builder, like.builder.trunc(value, like.value.type.element), like.lanes)
