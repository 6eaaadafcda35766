"""How long a search takes: the arithmetic of trying keys until one matches."""

from __future__ import annotations

import math
from fractions import Fraction


def probability(difficulty: Fraction, keys: int) -> float:
    """Return the probability that `keys` keys (0 or more) hold a match: 1 - (1 - 1 / difficulty)^keys."""
    chance = float(1 / difficulty)
    if chance == 1:
        return float(keys > 0)
    return -math.expm1(keys * math.log1p(-chance))  # neither 1 - chance nor 1 - the power may be rounded to 1


def keys_for(difficulty: Fraction, wanted: float) -> float:
    """Return after how many keys the `probability` of a match is the wanted one, 0 <= wanted < 1.

    A search has no memory: however many keys were tried in vain, so many more are needed. The mean is the difficulty.
    """
    chance = float(1 / difficulty)
    if chance == 1:
        return float(wanted > 0)
    return math.log1p(-wanted) / math.log1p(-chance)
