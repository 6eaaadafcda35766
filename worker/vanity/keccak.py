"""Keccak-256 of one block, as Ethereum hashes public keys, on vectors of 64-bit words.

Each lane of a vector is an independent message; what FIPS 202 calls a lane is a word here. The padding is Keccak's own,
a byte 0x01 behind the message, and not that of SHA3-256, which was standardised later.

Sources: FIPS 202; G. Bertoni, J. Daemen, M. Peeters, G. Van Assche, "The Keccak reference", version 3.0 (2011);
G. Wood, "Ethereum: a secure decentralised generalised transaction ledger" (Yellow Paper), appendix F.
"""

from __future__ import annotations

from typing import Final

from worker.vanity.vectors import Vec

State = list[list[Vec]]  #: the word A[x, y] of FIPS 202, 3.1.2, is at [x][y]

ROUNDS: Final = 24
RATE_WORDS: Final = 17  #: of a block: 1,088 bits, which leaves a capacity of 512
DIGEST_WORDS: Final = 4


def theta(a: State) -> State:
    """Source: FIPS 202, algorithm 1."""
    c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
    d = [c[x - 1] ^ c[(x + 1) % 5].rotate_left(1) for x in range(5)]
    return [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]


def rho(a: State) -> State:
    """Source: FIPS 202, algorithm 2."""
    result = [list(sheet) for sheet in a]
    x, y = 1, 0
    for t in range(24):
        result[x][y] = a[x][y].rotate_left((t + 1) * (t + 2) // 2 % 64)
        x, y = y, (2 * x + 3 * y) % 5
    return result


def pi(a: State) -> State:
    """Source: FIPS 202, algorithm 3."""
    return [[a[(x + 3 * y) % 5][x] for y in range(5)] for x in range(5)]


def chi(a: State) -> State:
    """Source: FIPS 202, algorithm 4."""
    return [[a[x][y] ^ (~a[(x + 1) % 5][y] & a[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]


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
    """Return the state after KECCAK-p[1600, 24]. Source: FIPS 202, algorithm 7."""
    for constant in ROUND_CONSTANTS:
        a = iota(chi(pi(rho(theta(a)))), constant)
    return a


def keccak256(message: list[Vec]) -> list[Vec]:
    """Return the digest, four little-endian words, of a message of fewer than seventeen such words."""
    word = message[0].constant
    block = [*message, word(0x01), *[word(0)] * (25 - 1 - len(message))]
    block[RATE_WORDS - 1] = block[RATE_WORDS - 1] ^ 0x80 << 56
    state = keccak_f([[block[x + 5 * y] for y in range(5)] for x in range(5)])
    return [state[x][0] for x in range(DIGEST_WORDS)]


def last_words(digest: list[Vec]) -> tuple[Vec, ...]:
    """Return the last 20 bytes of a digest as five big-endian words of 32 bits. Source: Yellow Paper, appendix F."""
    halves = [half for word in digest for half in (word.low32(), word.high32())]
    return tuple(half.swap_bytes() for half in halves[3:])
