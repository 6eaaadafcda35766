"""Which jobs fit which hosts: what a job requires is reduced to a class at submission, and a host fits classes.

A poll then touches only index entries of the classes that fit, however many jobs wait. This module knows no database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from xwhep.protocol.apps import Kind
from xwhep.protocol.attempts import ANY_KERNELS
from xwhep.protocol.base import Cpu, Os
from xwhep.vanity.addresses import Form


@dataclass(frozen=True, slots=True)
class Profile:
    """What a host can run."""

    kinds: frozenset[Kind]
    os: Os
    cpu: Cpu
    forms: frozenset[Form] = ANY_KERNELS  #: of addresses that it can search for


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a job requires of a host: a kind of app, one of some platforms (none named: any), forms of addresses."""

    kind: Kind
    platforms: frozenset[tuple[Os, Cpu]] = frozenset()
    forms: frozenset[Form] = frozenset()  #: all of them; none if the job searches for no address

    def text(self) -> str:
        """Return the canonical text: equal requirements have equal texts."""
        forms = sorted(form.value for form in self.forms)
        return " ".join([self.kind.value, *forms, *sorted(f"{os.value}/{cpu.value}" for os, cpu in self.platforms)])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the requirement that has this text."""
        kind, *words = text.split()
        pairs = (word.split("/") for word in words if "/" in word)
        forms = frozenset(Form(word) for word in words if "/" not in word)
        return cls(Kind(kind), frozenset((Os(os), Cpu(cpu)) for os, cpu in pairs), forms)

    def fits(self, profile: Profile) -> bool:
        """Tell whether a host of this profile can run the job."""
        if self.kind not in profile.kinds or not self.forms <= profile.forms:
            return False
        return not self.platforms or any(runs_on(os, cpu, profile) for os, cpu in self.platforms)


def runs_on(os: Os, cpu: Cpu, profile: Profile) -> bool:
    """Tell whether a program for this platform runs on a host of this profile."""
    return os is profile.os and cpu in (profile.cpu, Cpu.ANY)


def best_target(targets: Iterable[tuple[Os, Cpu]], profile: Profile) -> tuple[Os, Cpu] | None:
    """Return the platform to run on: one built for the processor before a script; None if there is none."""
    fitting = [(os, cpu) for os, cpu in targets if runs_on(os, cpu, profile)]
    return min(fitting, key=lambda target: target[1] is Cpu.ANY, default=None)
