"""A unit of which every share is known: what a machine has to find before it gets work.

The unit's ranges hold a quarter of all hashes, its endings half of all, so that its list of shares bears witness to all
that the kernel computes: each lane, each image, both sides, the step to the next centres, the bitmap, and the ends of
addresses. The lists were made without the kernels (`worker.vanity.reference`, `worker.vanity.twin`); kept are their
digests. With several forms at once each has the shares that it has alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from uuid import UUID

from worker.vanity.endings import BASE32
from worker.vanity.engine import Candidate, UnitSearch
from worker.vanity.kernel import Kernel
from xwhep.secp256k1 import G
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.endings import TOGETHER, Ending
from xwhep.vanity.errors import MiscalculationError
from xwhep.vanity.ranges import Ranges
from xwhep.vanity.targets import Target
from xwhep.vanity.units import Unit

#: sixteen, each a sixty-fourth of all hashes
RANGES: Final[Ranges] = tuple((start << 156, (start << 156) + (1 << 154) - 1) for start in range(16))
STEPS: Final = 2
CHECKED: Final = 32  #: shares, at least, whose whole digests are computed again
#: `digest` of the shares, by the purpose of the kernel for one form
KNOWN: Final = {
    "p2pkh-compressed": "8f997a6184af36a42d2119d801f135eeeba2aec61b5571aa0e6e27753a124238",
    "p2pkh-compressed-base58": "9b31adb58d8270b2c373550e1bc6e68d5f85a6bba81ef7a99761933f1ed726cd",
    "p2pkh-compressed-base32": "a36294782d051921a230b119f9b0eb2f84070cc369db63e88647acde26ed3e40",
    "p2pkh-compressed-plain": "1023494ee76ae89900f9c7d3f614c23b518ef97ee9f6e992e96ef6de1bfa3c27",
    "p2pkh-compressed-plain-base58": "649c00053064f9ca11b81408f7a7d44ac514c1629a424cd7e9f0d27634abdf26",
    "p2pkh-compressed-plain-base32": "bad24d6d31ff8dc9fa5cf916d691a8a87c1ebbf500c143694025d8e82139a202",
    "p2sh-p2wpkh": "85ab965154a844f0a751d8c23c5649d9adcedbf79704cd86cadcbe2c3df382f2",
    "p2sh-p2wpkh-base58": "3a43e0be44e8e67d6c257e77aa5e1e865b6025c78a5dd0a40b66e8d0ed312797",
    "p2sh-p2wpkh-plain": "56b0500f561c1f591489025ec7a41555a1b9f57f5ca0a9e17158e1eedc5a94cf",
    "p2sh-p2wpkh-plain-base58": "e57774ef8c3f6ba7d4ae10eca2046c0a2ad3aeff842faa77b898022dd1c3d214",
    "p2pkh-uncompressed": "494c842731eba16434087fa75d3ff86b679c46d14815d2c98ed27d7db1decae6",
    "p2pkh-uncompressed-base58": "3566433c23a500a3e68a101e9bac8c82dba626cf4caf0206721d797f78cdae77",
    "p2pkh-uncompressed-plain": "d2acd25563d152068332cb532fcb5a5a4d3cb226e71d66bcd62ca681359b9f46",
    "p2pkh-uncompressed-plain-base58": "43d055425fed979ec60b8113021505f5b0fad4d8383b1ebb80f40acd3edc670a",
    "ethereum": "49f187f09a565f5f7fb7174da91a3feb5473e4f495f7b794b1da0d9fef7f90a3",
    "ethereum-base16": "fa936af51525ffbc87d9282450c61b7a89428a7e010c398cb986186c60200554",
    "ethereum-plain": "5ab42e39c2e7c3ed8490685cecacf4906435e6f6fabe1ca3bbc83a55ff13b08c",
    "ethereum-plain-base16": "86f3039f0189de1cf633b60b931ebfb6624c0f6a45616cca7825d2e45bbf6925",
}


def unit(kernel: Kernel) -> Unit:
    """Return the unit that tests all that a kernel computes."""
    ranges = tuple((form, RANGES) for form in Form if form in kernel.forms)
    ending = _ending(kernel.forms[0], kernel.base) if kernel.base else None
    return Unit(UUID(int=0), 0, STEPS, G, Target(ranges, ending), kernel.plain)


def _ending(form: Form, base: int) -> Ending:
    """Return the first and the third quarter of all endings that a kernel compares."""
    characters, quarter = TOGETHER[base], base ** TOGETHER[base] // 4
    ranges = (0, quarter - 1), (2 * quarter, 3 * quarter - 1)
    return Ending(Form.P2WPKH if base == BASE32 else form, Network.MAIN, characters, ranges)


def digest(shares: Iterable[Candidate]) -> str:
    """Return the SHA-256, hexadecimal, of shares in whatever order."""
    lines = sorted(f"{share.s:064x} {share.e} {share.half}\n" for share in shares)
    return sha256("".join(lines).encode()).hexdigest()


def self_test(kernel: Kernel) -> None:
    """Search the unit of what a kernel computes, which takes a fraction of a second.

    Raises:
        MiscalculationError: this machine finds other shares than there are.
    """
    search, shares = UnitSearch(kernel, unit(kernel)), list[Candidate]()
    while search.next_step < STEPS:
        shares += search.advance(STEPS)
    for share in shares[:: max(1, len(shares) // CHECKED)]:
        search.check(share)
    for form in kernel.forms:
        alone = kernel.for_forms(form, plain=kernel.plain, base=kernel.base)
        if digest(share for share in shares if share.form is form) != KNOWN[alone.purpose]:
            raise MiscalculationError(kernel.name)
