"""What a kernel could reach at best: how many cycles of a core its instructions take if no port ever waits.

Counted in these kernels' machine code for a Zen 4 core: two operations of 512 bits a cycle, one of which may shift,
rotate or multiply, or four of 256 bits. A block of SHA-256 takes 1,605 such operations at least (552 rotations, 87
shifts, 400 ternary functions, 566 additions), one of RIPEMD-160 1,007; with neither ternary functions nor rotations
twice as many. A round of Keccak takes 90 on eight keys, or 188 on four of 256 bits; a digit of Bech32's checksum 14, or
20. SHA-NI's rounds wait for each other and are taken as measured. Other cores differ; the order does not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from worker.vanity.endings import BASE32, BASE58
from worker.vanity.kernel import Kernel
from worker.vanity.messages import COMPRESSED
from worker.vanity.vectors import compiled
from xwhep.vanity.addresses import Form

LINKS: Final = 500_000
CLOCK_S: Final = 0.03
CYCLES_PER_LINK: Final = 4  #: of the chain in `chain`: a product, which takes 3 on all cores in use, and an xor


@dataclass(frozen=True, slots=True)
class Cycles:
    """The least cycles of one core, for one number or one key."""

    multiply: float
    square: float
    sha256: float  #: a block
    ripemd160: float  #: a block
    keccak: float  #: a block
    polymod: float  #: of the digits of a digest and a checksum
    point: float  #: all that is no hash, for each of a point's six keys; without y
    plain_point: float  #: the same for the one key of a point in a plain search, with y

    def key(self, kernel: Kernel) -> float:
        """Return the cycles of a key in all of a kernel's forms, with the end of its address if that is compared."""
        y = self.multiply / 6 if kernel.needs_y and not kernel.plain else 0.0
        point = self.plain_point if kernel.plain else self.point
        compressed = not set(COMPRESSED.forms).isdisjoint(kernel.forms)
        hash160 = self.sha256 + self.ripemd160
        parts = {
            Form.P2PKH_UNCOMPRESSED: hash160 + self.sha256,
            Form.P2SH_P2WPKH: hash160,
            Form.ETHEREUM: self.keccak,
        }
        ends = {BASE58: 2 * self.sha256, BASE32: self.polymod}
        hashes = compressed * hash160 + sum(parts.get(form, 0.0) for form in kernel.forms)
        return point + y + hashes + ends.get(kernel.base, 0.0)


def least_cycles(kernel: Kernel, features: Mapping[str, bool]) -> Cycles:
    """Return the bound of a kernel on a processor with these features, by LLVM's names."""
    rotates = features.get("avx512vl", False)  # and has ternary functions, in vectors of 256 bits too
    wide = kernel.field.width == 8
    multiply, square, point = (8.0, 5.5, 8.0) if kernel.field.bits == 52 else (12.5, 6.9, 15.0 if wide else 25.0)
    return Cycles(
        multiply=multiply,
        square=square,
        sha256=53.0 if kernel.sha_ni else 50.2 if rotates else 101.0,
        ripemd160=31.5 if rotates else 62.0,
        keccak=135.0 if rotates else 282.0,
        polymod=17.0 if rotates else 24.0,
        point=point,
        plain_point=3.5 * multiply + square + 2 * (point - 0.58 * multiply - 0.17 * square),
    )


def clock_hz() -> float:
    """Return how fast this processor's clock runs while it computes, measured over a moment."""
    chain(1, np.uint64(1))
    started_s, links = time.thread_time(), 0
    while (elapsed_s := time.thread_time() - started_s) < CLOCK_S:
        chain(LINKS, np.uint64(links))
        links += LINKS
    return links * CYCLES_PER_LINK / elapsed_s


@compiled
def chain(links: int, seed: np.uint64) -> np.uint64:
    """Return a number that takes `CYCLES_PER_LINK` for each link: every one waits for the one before."""
    value = seed
    for link in range(links):
        value = (value * np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64(link)
    return value
