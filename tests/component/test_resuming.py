"""A search that is cut short goes on: its worker killed, its child killed, its lease lost meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

from dispatcher.kinds.vanity_tables import VanityUnit
from dispatcher.storage.member_tables import Host
from dispatcher.storage.tables import Attempt
from dispatcher.usecases import leasing
from tests.support.grid import GridUnderTest, a_grid
from tests.support.kinds import KINDS
from tests.support.workers import a_worker, a_worker_process, enrol, eventually
from worker.agent.events import Ref
from worker.config import Folders
from worker.runs.vanity import Checkpoint
from worker.spool import INTERRUPTED
from worker.status import RunView, read_status
from worker.vanity.process import search
from xwhep.lifecycle import AttemptStatus
from xwhep.protocol.attempts import Lease, ProgressFields
from xwhep.vanity.messages import ReportShare, SubmitSearch, VanityWork
from xwhep.vanity.shares import keys_proven
from xwhep.vanity.split_key import keygen
from xwhep.vanity.units import keys_of
from xwhep.world import REAL

#: what no test finds
HARD = "1LoVELoVE"
#: between two checkpoints of the workers of this module, so that a test need not wait for the usual fifteen
SAVE_S = 1.0
#: of a processor's time: so that a host's first unit, two seconds of a fast one, lasts long enough to be cut short
SHARE = "20%"


@dataclass
class Shares:
    """Takes the shares of a unit."""

    found: set[tuple[str, int, int]]

    def compiling(self) -> None:
        pass

    def progress(self, progress: ProgressFields) -> None:
        pass

    async def hit(self, share: ReportShare) -> None:
        self.found.add((share.s, share.e, share.sign))


async def begin_search(grid: GridUnderTest) -> None:
    async with grid.owner("alice") as alice:
        public_key = keygen()[1].hex()
        search = SubmitSearch(uid=REAL.new_uid(), name="search", patterns=[HARD], public_key=public_key)
        await alice.submit_batch(search)


async def attempt_of(grid: GridUnderTest, ref: Ref) -> Attempt:
    return await grid.services.database.read(lambda session: session.get_one(Attempt, ref))


async def host_of(grid: GridUnderTest, attempt: Attempt) -> Host:
    return await grid.services.database.read(lambda session: session.get_one(Host, attempt.host_uid))


async def keys_proven_of(grid: GridUnderTest, ref: Ref) -> int:
    unit = await grid.services.database.read(lambda session: session.get_one(VanityUnit, ref.job_uid))
    return unit.keys_proven


def checkpoints(folders: Folders) -> list[Path]:
    return list(folders.attempts.glob("*/checkpoint.json"))


def run_of(folders: Folders) -> RunView | None:
    """Return the run that a worker says it has."""
    status = read_status(folders.status)
    return status.running[0] if status is not None and status.running else None


async def kill_in_the_middle(folders: Folders) -> tuple[Lease[VanityWork], int, RunView]:
    """Run a worker until it has written down how far a unit is, then kill it and its child at once.

    Returns the unit's lease, the step at which it goes on, and how far the worker said that it was.
    """

    async def is_saved() -> bool:
        return bool(await asyncio.to_thread(checkpoints, folders))

    async with a_worker_process(folders.base.parent, "--slots", "1", "--share", SHARE, save_s=SAVE_S) as process:
        await eventually(is_saved)
        worker = psutil.Process(process.pid)
        for victim in [worker, *worker.children(recursive=True)]:
            victim.kill()
        await process.wait()
    (checkpoint,) = checkpoints(folders)
    run = run_of(folders)
    assert run is not None
    folders.status.unlink()
    lease = Lease[VanityWork].model_validate_json((checkpoint.parent / "lease.json").read_bytes())
    return lease, Checkpoint.model_validate_json(checkpoint.read_bytes()).next_step, run


async def test_a_unit_whose_worker_was_killed_goes_on_and_each_of_its_shares_counts_once(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        await begin_search(grid)
        folders = await enrol(grid, tmp_path / "bob")

        lease, next_step, before = await kill_in_the_middle(folders)
        ref = Ref(lease.job_uid, lease.attempt)
        work = lease.work
        seen: list[RunView] = []

        async def is_finished() -> bool:
            run = run_of(folders)
            if run is not None and run.job_uid == ref.job_uid:
                seen.append(run)
            return (await attempt_of(grid, ref)).status is AttemptStatus.FINISHED

        async with a_worker_process(folders.base.parent, "--slots", "1", save_s=SAVE_S) as process:
            await eventually(is_finished)
            process.kill()
        attempt = await attempt_of(grid, ref)
        host, proven = await host_of(grid, attempt), await keys_proven_of(grid, ref)
        shares = Shares(set())
        await search(work, shares)

    assert 0 < next_step < work.steps
    assert before.amount - keys_of(next_step, plain=False) < 30 * before.amount_per_s
    assert seen
    assert all(run.attempt == ref.attempt and run.amount >= keys_of(next_step, plain=False) for run in seen)
    assert attempt.amount == keys_of(work.steps, plain=False)
    assert shares.found
    assert proven == len(shares.found) * keys_proven(work.target())
    assert host.false_results == 0


async def test_a_unit_whose_lease_was_lost_meanwhile_is_dropped_and_another_one_taken(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        await begin_search(grid)
        folders = await enrol(grid, tmp_path / "bob")
        lease, _, _ = await kill_in_the_middle(folders)
        ref = Ref(lease.job_uid, lease.attempt)

        later = REAL.now() + timedelta(hours=1)
        await grid.services.database.run(leasing.expire, KINDS, now=later)
        lost, proven = await attempt_of(grid, ref), await keys_proven_of(grid, ref)

        async def has_another() -> bool:
            status = read_status(folders.status)
            return status is not None and [run.job_uid for run in status.running] not in ([], [ref.job_uid])

        async with a_worker(folders, "vanity"):
            await eventually(has_another)
        after, proven_after = await attempt_of(grid, ref), await keys_proven_of(grid, ref)

    assert lost.status is AttemptStatus.LOST
    assert (after.status, after.amount, proven_after) == (lost.status, lost.amount, proven)
    assert not (folders.attempts / f"{ref.job_uid}-{ref.attempt}").exists()


async def test_a_worker_that_was_killed_and_does_not_search_any_more_gives_its_unit_back(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        await begin_search(grid)
        folders = await enrol(grid, tmp_path / "bob")
        lease, _, _ = await kill_in_the_middle(folders)
        ref = Ref(lease.job_uid, lease.attempt)

        async def is_lost() -> bool:
            return (await attempt_of(grid, ref)).status is AttemptStatus.LOST

        async with a_worker(folders, "native"):
            await eventually(is_lost)
        attempt = await attempt_of(grid, ref)

    assert attempt.reason == INTERRUPTED.reason
    assert not folders.attempts.joinpath(f"{ref.job_uid}-{ref.attempt}").exists()
