"""The kind `primes` on the dispatcher: who may count, what is handed out, and whether a reported prime is one."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Final

from dispatcher.kinds.contract import AppKind, Case, Checked, Handed, Handing
from dispatcher.scheduling.matching import Requirement
from tests.support.lab.messages import KIND as NAME
from tests.support.lab.messages import PrimesAbility, PrimesWork, ReportPrime
from xwhep.errors.jobs import FalseResultError
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.apps import RegisterApp, Target

WIDE: Final = "64-bit"  #: the feature that a host needs; a feature has neither spaces nor slashes


class Primes(AppKind):
    """Jobs that count primes."""

    name = NAME
    work = PrimesWork
    report = ReportPrime
    ability = PrimesAbility

    def check_apps(self, apps: Sequence[RegisterApp]) -> None:
        """Refuse an app with a program: hosts count by themselves.

        Raises:
            InvalidFieldError: an app has one.
        """
        if any(app.targets for app in apps):
            raise InvalidFieldError("targets", f"an app of kind {NAME} has no program")

    def requirements(self, apps: Sequence[Sequence[Target]]) -> list[Requirement]:
        """Return that the jobs need a host that counts in 64 bits."""
        return [Requirement(NAME, features=frozenset({WIDE})) for _ in apps]

    def features(self, abilities: Sequence[PrimesAbility]) -> list[frozenset[str]]:
        """Return what hosts have of that."""
        return [frozenset({WIDE}) if ability.bits >= 64 else frozenset() for ability in abilities]

    def hand_out(self, handings: Sequence[Handing]) -> list[Handed]:
        """Return the jobs' arguments; a host that cannot use them says so with its end."""
        return [Handed(PrimesWork(arguments=handing.job.work.arguments)) for handing in handings]

    def check(self, reports: Sequence[tuple[Case, ReportPrime]]) -> list[Checked]:
        """Check that reported numbers are primes; a false one goes on its host's record."""
        return [_checked(report.prime) for _, report in reports]


def _checked(number: int) -> Checked:
    if any(number % divisor == 0 for divisor in range(2, isqrt(number) + 1)):
        return Checked(refused=FalseResultError(f"{number} is not a prime"))
    return Checked(answer=lambda _: {"accepted": number})


KIND: Final = Primes()
