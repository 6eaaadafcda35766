"""How large a unit is: by the rate of its host, as the host says and as its shares have proven. Pure."""

from __future__ import annotations

from typing import Final

#: how long a unit of a search should take
UNIT_S: Final = 60
#: the unit of a host that has proven no rate yet, in keys
FIRST_UNIT_KEYS: Final = 50_000_000
#: a host's word about its rate is taken up to so many times what its shares have proven
TRUST: Final = 4.0
#: how much the newest unit counts in a proven rate: one unit's shares, some ten, are right to about a third
NEWEST: Final = 0.3
MAX_UNIT_KEYS: Final = 2**44
#: leading bits of a unit's steps that are not zero: few sizes, so that units of a search have few different targets
SIZE_BITS: Final = 4


def proven_rate(before: float, keys_proven: float, elapsed_s: float) -> float:
    """Return the keys a second that a host's shares prove, with one more unit; `before` is 0 for the first."""
    latest = keys_proven / max(1.0, elapsed_s)
    return before + NEWEST * (latest - before) if before > 0 else latest


def sizing_rate(said: float, proven: float) -> float:
    """Return the keys a second, above 0, by which a unit is sized, from what its host says and has proven (0: nothing).

    A host that says too little gets small units, and harms nobody. One that says too much would get units in which no
    share can be expected of it.
    """
    first = FIRST_UNIT_KEYS / UNIT_S
    return min(said or proven or first, max(TRUST * proven, first))


def unit_steps(keys_per_s: float, keys_per_step: int) -> int:
    """Return how many steps a unit has, so that it lasts about a minute on a host of this rate."""
    steps = max(1, round(min(keys_per_s * UNIT_S, MAX_UNIT_KEYS) / keys_per_step))
    spare = max(0, steps.bit_length() - SIZE_BITS)
    return steps >> spare << spare
