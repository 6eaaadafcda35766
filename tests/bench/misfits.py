"""`python -m tests.bench.misfits`: what a job costs the dispatcher that fits none of the hosts that wait.

A thousand long polls wait, of hosts that are all alike or of as many sorts as a grid can have; beside them the same
jobs are submitted where nobody waits. Costs are milliseconds of the dispatcher's processor. The last line is one JSON
object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import chain, combinations, product
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.alone import run_alone
from tests.bench.bulk import submit
from tests.bench.crowd import IDENTITIES, LINUX, a_crowd, share_of_core
from tests.bench.dispatcher_grid import LoadedGrid, a_loaded_grid
from tests.bench.wire import Wire
from tests.support.content import put
from xwhep.client.connection import Connection
from xwhep.client.owner import OwnerClient
from xwhep.pki.contexts import client_context
from xwhep.protocol.apps import RegisterApp, Target
from xwhep.protocol.base import Cpu, Os
from xwhep.vanity.addresses import Form
from xwhep.vanity.messages import VanityAbility
from xwhep.world import REAL

#: hosts that wait
HOSTS: Final = 1_000
#: milliseconds of the dispatcher's processor that a job is asked to take at most
ASKED_MS: Final = 5
#: seconds for which the hosts' own polls are measured
POLLS_S: Final = 5.0
_NATIVE: Final[Sequence[Mapping[str, object]]] = ({}, {"native": {}})
_FORMS: Final = chain.from_iterable(combinations(Form, count) for count in range(1, len(Form) + 1))
_KINDS: Final = [
    {"vanity": VanityAbility(forms=frozenset(forms)).model_dump(mode="json"), **native}
    for forms, native in product(_FORMS, _NATIVE)
]
#: what hosts say of themselves that differ in all that is matched, but of none the job's operating system
ALL_SORTS: Final = [
    {"os": os, "cpu": cpu, "kinds": kinds}
    for kinds, os, cpu in product(_KINDS, (Os.LINUX, Os.WINDOWS), (Cpu.X86_64, Cpu.ARM64))
]
CROWDS: Final[Mapping[str, Sequence[Mapping[str, object]]]] = {"nobody": (), "alike": (LINUX,), "sorts": ALL_SORTS}


@dataclass(slots=True)
class Subject:
    """A dispatcher, a user, and a program for an operating system that no host has."""

    grid: LoadedGrid
    user: Wire
    app_uid: str
    costs_ms: list[float] = field(default_factory=list)  #: of a job, by round

    async def submit(self, jobs: int) -> float:
        """Submit jobs, one after the other; return what one has cost."""
        before_s = self.grid.cpu_s()
        for _ in range(jobs):
            await submit(self.user, self.app_uid, 1)
        return (self.grid.cpu_s() - before_s) / jobs * 1e3


async def a_subject(stack: AsyncExitStack, folder: Path, sorts: Sequence[Mapping[str, object]]) -> Subject:
    """Start a dispatcher, and let hosts of these sorts wait there until the stack ends; nobody if there is no sort."""
    grid = await stack.enter_async_context(a_loaded_grid(folder, hosts=IDENTITIES))
    async with Connection(f"https://127.0.0.1:{grid.port}", client_context(grid.user)) as connection:
        owner = OwnerClient(connection)
        program = await put(owner, folder, b"#!/bin/sh\n")
        target = Target(os=Os.MACOS, cpu=Cpu.ANY, blob=program, entry="run.sh")
        app = RegisterApp(uid=REAL.new_uid(), name="misfit", version="1", kind="native", targets=[target])
        await owner.register_app(app)
    if sorts:
        await stack.enter_async_context(a_crowd(grid, HOSTS, sorts))
    user = await grid.as_user()
    stack.callback(user.close)
    return Subject(grid, user, str(app.uid))


async def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """Return what a job takes with a thousand hosts of all sorts, and how much more than with nobody; medians."""
    rounds, jobs = (3, 100) if quick else (5, 300)
    async with AsyncExitStack() as stack:
        subjects = {name: await a_subject(stack, folder / name, sorts) for name, sorts in CROWDS.items()}
        for subject in subjects.values():
            await subject.submit(jobs // 4)  # prepares statements, and fills the caches
        for _ in range(rounds):
            for subject in subjects.values():
                subject.costs_ms.append(await subject.submit(jobs))
        polls = await asyncio.gather(*(share_of_core(one.grid, POLLS_S) for one in subjects.values()))
    print(f"ms a job that fits nobody      gross    net   lowest to highest gross; asked: {ASKED_MS} at most")
    for (name, subject), share in zip(subjects.items(), polls, strict=True):
        print(_row(name, subject, subjects["nobody"], share))
    return {
        "misfit_job_cpu_ms": _gross(subjects["sorts"]),
        "misfit_job_net_cpu_ms": _net(subjects["sorts"], subjects["nobody"]),
        "misfit_job_alike_cpu_ms": _gross(subjects["alike"]),
        "misfit_job_alike_net_cpu_ms": _net(subjects["alike"], subjects["nobody"]),
    }


def _gross(subject: Subject) -> float:
    return round(median(subject.costs_ms), 2)


def _net(subject: Subject, nobody: Subject) -> float:
    """Return how much more a job takes than where nobody waits, the median of the differences within the rounds."""
    return round(median(more - less for more, less in zip(subject.costs_ms, nobody.costs_ms, strict=True)), 2)


def _row(name: str, subject: Subject, nobody: Subject, share: float) -> str:
    sorts = len(CROWDS[name])
    who = f"{HOSTS:,} hosts wait, sorts: {sorts}" if sorts else "nobody waits"
    spread = f"({min(subject.costs_ms):.2f} to {max(subject.costs_ms):.2f})"
    polls = f"; the hosts' own polls: {share:.1%} of a core"
    return f"{who:28} {_gross(subject):7.2f} {_net(subject, nobody):6.2f}   {spread}{polls}"


if __name__ == "__main__":
    run_alone(measure, __doc__)
