"""SHA-256 and RIPEMD-160 of one block, and their composition over a public key, on vectors of 32-bit words.

Each lane is an independent message. Sources: FIPS 180-4; H. Dobbertin, A. Bosselaers, B. Preneel, "RIPEMD-160: A
Strengthened Version of RIPEMD" (1996), appendix A.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from worker.vanity.vectors import Vec

State = tuple[Vec, ...]

# --- SHA-256 ---------------------------------------------------------------------------------------------------------

#: FIPS 180-4, 5.3.3
SHA256_START = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)  # fmt: skip

#: FIPS 180-4, 4.2.2
SHA256_K = (
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
)  # fmt: skip


def ch(x: Vec, y: Vec, z: Vec) -> Vec:
    """Return y where x has ones and z elsewhere. Source: FIPS 180-4, (4.2)."""
    return ((y ^ z) & x) ^ z


def maj(x: Vec, y: Vec, z: Vec) -> Vec:
    """Return the majority of each bit. Source: FIPS 180-4, (4.3)."""
    return (x & y) | (z & (x | y))


def big_sigma0(x: Vec) -> Vec:
    """Source: FIPS 180-4, (4.4)."""
    return x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22)


def big_sigma1(x: Vec) -> Vec:
    """Source: FIPS 180-4, (4.5)."""
    return x.rotate_right(6) ^ x.rotate_right(11) ^ x.rotate_right(25)


def small_sigma0(x: Vec) -> Vec:
    """Source: FIPS 180-4, (4.6)."""
    return x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3)


def small_sigma1(x: Vec) -> Vec:
    """Source: FIPS 180-4, (4.7)."""
    return x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10)


def sha256_round(s: State, k: int, w: Vec) -> State:
    """Return the state after one round. Source: FIPS 180-4, 6.2.2, step 3."""
    a, b, c, d, e, f, g, h = s
    t1 = h + big_sigma1(e) + ch(e, f, g) + (w + k)
    t2 = big_sigma0(a) + maj(a, b, c)
    return t1 + t2, a, b, c, d + t1, e, f, g


def sha256_block(state: State, message: list[Vec]) -> State:
    """Return the hash value after a block of sixteen big-endian words. Source: FIPS 180-4, 6.2.2."""
    w, s = list(message), state
    for t in range(64):
        s = sha256_round(s, SHA256_K[t], w[t])
        if t < 48:
            w.append(small_sigma1(w[t + 14]) + w[t + 9] + small_sigma0(w[t + 1]) + w[t])
    return tuple(before + after for before, after in zip(state, s, strict=True))


# --- RIPEMD-160 ------------------------------------------------------------------------------------------------------

RIPEMD160_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)

#: added constants, of the left and of the right line, by round
RIPEMD160_K = (0x00000000, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xA953FD4E)
RIPEMD160_K_RIGHT = (0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x7A6D76E9, 0x00000000)

#: which message word each step takes
RIPEMD160_R = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8),
    (3, 10, 14, 4, 9, 15, 8, 1, 2, 7, 0, 6, 13, 11, 5, 12),
    (1, 9, 11, 10, 0, 8, 12, 4, 13, 3, 7, 15, 14, 5, 6, 2),
    (4, 0, 5, 9, 7, 12, 2, 10, 14, 1, 3, 8, 11, 6, 15, 13),
)
RIPEMD160_R_RIGHT = (
    (5, 14, 7, 0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12),
    (6, 11, 3, 7, 0, 13, 5, 10, 14, 15, 8, 12, 4, 9, 1, 2),
    (15, 5, 1, 3, 7, 14, 6, 9, 11, 8, 12, 2, 10, 0, 4, 13),
    (8, 6, 4, 1, 3, 11, 15, 0, 5, 12, 2, 13, 9, 7, 10, 14),
    (12, 15, 10, 4, 1, 5, 8, 7, 6, 2, 13, 14, 0, 3, 9, 11),
)

#: by how much each step rotates
RIPEMD160_S = (
    (11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8),
    (7, 6, 8, 13, 11, 9, 7, 15, 7, 12, 15, 9, 11, 7, 13, 12),
    (11, 13, 6, 7, 14, 9, 13, 15, 14, 8, 13, 6, 5, 12, 7, 5),
    (11, 12, 14, 15, 14, 15, 9, 8, 9, 14, 5, 6, 8, 6, 5, 12),
    (9, 15, 5, 11, 6, 8, 13, 12, 5, 12, 13, 14, 11, 8, 5, 6),
)
RIPEMD160_S_RIGHT = (
    (8, 9, 9, 11, 13, 15, 15, 5, 7, 7, 8, 11, 14, 14, 12, 6),
    (9, 13, 15, 7, 12, 8, 9, 11, 7, 7, 12, 7, 6, 15, 13, 11),
    (9, 7, 15, 11, 8, 6, 6, 14, 12, 13, 5, 14, 13, 13, 7, 5),
    (15, 5, 8, 11, 14, 14, 6, 14, 6, 9, 12, 9, 12, 5, 15, 8),
    (8, 5, 12, 9, 12, 5, 14, 6, 8, 13, 6, 5, 15, 13, 11, 11),
)

#: the nonlinear functions at bit level, by round; the right line takes them in reverse order
RIPEMD160_F: tuple[Callable[[Vec, Vec, Vec], Vec], ...] = (
    lambda x, y, z: x ^ y ^ z,
    lambda x, y, z: ((y ^ z) & x) ^ z,
    lambda x, y, z: (x | ~y) ^ z,
    lambda x, y, z: ((x ^ y) & z) ^ y,
    lambda x, y, z: x ^ (y | ~z),
)


def ripemd160_step(s: State, f: Vec, x: Vec, k: int, rotation: int) -> State:
    """Return the chaining variables of one line after one step, `f` being its function's value."""
    a, b, c, d, e = s
    t = (a + f + (x + k)).rotate_left(rotation) + e
    return e, t, b, c.rotate_left(10), d


def ripemd160_block(state: State, x: list[Vec]) -> State:
    """Return the hash value after a block of sixteen little-endian words.

    The two lines do not depend on each other; they are emitted step by step, side by side, which keeps the processor
    busy where LLVM's scheduler, seeing one line of eighty steps after the other, would not interleave them.
    """
    left = right = state
    for j in range(80):
        r, i = divmod(j, 16)
        f, f_right = RIPEMD160_F[r](*left[1:4]), RIPEMD160_F[4 - r](*right[1:4])
        left = ripemd160_step(left, f, x[RIPEMD160_R[r][i]], RIPEMD160_K[r], RIPEMD160_S[r][i])
        right = ripemd160_step(
            right, f_right, x[RIPEMD160_R_RIGHT[r][i]], RIPEMD160_K_RIGHT[r], RIPEMD160_S_RIGHT[r][i]
        )
    h0, h1, h2, h3, h4 = state
    a, b, c, d, e = left
    aa, bb, cc, dd, ee = right
    return h1 + c + dd, h2 + d + ee, h3 + e + aa, h4 + a + bb, h0 + b + cc


# --- hash160 ---------------------------------------------------------------------------------------------------------


def padded(words: list[Vec], size: int) -> list[list[Vec]]:
    """Return the blocks of a message of `size` bytes. Source: FIPS 180-4, 5.1.1.

    `words` are the big-endian words of the message with its end mark: the last byte, then 0x80, then zeros.
    """
    word = words[0].constant
    blocks = -(-(size + 9) // 64)
    whole = [*words, *[word(0)] * (16 * blocks - 1 - len(words)), word(8 * size)]
    return [whole[first : first + 16] for first in range(0, len(whole), 16)]


def sha256(words: list[Vec], size: int) -> State:
    """Return the SHA-256, eight big-endian words, of a message of `size` bytes, given as to `padded`."""
    state = tuple(map(words[0].constant, SHA256_START))
    for block in padded(words, size):
        state = sha256_block(state, block)
    return state


def ripemd160_of_digest(digest: State) -> State:
    """Return the RIPEMD-160, five little-endian words, of 32 bytes, given as eight big-endian words."""
    word = digest[0].constant
    message = [*(w.swap_bytes() for w in digest), word(0x80), *[word(0)] * 5, word(32 * 8), word(0)]
    return ripemd160_block(tuple(map(word, RIPEMD160_START)), message)


def script_words(key_hash: State) -> list[Vec]:
    """Return the script 0x0014 || key hash, 22 bytes with their end mark, of five big-endian words. Source: BIP 141."""
    ends = [*key_hash, key_hash[0].constant(0x80000000)]
    return [(key_hash[0] >> 16) | 0x00140000, *(a << 16 | b >> 16 for a, b in pairwise(ends))]


def payload_words(version: Vec, digest: State) -> list[Vec]:
    """Return version || digest, 21 bytes with their end mark: what Base58Check adds a checksum to."""
    ends = [version, *digest, digest[0].constant(0x80000000)]
    return [a << 24 | b >> 8 for a, b in pairwise(ends)]
