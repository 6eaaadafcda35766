"""`python -m tests.bench.claims`: what a lease costs, however many jobs, classes and owners wait.

Costs are microseconds of processor of the whole use case in its transaction, of few and of many in turn. The database
is on the disk and does not wait for it. The last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Final

from dispatcher.scheduling.matching import Requirement
from dispatcher.usecases.giving import Asker
from tests.bench.alone import run_alone
from tests.bench.filling import fill_jobs
from tests.support.desk import Desk, lease_to, poll_request
from tests.support.kinds import KINDS, NATIVE
from xwhep.protocol.base import Cpu, Os
from xwhep.rights import Caller, Role

FEW: Final = 1_000
#: leases that one measurement takes
LEASES: Final = 60
#: jobs that a host has just lost: all that wait where few do
LOST: Final = 1_000
#: classes and owners, few and many, and the jobs of each case
FEW_QUEUES: Final = (10, 10)
MANY_QUEUES: Final = (5_000, 1_000)
QUEUED: Final = 50_000
_WAITING: Final = {"status": "'pending'", "attempts_wanted": "1", "result_attempt": "NULL", "ended_at": "NULL"}
_PLATFORMS: Final = [(os, cpu) for os, cpu in itertools.product(Os, Cpu) if (os, cpu) != (Os.LINUX, Cpu.X86_64)]


class Queue:
    """Jobs that wait in a database of their own, and hosts that lease some."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self._desk = Desk(folder / f"{name}.sqlite")
        self._desk.submit()
        self._made = itertools.count()

    @property
    def file(self) -> Path:
        """The database."""
        return self._desk.file

    def close(self) -> None:
        """Let go of the file."""
        self._desk.database.close()

    def host(self) -> Caller:
        """Return a new host: one may have so many attempts."""
        return self._desk.member(f"host-{next(self._made)}", Role.HOST)

    def lease_us(self, host: Caller, *, fits: bool = True) -> float:
        """Lease some jobs, one after the other; return what each has cost, and put as many new ones in their place."""
        request = poll_request(NATIVE) if fits else poll_request(NATIVE).model_copy(update={"os": Os.WINDOWS})
        asker, database = Asker.of(KINDS, host, request), self._desk.database
        database.run_now(lease_to, KINDS, asker, now=self._desk.now)  # what a bulk of rows made unknown is read
        begun = time.process_time()
        given = [database.run_now(lease_to, KINDS, asker, now=self._desk.now) for _ in range(LEASES)]
        cost = (time.process_time() - begun) / LEASES * 1e6
        assert all(len(leases) == fits for leases in given), "each finds a job if one fits"
        for _ in range(LEASES if fits else 0):
            self._desk.submit()
        return cost

    def lose(self, host: Caller) -> None:
        """Let a host have lost the first jobs just now."""
        now = f"{self._desk.now:%Y-%m-%d %H:%M:%S}.000000"
        first = f"SELECT uid FROM jobs WHERE attempts_wanted > 0 ORDER BY submitted_at, uid LIMIT {LOST}"  # noqa: S608 - a number of ours
        with _writing(self.file) as database:
            columns = "job_uid, number, host_uid, status, blame, leased_at, lease_ends_at, ended_at"
            values = "uid, attempts_made + 1, ?, 'lost', 'host', ?, ?, ?"
            counts = "amount, amount_per_s, cpu_s, max_rss_bytes"
            lost = f"SELECT {values}, 0, 0, 0, 0 FROM jobs WHERE uid IN ({first})"  # noqa: S608 - names of ours
            adding = f"INSERT INTO attempts ({columns}, {counts}) {lost}"
            database.execute(adding, (host.uid.hex, now, now, now))
            database.execute(f"UPDATE jobs SET attempts_made = attempts_made + 1 WHERE uid IN ({first})")  # noqa: S608 - ours too


@contextlib.contextmanager
def _writing(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None, timeout=60)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield database
        database.execute("COMMIT")


def with_jobs(folder: Path, count: int) -> Queue:
    """Return a queue of so many jobs of one class and owner."""
    queue = Queue(folder, f"jobs-{count}")
    fill_jobs(queue.file, count - 1, _WAITING)
    return queue


def with_queues(folder: Path, classes: int, owners: int) -> Queue:
    """Return many jobs of so many classes, half of which fit if there are so many that do, and of so many owners."""
    queue = Queue(folder, f"classes-{classes}")
    with _writing(queue.file) as database:
        (first,) = database.execute("SELECT max(id) FROM match_classes").fetchone()
        texts = [(_requirement(number).text(),) for number in range(classes)]
        database.executemany("INSERT INTO match_classes (requirement) VALUES (?)", texts)
    spread = {"match_class": f"{first} + 1 + n % {classes}", "owner_uid": f"printf('%032x', 1000 + n % {owners})"}
    fill_jobs(queue.file, QUEUED, {**_WAITING, **spread})
    return queue


def _requirement(number: int) -> Requirement:
    """Return one of many requirements: the even ones fit, as long as there are other platforms to name beside."""
    chosen = number // 2
    others = [platform for place, platform in enumerate(_PLATFORMS) if chosen >> place & 1]
    is_fit = number % 2 == 0 and chosen < 1 << len(_PLATFORMS)
    features = frozenset[str]() if is_fit else frozenset({f"feature-{number}"})
    return Requirement(NATIVE, frozenset({(Os.LINUX, Cpu.X86_64), *others}), features)


def _ratio(few: list[float], many: list[float]) -> float:
    """Return the median of the ratios within the rounds, in which both met the same noise."""
    return round(median(much / little for little, much in zip(few, many, strict=True)), 2)


def flat(folder: Path, many: int, rounds: int) -> dict[str, float]:
    """Return what a lease costs at many jobs over at few: of hosts that fit, do not, and have lost the first jobs."""
    few_jobs, many_jobs = with_jobs(folder, FEW), with_jobs(folder, many)
    losers = [many_jobs.host() for _ in range(rounds)]
    for loser in losers:
        many_jobs.lose(loser)
    found: dict[str, list[float]] = {}
    for loser in losers:
        cases: dict[str, Callable[[], float]] = {
            "few": lambda: few_jobs.lease_us(few_jobs.host()),
            "matching": lambda: many_jobs.lease_us(many_jobs.host()),
            "few misfit": lambda: few_jobs.lease_us(few_jobs.host(), fits=False),
            "misfit": lambda: many_jobs.lease_us(many_jobs.host(), fits=False),
            "just lost": lambda loser=loser: many_jobs.lease_us(loser),  # type: ignore[misc] # bound now
        }
        for name, cost in cases.items():
            found.setdefault(name, []).append(cost())
    for queue in (few_jobs, many_jobs):
        queue.close()
    for name, costs in found.items():
        waiting = FEW if name.startswith("few") else many
        print(
            f"{name:12} {waiting:>10,} jobs {median(costs):8,.0f} us a lease ({min(costs):,.0f} to {max(costs):,.0f})"
        )
    ratios = {
        "claim_flat_matching": _ratio(found["few"], found["matching"]),
        "claim_flat_misfit": _ratio(found["few misfit"], found["misfit"]),
        "claim_flat_just_lost": _ratio(found["few"], found["just lost"]),
    }
    return {"claim_flat": max(ratios.values()), "claim_us": round(median(found["matching"])), **ratios}


def classes(folder: Path, rounds: int) -> dict[str, float]:
    """Return what a lease costs with many classes and owners over with few."""
    few, many = with_queues(folder, *FEW_QUEUES), with_queues(folder, *MANY_QUEUES)
    costs = [(few.lease_us(few.host()), many.lease_us(many.host())) for _ in range(rounds)]
    for queue in (few, many):
        queue.close()
    of_few, of_many = (list(column) for column in zip(*costs, strict=True))
    for (classes_, owners), of_one in ((FEW_QUEUES, of_few), (MANY_QUEUES, of_many)):
        spread = f"({min(of_one):,.0f} to {max(of_one):,.0f})"
        print(f"{classes_:,} classes, {owners:,} owners: {median(of_one):8,.0f} us a lease {spread}")
    return {"claim_classes": _ratio(of_few, of_many)}


async def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """Return the ratios, each asked to be 1.5 at most."""
    many, rounds = (200_000, 3) if quick else (1_000_000, 5)
    found = await asyncio.to_thread(flat, folder / "flat", many, rounds)
    return found | await asyncio.to_thread(classes, folder / "classes", rounds)


if __name__ == "__main__":
    run_alone(measure, __doc__)
