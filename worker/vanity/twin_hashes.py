"""The hashes of the twin of the kernels: loops over bytes, as in their standards, in scalar words and numba alone.

Sources: FIPS 180-4; FIPS 202; H. Dobbertin, A. Bosselaers, B. Preneel, "RIPEMD-160: A Strengthened Version of RIPEMD"
(1996), appendix A. The constants are those of the kernels' hashes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.vanity import hashes, keccak
from worker.vanity.vectors import compiled

Words = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

U = np.uint64
ZERO, ONE, WORD, MASK = U(0), U(1), U(32), U(0xFFFFFFFF)
LITTLE, BIG = 0, 1  #: orders of bytes

SHA256_K: Final = np.array(hashes.SHA256_K, U)
SHA256_START: Final = np.array(hashes.SHA256_START, U)
RIPEMD160_START: Final = np.array(hashes.RIPEMD160_START, U)
#: of the left line and of the right one
RIPEMD160_K: Final = np.array([hashes.RIPEMD160_K, hashes.RIPEMD160_K_RIGHT], U)
RIPEMD160_R: Final = np.array([hashes.RIPEMD160_R, hashes.RIPEMD160_R_RIGHT], np.int64)
RIPEMD160_S: Final = np.array([hashes.RIPEMD160_S, hashes.RIPEMD160_S_RIGHT], U)
KECCAK_CONSTANTS: Final = np.array(keccak.ROUND_CONSTANTS, U)
RATE_BYTES: Final = 8 * keccak.RATE_WORDS


@compiled
def rotated(x: np.uint64, count: np.uint64, bits: np.uint64) -> np.uint64:
    """Return a word of so many bits rotated to the left by 0 <= count < bits."""
    if count == ZERO:
        return x
    word: np.uint64 = x << count | x >> bits - count
    return word & MASK if bits == WORD else word


@compiled
def right(x: np.uint64, count: int) -> np.uint64:
    """Return a word of 32 bits rotated to the right."""
    return rotated(x, WORD - U(count), WORD)


@compiled
def padded(message: Bytes, order: int) -> Words:
    """Return the words of a message with its padding. Source: FIPS 180-4, 5.1.1."""
    size = (len(message) + 9 + 63) // 64 * 64
    data = np.zeros(size, np.uint8)
    data[: len(message)] = message
    data[len(message)] = 0x80
    for place in range(4):
        data[size - 1 - place if order == BIG else size - 8 + place] = 8 * len(message) >> 8 * place & 255
    result = np.zeros(size // 4, U)
    for place in range(size):
        byte = 3 - place % 4 if order == BIG else place % 4
        result[place // 4] |= U(data[place]) << U(8 * byte)
    return result


@compiled
def as_bytes(state: Words, size: int, bits: int, order: int) -> Bytes:
    """Return the bytes of words of so many bits."""
    result = np.zeros(size, np.uint8)
    width = bits // 8
    for place in range(size):
        byte = width - 1 - place % width if order == BIG else place % width
        result[place] = state[place // width] >> U(8 * byte) & U(255)
    return result


@compiled
def sha256(message: Bytes) -> Bytes:
    """Return the SHA-256, 32 bytes. Source: FIPS 180-4, 6.2.2."""
    blocks, state, w = padded(message, BIG), SHA256_START.copy(), np.zeros(64, U)
    for block in range(len(blocks) // 16):
        w[:16] = blocks[16 * block : 16 * block + 16]
        for t in range(16, 64):
            early, late = w[t - 15], w[t - 2]
            sigma0 = right(early, 7) ^ right(early, 18) ^ early >> U(3)
            sigma1 = right(late, 17) ^ right(late, 19) ^ late >> U(10)
            w[t] = sigma1 + w[t - 7] + sigma0 + w[t - 16] & MASK
        a, b, c, d = state[0], state[1], state[2], state[3]
        e, f, g, h = state[4], state[5], state[6], state[7]
        for t in range(64):
            t1 = h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + (e & f ^ (e ^ MASK) & g) + SHA256_K[t] + w[t]
            t2 = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + (a & b ^ a & c ^ b & c)
            a, b, c, d, e, f, g, h = t1 + t2 & MASK, a, b, c, d + t1 & MASK, e, f, g
        for place, value in enumerate((a, b, c, d, e, f, g, h)):
            state[place] = state[place] + value & MASK
    return as_bytes(state, 32, 32, BIG)


@compiled
def ripemd160_function(round_: int, x: np.uint64, y: np.uint64, z: np.uint64) -> np.uint64:
    """Return the nonlinear function of a round, 0 .. 4."""
    if round_ == 0:
        return x ^ y ^ z
    if round_ == 1:
        return x & y | (x ^ MASK) & z
    if round_ == 2:
        return (x | y ^ MASK) ^ z
    if round_ == 3:
        return x & z | y & (z ^ MASK)
    return x ^ (y | z ^ MASK)


@compiled
def ripemd160_line(message: Words, line: int) -> Words:
    """Return the five variables of the left (0) or the right (1) line after its eighty steps."""
    start = RIPEMD160_START
    a, b, c, d, e = start[0], start[1], start[2], start[3], start[4]
    for j in range(80):
        round_, i = divmod(j, 16)
        f = ripemd160_function(4 - round_ if line else round_, b, c, d)
        total = a + f + message[RIPEMD160_R[line, round_, i]] + RIPEMD160_K[line, round_] & MASK
        total = rotated(total, RIPEMD160_S[line, round_, i], WORD) + e & MASK
        a, b, c, d, e = e, total, b, rotated(c, U(10), WORD), d
    return np.array([a, b, c, d, e])


@compiled
def ripemd160(message: Bytes) -> Bytes:
    """Return the RIPEMD-160, 20 bytes, of less than a block. Source: Dobbertin, Bosselaers, Preneel, appendix A."""
    block, state = padded(message, LITTLE), np.zeros(5, U)
    left, right_line = ripemd160_line(block, 0), ripemd160_line(block, 1)
    for place in range(5):
        total = RIPEMD160_START[(place + 1) % 5] + left[(place + 2) % 5] + right_line[(place + 3) % 5]
        state[place] = total & MASK
    return as_bytes(state, 20, 32, LITTLE)


@compiled
def keccak256(message: Bytes) -> Bytes:
    """Return the Keccak-256, 32 bytes, of less than a block; A[x, y] is word x + 5 y. Source: FIPS 202, 3.2."""
    a = np.zeros(25, U)
    for place in range(len(message)):
        a[place // 8] ^= U(message[place]) << U(8 * (place % 8))
    a[len(message) // 8] ^= ONE << U(8 * (len(message) % 8))
    a[RATE_BYTES // 8 - 1] ^= U(0x80) << U(56)
    for constant in KECCAK_CONSTANTS:
        a = keccak_round(a)
        a[0] ^= constant
    return as_bytes(a, 32, 64, LITTLE)


@compiled
def keccak_round(a: Words) -> Words:
    """Return the state after theta, rho, pi and chi. Source: FIPS 202, algorithms 1 to 4."""
    c, b, result = np.zeros(5, U), np.zeros(25, U), np.zeros(25, U)
    for place in range(25):
        c[place % 5] ^= a[place]
    for place in range(25):
        a[place] ^= c[(place + 4) % 5] ^ rotated(c[(place + 1) % 5], ONE, U(64))
    b[0] = a[0]
    x, y = 1, 0
    for t in range(24):
        count = U((t + 1) * (t + 2) // 2 % 64)
        b[y + 5 * ((2 * x + 3 * y) % 5)] = rotated(a[x + 5 * y], count, U(64))
        x, y = y, (2 * x + 3 * y) % 5
    for place in range(25):
        row = place // 5 * 5
        result[place] = b[place] ^ ~b[row + (place + 1) % 5] & b[row + (place + 2) % 5]
    return result
