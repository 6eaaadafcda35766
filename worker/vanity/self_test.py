"""A unit of which every share is known: what a machine has to find before it gets work.

The unit's ranges hold a quarter of all hashes, so that its list of shares bears witness to all that the kernel
computes: each lane, each image, both sides, the step to the next centres, and the bitmap. The lists were made on Python
integers (`worker.vanity.reference`); kept are their digests.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from uuid import UUID

from worker.vanity.engine import Candidate, UnitSearch
from worker.vanity.kernel import Kernel
from xwhep.bitcoin.addresses import Form
from xwhep.bitcoin.ranges import Ranges
from xwhep.bitcoin.targets import Target
from xwhep.errors import MiscalculationError
from xwhep.secp256k1 import G
from xwhep.units import Unit

#: sixteen, each a sixty-fourth of all hashes
RANGES: Final[Ranges] = tuple((start << 156, (start << 156) + (1 << 154) - 1) for start in range(16))
STEPS: Final = 2

#: `digest` of the shares, by form
KNOWN: Final = {
    Form.P2PKH_COMPRESSED: "8f997a6184af36a42d2119d801f135eeeba2aec61b5571aa0e6e27753a124238",
    Form.P2PKH_UNCOMPRESSED: "494c842731eba16434087fa75d3ff86b679c46d14815d2c98ed27d7db1decae6",
    Form.P2SH_P2WPKH: "85ab965154a844f0a751d8c23c5649d9adcedbf79704cd86cadcbe2c3df382f2",
}


def unit(form: Form) -> Unit:
    """Return the unit of a form."""
    return Unit(UUID(int=0), 0, STEPS, G, Target(((form, RANGES),)))


def digest(shares: Iterable[Candidate]) -> str:
    """Return the SHA-256, hexadecimal, of shares in whatever order."""
    lines = sorted(f"{share.s:064x} {share.e} {share.half}\n" for share in shares)
    return sha256("".join(lines).encode()).hexdigest()


def self_test(kernel: Kernel) -> None:
    """Search the unit of the kernel's form, which takes a fraction of a second.

    Raises:
        MiscalculationError: this machine finds other shares than there are.
    """
    search, shares = UnitSearch(kernel, unit(kernel.form)), []
    while search.next_step < STEPS:
        shares += search.advance(STEPS)
    if digest(shares) != KNOWN[kernel.form]:
        raise MiscalculationError(kernel.name)
