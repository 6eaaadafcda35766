"""How long a key takes in one kind of search, as a multiple of what it takes where compressed keys alone are hashed.

Units are sized by a host's rate, and the search that it had last may have been of another kind. The numbers are those
of `make bench-vanity` on a Zen 4 core; on others they are right to about a third, as a proven rate is.
"""

from __future__ import annotations

from typing import Final

from xwhep.vanity.addresses import Form
from xwhep.vanity.ranges import difficulty_of
from xwhep.vanity.targets import Target

_POINT: Final = 0.1  #: all that is no hash
_PLAIN_POINT: Final = 0.45  #: the same where a point gives one key, not six
#: beside the hashes that others share with it
_HASHES: Final = {
    Form.P2PKH_COMPRESSED: 0.9,
    Form.P2SH_P2WPKH: 0.85,
    Form.P2PKH_UNCOMPRESSED: 1.45,
    Form.ETHEREUM: 1.75,
}
_ENDS: Final = {58: 1.0, 32: 0.4, 16: 0.0}  #: an address's last characters, by the base of its alphabet
_TOGETHER: Final = 32  #: keys whose ends are computed as soon as one of them begins as wanted


def effort(target: Target, *, plain: bool) -> float:
    """Return how long a key takes in a search for this target, at least about 1."""
    hashed = {*target.forms}
    if Form.P2SH_P2WPKH in hashed:
        hashed.add(Form.P2PKH_COMPRESSED)  # whose hash is in the script that is hashed
    hashes = sum(time for form, time in _HASHES.items() if form in hashed)
    return (_PLAIN_POINT if plain else _POINT) + hashes + _end(target)


def _end(target: Target) -> float:
    if target.ending is None:
        return 0.0
    ((_, beginnings),) = target.ranges
    return _ENDS[target.ending.base] * min(1.0, float(_TOGETHER / difficulty_of(beginnings)))
