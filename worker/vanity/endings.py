"""The last characters of addresses, as the number whose digits they are, for keys that have passed the ranges.

In Base58 an address is a number of 25 bytes, version || digest || checksum, so that its last characters are what the
number leaves over, divided by a power of 58. In Bech32 the last six are the checksum. Ethereum's are the digest's own.
More than these few are for the host to compare.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from llvmlite import ir
from numba import types

from worker.vanity.digests import field_lanes, lies_in, read_digests, sha256, sha_lanes
from worker.vanity.hashes import State, payload_words
from worker.vanity.kernel import KEY_LANES, Kernel, Memory
from worker.vanity.vectors import I64, Place, Vec, inlined, traced
from xwhep.vanity import bech32
from xwhep.vanity.addresses import HRP, Form, Network, base58_version
from xwhep.vanity.endings import TOGETHER

BASE58, BASE32, BASE16 = 58, 32, 16
PAYLOAD_BYTES, HASH_BYTES = 21, 32
MODULUS: Final[int] = BASE58 ** TOGETHER[BASE58]
VERSION, START, SIZE = range(3)  #: the words of `Memory.ending`


def parameters(form: Form, network: Network, base: int, characters: int) -> tuple[int, int, int]:
    """Return the words of `Memory.ending` for the last characters of addresses.

    They are the version's byte; what comes before the digest: in Base58 the version, with its weight, modulo 58^5, in
    Bech32 the checksum's state; and how many endings there are.
    """
    if base == BASE58:
        version = base58_version(form, network)[0]
        return version, (version << 192) % MODULUS, base**characters
    start = bech32.polymod([*bech32.expanded(HRP[network]), 0]) if base == BASE32 else 0
    return 0, start, base**characters


# --- the number ------------------------------------------------------------------------------------------------------


def base58_number(start: Vec, digest: State, checksum: Vec) -> Vec:
    """Return version || digest || checksum modulo 58^5, the version's part of it being `start`.

    No sum passes 2^64: five products of numbers below 2^32 and 58^5 < 2^29.3, and two numbers below 2^32.
    """
    total = checksum.wide() + start.wide()
    for place, word in enumerate(reversed(digest), start=1):
        total = total + word.wide() * pow(2, 32 * place, MODULUS)
    return (total % MODULUS).low32()


def bech32_number(start: Vec, digest: State) -> Vec:
    """Return the checksum, six digits, of a digest behind the state of what comes before it. Source: BIP 173."""
    return polymod(start, [*digits(digest), *[0] * TOGETHER[BASE32]]) ^ 1


def polymod(check: Vec, values: Iterable[Vec | int]) -> Vec:
    """Return the state of the checksum after further digits. Source: BIP 173, "Checksum"."""
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(bech32.GENERATOR):
            check = check ^ (0 - (top >> bit & 1) & generator)
    return check


def digits(digest: State) -> list[Vec]:
    """Return the 32 digits, of 5 bits each, of a digest of five words."""
    result = []
    for first in range(0, 160, 5):
        word, offset = divmod(first, 32)
        bits = digest[word] << offset
        if offset > 32 - 5:
            bits = bits | digest[word + 1] >> 32 - offset
        result.append(bits >> 32 - 5)
    return result


# --- steps -----------------------------------------------------------------------------------------------------------


@traced()
def write_checksums(kernel: Kernel, memory: Memory[Place], lane: ir.Value) -> None:
    """Write the checksum of Base58Check, the first word of the SHA-256 of the SHA-256, from `lane` up, as the end."""
    if kernel.base == BASE58:
        lanes = kernel.sha_lanes
        version = memory.ending.load_broadcast(lanes, 32, 4 * VERSION)
        once = sha256(kernel, payload_words(version, read_digests(memory, lane, lanes)), PAYLOAD_BYTES)
        twice = sha256(kernel, [*once, version.constant(0x80000000)], HASH_BYTES)
        memory.ends.at(lane, 4).store(twice[0], 0)


@traced()
def write_ends(kernel: Kernel, memory: Memory[Place], lane: ir.Value) -> None:
    """Write what the last characters are, from `lane` up; in Base58 the checksums are there before."""
    lanes, place = kernel.field.width, memory.ends.at(lane, 4)
    digest = read_digests(memory, lane, lanes)
    start, size = (memory.ending.load_broadcast(lanes, 32, 4 * word) for word in (START, SIZE))
    match kernel.base:
        case 58:
            number = base58_number(start, digest, place.load(lanes, 32, 0))
        case 32:
            number = bech32_number(start, digest)
        case _:
            number = digest[-1]
    place.store(number % size, 0)


@traced(returns=types.uint64)
def has_ending(kernel: Kernel) -> ir.Value:
    """Tell a compiled loop whether the ends of addresses are compared."""
    return I64(int(kernel.base != 0))


@traced(returns=types.uint64)
def ends_in(memory: Memory[Place], low: ir.Value, span: ir.Value) -> ir.Value:
    """Return a bit for each lane: whether its end is in low .. low + span."""
    return lies_in(memory.ends.load(KEY_LANES, 32, 0), low, span)


@inlined
def write_all_ends(kernel: Kernel, memory: Memory[int]) -> None:
    """Write the ends of all lanes' addresses."""
    for lane in range(0, KEY_LANES, sha_lanes(kernel)):
        write_checksums(kernel, memory, lane)
    for lane in range(0, KEY_LANES, field_lanes(kernel)):
        write_ends(kernel, memory, lane)
