"""Native apps: a developer's executable or script, one program a platform, run in a sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dispatcher.kinds.contract import AppKind, Handed, Handing
from dispatcher.scheduling.matching import best_target
from xwhep.errors.jobs import NoTargetError
from xwhep.protocol.apps import RegisterApp
from xwhep.protocol.native import NativeWork


class Native(AppKind):
    """Jobs that run a program."""

    name = "native"
    work = NativeWork

    def check_apps(self, apps: Sequence[RegisterApp]) -> None:
        """Check that each app has a program.

        Raises:
            NoTargetError: one has none.
        """
        for app in apps:
            if not app.targets:
                raise NoTargetError(app.name)

    def hand_out(self, handings: Sequence[Handing]) -> list[Handed]:
        """Return the program that fits each host best."""
        return [Handed(_work(handing)) for handing in handings]


def _work(handing: Handing) -> NativeWork:
    targets = {(target.os, target.cpu): target for target in handing.targets}
    best = best_target(targets, handing.profile.os, handing.profile.cpu)
    assert best is not None, "the match class fits, so one of the app's targets does"
    job, target = handing.job, targets[best]
    return NativeWork(program=target.blob, entry=target.entry, limits=job.limits, **job.work.model_dump())


KIND: Final = Native()
