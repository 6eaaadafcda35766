"""Keccak-256 of one block, as Ethereum hashes public keys, on vectors of 64-bit words.

Each lane of a vector is an independent message; what FIPS 202 calls a lane is a word here. The padding is Keccak's own,
a byte 0x01 behind the message, and not that of SHA3-256, which was standardised later.

Sources: FIPS 202; G. Bertoni, J. Daemen, M. Peeters, G. Van Assche, "The Keccak reference", version 3.0 (2011);
G. Wood, "Ethereum: a secure decentralised generalised transaction ledger" (Yellow Paper), appendix F.
"""

from __future__ import annotations

from typing import Final

from worker.vanity.vectors import Vec

Plane = list[Vec]  #: five words; A[x, y] of FIPS 202, 3.1.2, is word x of plane y
State = list[Plane]

ROUNDS: Final = 24
RATE_WORDS: Final = 17  #: of a block: 1,088 bits, which leaves a capacity of 512
DIGEST_WORDS: Final = 4


def _offsets() -> dict[tuple[int, int], int]:
    """Return by how much `rho` rotates the word A[x, y]. Source: FIPS 202, algorithm 2."""
    offsets, x, y = {(0, 0): 0}, 1, 0
    for t in range(24):
        offsets[x, y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


OFFSETS: Final = _offsets()


def theta_effect(a: State) -> Plane:
    """Return D, which `theta` adds to each plane. Source: FIPS 202, algorithm 1, steps 1 and 2."""
    c = [a[0][x] ^ a[1][x] ^ a[2][x] ^ a[3][x] ^ a[4][x] for x in range(5)]
    return [c[x - 1] ^ c[(x + 1) % 5].rotate_left(1) for x in range(5)]


def theta_rho_pi(a: State, d: Plane, y: int) -> Plane:
    """Return plane y after these three steps. Source: FIPS 202, algorithms 1 (step 3), 2 and 3."""
    sources = [((x + 3 * y) % 5, x) for x in range(5)]
    return [rotated(a[from_y][from_x] ^ d[from_x], OFFSETS[from_x, from_y]) for from_x, from_y in sources]


def rotated(word: Vec, count: int) -> Vec:
    """Return a word rotated to the left by 0 .. 63 bits."""
    return word.rotate_left(count) if count else word


def chi(plane: Plane) -> Plane:
    """Source: FIPS 202, algorithm 4."""
    return [plane[x] ^ (~plane[(x + 1) % 5] & plane[(x + 2) % 5]) for x in range(5)]


def iota(a: State, constant: int) -> State:
    """Source: FIPS 202, algorithm 6."""
    return [[a[0][0] ^ constant, *a[0][1:]], *a[1:]]


def _round_constants() -> list[int]:
    """Return what `iota` adds in each round. Source: FIPS 202, algorithms 5 (bit by bit) and 6 (their places)."""
    bits, register = [], 1
    for _ in range(7 * ROUNDS):
        bits.append(register & 1)
        register = register << 1 ^ (0x171 if register & 0x80 else 0)
    return [sum(bits[7 * i + j] << 2**j - 1 for j in range(7)) for i in range(ROUNDS)]


ROUND_CONSTANTS: Final = _round_constants()


def keccak_f(a: State) -> State:
    """Return the state after KECCAK-p[1600, 24]. Source: FIPS 202, algorithm 7.

    Plane by plane, each to its end: LLVM keeps the order, and fewer words wait for a register than after whole steps.
    """
    for constant in ROUND_CONSTANTS:
        d = theta_effect(a)
        a = iota([chi(theta_rho_pi(a, d, y)) for y in range(5)], constant)
    return a


def keccak256(message: list[Vec]) -> list[Vec]:
    """Return the digest, four little-endian words, of a message of fewer than seventeen such words."""
    word = message[0].constant
    block = [*message, word(0x01), *[word(0)] * (25 - 1 - len(message))]
    block[RATE_WORDS - 1] = block[RATE_WORDS - 1] ^ 0x80 << 56
    state = keccak_f([block[first : first + 5] for first in range(0, 25, 5)])
    return state[0][:DIGEST_WORDS]


def last_words(digest: list[Vec]) -> tuple[Vec, ...]:
    """Return the last 20 bytes of a digest as five big-endian words of 32 bits. Source: Yellow Paper, appendix F."""
    halves = [half for word in digest for half in (word.low32(), word.high32())]
    return tuple(half.swap_bytes() for half in halves[3:])
