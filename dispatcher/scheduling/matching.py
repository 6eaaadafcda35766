"""Which jobs fit which hosts: what a job requires is reduced to a class at submission, and a host fits classes.

A poll then touches only index entries of the classes that fit, however many jobs wait. This module knows no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from cachetools import LRUCache

from xwhep.protocol.base import Cpu, Os

#: distinct profiles of hosts whose fitting classes are remembered; one more puts the longest unused out
MOST_PROFILES: Final = 4096


@dataclass(frozen=True, slots=True)
class Profile:
    """What a host can run: kinds of app, each with the features that the host has for it, on its platform."""

    kinds: Mapping[str, frozenset[str]]
    os: Os
    cpu: Cpu

    def __hash__(self) -> int:
        """Return a hash: hosts of equal profiles wait, and are given work, as one."""
        return hash((frozenset(self.kinds.items()), self.os, self.cpu))


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a job requires of a host: a kind of app, one of some platforms (none named: any), features of the kind.

    The name of a feature has neither spaces nor slashes.
    """

    kind: str
    platforms: frozenset[tuple[Os, Cpu]] = frozenset()
    features: frozenset[str] = frozenset()  #: all of them

    def text(self) -> str:
        """Return the canonical text: equal requirements have equal texts."""
        platforms = sorted(f"{os.value}/{cpu.value}" for os, cpu in self.platforms)
        return " ".join([self.kind, *sorted(self.features), *platforms])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the requirement that has this text."""
        kind, *words = text.split()
        pairs = (word.split("/") for word in words if "/" in word)
        features = frozenset(word for word in words if "/" not in word)
        return cls(kind, frozenset((Os(os), Cpu(cpu)) for os, cpu in pairs), features)

    def fits(self, profile: Profile) -> bool:
        """Tell whether a host of this profile can run the job."""
        if self.kind not in profile.kinds or not self.features <= profile.kinds[self.kind]:
            return False
        return self.fits_platform(profile.os, profile.cpu)

    def fits_platform(self, host_os: Os, host_cpu: Cpu) -> bool:
        """Tell whether a host of this platform could run the job, if it takes the kind."""
        return not self.platforms or any(runs_on(target, host_os, host_cpu) for target in self.platforms)


class FittingClasses:
    """The match classes, by number, that hosts of each profile fit; each pair of the two is compared once."""

    def __init__(self) -> None:
        self._requirements: dict[int, Requirement] = {}
        self._fitting: LRUCache[Profile, frozenset[int]] = LRUCache(MOST_PROFILES)

    def __contains__(self, number: object) -> bool:
        """Tell whether a class is known."""
        return number in self._requirements

    def __getitem__(self, number: int) -> Requirement:
        """Return the requirement of a class that is known."""
        return self._requirements[number]

    def learn(self, number: int, requirement: Requirement) -> None:
        """Take in a class."""
        if number in self._requirements:
            return
        self._requirements[number] = requirement
        for profile, fitting in list(self._fitting.items()):
            if requirement.fits(profile):
                self._fitting[profile] = fitting | {number}

    def of(self, profile: Profile) -> frozenset[int]:
        """Return the classes, of those that are known, whose jobs a host of this profile can run."""
        fitting: frozenset[int] | None = self._fitting.get(profile)
        if fitting is None:
            fitting = frozenset(
                number for number, requirement in self._requirements.items() if requirement.fits(profile)
            )
            self._fitting[profile] = fitting
        return fitting


def runs_on(target: tuple[Os, Cpu], host_os: Os, host_cpu: Cpu) -> bool:
    """Tell whether a program for the target platform runs on a host of this platform."""
    return target[0] is host_os and target[1] in (host_cpu, Cpu.ANY)


def best_target(targets: Iterable[tuple[Os, Cpu]], host_os: Os, host_cpu: Cpu) -> tuple[Os, Cpu] | None:
    """Return the platform to run on: one built for the processor before a script; None if there is none."""
    fitting = [target for target in targets if runs_on(target, host_os, host_cpu)]
    return min(fitting, key=lambda target: target[1] is Cpu.ANY, default=None)
