"""An hour of a whole grid in simulated time: both kinds, lost messages, a host that falls silent and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from sqlmodel import Session, col, select

from dispatcher.scheduling.leases import LEASE
from dispatcher.storage.tables import Attempt, Batch, Job
from dispatcher.usecases import batches, jobs
from dispatcher.usecases.submissions import BatchSubmission, Submission
from tests.support.desk import START, Desk
from tests.support.kinds import KINDS, NATIVE, searched
from tests.support.leases import PUBLIC_KEY
from tests.support.measuring import unmeasured
from tests.support.simulation import KEYS_PER_S, SimulatedDispatcher, simulate, worker_of
from xwhep.lifecycle import AttemptStatus, BatchStatus, Status
from xwhep.protocol.batches import BatchView
from xwhep.protocol.jobs import JobView, SubmitJob
from xwhep.rights import Role
from xwhep.vanity.messages import SubmitSearch
from xwhep.world import World

pytestmark = unmeasured

HOUR_S: Final = 3600.0
#: from when on the host falls silent as soon as it runs a program, and how long it is silent, seconds
SILENT_FROM_S, SILENT_S = 600.0, 900.0
#: an hour takes at most a tenth of what ten may, processor seconds
MOST_CPU_S: Final = 6.0
#: two searches whose keys differ: a key serves one search
KEYS: Final = (PUBLIC_KEY, "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9")


@dataclass
class Story:
    """What there was to see at the end."""

    jobs: list[JobView] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    searches: list[BatchView] = field(default_factory=list)
    names: dict[UUID, str] = field(default_factory=dict)  #: of hosts
    delivered: set[tuple[UUID, int]] = field(default_factory=set)  #: attempts that their hosts heard of
    held_by_silent: set[tuple[UUID, int]] = field(default_factory=set)  #: native ones, as the host fell silent
    silent_at_s: float = 0.0  #: when that was
    cpu_s: float = 0.0  #: processor seconds that it took

    def of(self, job: UUID) -> list[Attempt]:
        return sorted((one for one in self.attempts if one.job_uid == job), key=lambda one: one.number)

    @property
    def back_at_s(self) -> float:
        return self.silent_at_s + SILENT_S

    def lines(self) -> list[tuple[object, ...]]:
        return [
            (one.job_uid, one.number, one.host_uid, one.status, one.leased_at, one.ended_at, one.amount)
            for one in self.attempts
        ]


class Player:
    """Plays the story."""

    def __init__(self, folder: Path, hours: float, world: World) -> None:
        self._world, self._hours = world, hours
        self._desk = Desk(folder / "grid.sqlite")
        hosts = [self._desk.member(name, Role.HOST) for name in ("ann", "bob", "cleo")]
        dispatcher = SimulatedDispatcher(self._desk, folder, world)
        self._dispatcher = dispatcher
        self._workers = [worker_of(dispatcher, host, folder / host.name) for host in hosts]
        self._silent = self._workers[0]
        self._submitted: list[UUID] = []
        self.story = Story(names={host.uid: host.name for host in hosts})

    async def play(self) -> Story:
        async with asyncio.TaskGroup() as tasks:
            parts = [*self._dispatcher.housekeeping(), *(worker.run() for worker in self._workers)]
            running = [tasks.create_task(part) for part in [*parts, self._fall_silent()]]
            searches = [self._search("1LoVELoVELoVE", KEYS[0])]
            await self._submit_all()
            searches.append(self._search("1L", KEYS[1]))
            await self._until_all_ended(searches[1].uid)
            self._cancel(searches[0].uid)
            self.story.searches = [self._batch(search.uid) for search in searches]
            self._look()
            for task in running:
                task.cancel()
        self._desk.database.close()
        return self.story

    async def _submit_all(self) -> None:
        """Submit jobs all the time, some of which fail by their own fault."""
        while (now := self._world.monotonic()) < self._hours * HOUR_S:
            self._desk.now = self._world.now()
            seconds = str(round(30 + 340 * self._world.chance()))
            fails = ["fail"] if len(self._submitted) % 5 == 4 else []
            uid = self._desk.next_uid()
            request = SubmitJob(uid=uid, app_uid=self._desk.app_uid, arguments=[seconds, *fails])
            await self._dispatcher.services.database.run(
                jobs.submit, KINDS, self._desk.owner, Submission.of([request]), now=self._desk.now
            )
            self._submitted.append(uid)
            await self._world.sleep(min(60 + 120 * self._world.chance(), self._hours * HOUR_S - now + 1))

    def _search(self, pattern: str, key: str) -> BatchView:
        self._desk.now = self._world.now()
        request = SubmitSearch(uid=self._desk.next_uid(), name="search", patterns=[pattern], public_key=key)
        submission = BatchSubmission.of(KINDS.sources[request.kind], request, self._world.randbelow)
        return self._desk.database.run_now(batches.submit, KINDS, self._desk.owner, submission, now=self._world.now())

    async def _fall_silent(self) -> None:
        await self._world.sleep(SILENT_FROM_S)
        while not (mine := [ref for ref, held in self._silent.agent.held.items() if held.kind == NATIVE]):
            await self._world.sleep(5)
        self.story.silent_at_s = self._world.monotonic()
        self.story.held_by_silent = {(ref.job_uid, ref.attempt) for ref in mine}
        self._silent.wire.cut = True
        await self._world.sleep(SILENT_S)
        self._silent.wire.cut = False

    async def _until_all_ended(self, search: UUID) -> None:
        async with self._world.timeout(HOUR_S):
            while not self._is_over(search):
                await self._world.sleep(10)

    def _is_over(self, search: UUID) -> bool:
        def is_over(session: Session) -> bool:
            open_jobs = select(Job.uid).where(col(Job.batch_uid).is_(None), col(Job.ended_at).is_(None))
            batch = session.get_one(Batch, search)
            return batch.ended_at is not None and session.exec(open_jobs).first() is None

        return self._desk.database.run_now(is_over)

    def _job(self, uid: UUID) -> JobView:
        return self._desk.database.run_now(jobs.show, KINDS, self._desk.owner, uid, now=self._world.now())

    def _batch(self, uid: UUID) -> BatchView:
        return self._desk.database.run_now(batches.show, KINDS, self._desk.owner, uid)

    def _cancel(self, uid: UUID) -> None:
        self._desk.database.run_now(batches.cancel, KINDS, self._desk.owner, uid, now=self._world.now())

    def _look(self) -> None:
        def load(session: Session) -> Sequence[Attempt]:
            return session.exec(select(Attempt).order_by(col(Attempt.leased_at), col(Attempt.job_uid))).all()

        self.story.jobs = [self._job(uid) for uid in self._submitted]
        self.story.attempts = list(self._desk.database.run_now(load))
        self.story.delivered = {ref for worker in self._workers for ref in worker.wire.delivered}


def play(folder: Path, seed: int, hours: float = 1.0) -> Story:
    async def story(world: World) -> Story:
        return await Player(folder, hours, world).play()

    began_s = time.process_time()
    played = simulate(story, seed)
    played.cpu_s = time.process_time() - began_s
    return played


@pytest.fixture(scope="module", params=[1, 2])
def hour(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return play(tmp_path_factory.mktemp("hour"), request.param)


def test_each_job_ends_once(hour: Story) -> None:
    for job in hour.jobs:
        decided = [one for one in hour.of(job.uid) if one.status in {AttemptStatus.FINISHED, AttemptStatus.FAILED}]
        assert job.status in {Status.COMPLETED, Status.FAILED}
        assert [one.status.value for one in decided] == ["finished" if job.status is Status.COMPLETED else "failed"]
        assert decided[0] == hour.of(job.uid)[-1], "nothing is run again once it is decided"


def test_all_that_was_submitted_is_there(hour: Story) -> None:
    assert len(hour.jobs) > 20
    assert {job.status for job in hour.jobs} == {Status.COMPLETED, Status.FAILED}
    assert all(job.outputs for job in hour.jobs if job.status is Status.COMPLETED)
    assert all(one.ended_at is not None for one in hour.attempts)


def test_no_lease_is_lost_while_heartbeats_arrive(hour: Story) -> None:
    """Only a host that was silent, or one that never heard of its lease, loses one."""
    lost = [one for one in hour.attempts if one.status is AttemptStatus.LOST]
    unheard = [one for one in lost if (one.job_uid, one.number) not in hour.delivered]
    of_ann = [one for one in lost if hour.names[one.host_uid] == "ann"]
    silent = [one for one in of_ann if hour.silent_at_s < seconds(one.ended_at) < hour.back_at_s]

    assert [one for one in lost if one not in unheard and one not in silent] == []


def test_a_long_job_is_one_attempt_of_many_heartbeats(hour: Story) -> None:
    lasted = [seconds(one.ended_at) - seconds(one.leased_at) for one in hour.attempts if one.number == 1]

    assert max(lasted) > 5 * LEASE.total_seconds()


def test_the_job_of_a_silent_host_goes_to_another(hour: Story) -> None:
    assert hour.held_by_silent
    for uid, number in hour.held_by_silent:
        lost, following, *_ = hour.of(uid)[number - 1 :]
        assert lost.status is AttemptStatus.LOST
        assert hour.names[lost.host_uid] == "ann"
        assert hour.names[following.host_uid] != "ann"
        assert seconds(following.leased_at) < hour.back_at_s


def test_a_host_that_comes_back_works_again(hour: Story) -> None:
    of_ann = [one for one in hour.attempts if hour.names[one.host_uid] == "ann"]

    assert not [one for one in of_ann if hour.silent_at_s < seconds(one.leased_at) < hour.back_at_s]
    assert [one for one in of_ann if seconds(one.leased_at) > hour.back_at_s and one.status is AttemptStatus.FINISHED]


def test_a_search_runs_beside_the_jobs_and_another_finds_its_key(hour: Story) -> None:
    hard, easy = (searched(batch) for batch in hour.searches)

    assert [batch.status for batch in hour.searches] == [BatchStatus.CANCELLED, BatchStatus.COMPLETED]
    assert hard.keys_tried > KEYS_PER_S * HOUR_S / 2
    assert hard.result is None
    assert easy.result is not None
    assert easy.result.address.startswith("1L")


def test_the_same_seed_gives_the_same_story(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    first, again, other = (play(tmp_path / name, seed, 0.2) for name, seed in [("a", 7), ("b", 7), ("c", 8)])

    assert first.lines() == again.lines()
    assert first.lines() != other.lines()


def test_an_hour_takes_seconds(hour: Story) -> None:
    """Ten hours take at most 60 s of a processor: here an hour, with a reserve of four for a machine that is shared."""
    assert hour.cpu_s < 4 * MOST_CPU_S


def seconds(moment: datetime | None) -> float:
    """Return a moment as seconds from the beginning."""
    assert moment is not None
    return (moment - START).total_seconds()
