"""How the benches measure: processor seconds of this thread, subjects in turn, medians and spreads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

Work: TypeAlias = Callable[[], int]  #: does some work and returns how much


@dataclass(frozen=True, slots=True)
class Rate:
    """Work a second, in each of several rounds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return what half of the rounds reached."""
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """Return the difference between the best round and the worst, as a part of the median."""
        return (max(self.rounds) - min(self.rounds)) / self.median


def rates(subjects: Mapping[str, Work], *, rounds: int, round_s: float) -> dict[str, Rate]:
    """Return each subject's work a processor second of this thread; all take turns, so that all meet the same noise."""
    measured: dict[str, list[float]] = {name: [] for name in subjects}
    for work in subjects.values():
        work()  # compiles, and brings everything into the caches
    for _ in range(rounds):
        for name, work in subjects.items():
            measured[name].append(rate(work, round_s))
    return {name: Rate(tuple(values)) for name, values in measured.items()}


def rate(work: Work, round_s: float) -> float:
    """Return the work a processor second of this thread, of calls that last at least `round_s` together."""
    started_s, done = time.thread_time(), 0
    while (elapsed_s := time.thread_time() - started_s) < round_s:
        done += work()
    return done / elapsed_s
