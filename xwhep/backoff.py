"""How long to wait before something that failed is tried again: doubling, bounded, with full jitter.

Thousands whose connections broke at the same moment spread over the whole pause, not over a part of it. Source:
M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. This module knows no clock and no chance.
"""

from __future__ import annotations

#: doublings that are counted; beyond them every pause has reached its bound
_DOUBLINGS = 16
#: the least pause, as a part of the first: who draws a zero must not try again in the same moment
_LEAST = 0.1


def pause_s(failures: int, chance: float, *, first_s: float, longest_s: float, at_least_s: float = 0.0) -> float:
    """Return how long to wait after so many earlier failures, seconds; `chance` is a number in [0, 1).

    `at_least_s` is what the other side asked for: those whom it asked together come back within as long again.
    """
    lower_s = max(first_s * _LEAST, at_least_s)
    upper_s = max(min(longest_s, first_s * 2.0 ** min(failures, _DOUBLINGS)), 2 * at_least_s)
    return lower_s + (upper_s - lower_s) * chance
