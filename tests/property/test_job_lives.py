"""Jobs, attempts and leases as a state machine: whatever happens in whatever order, the promises hold."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from sqlmodel import Session, select

from dispatcher.kinds.vanity_tables import Search, VanityHost, VanityUnit
from dispatcher.scheduling.leases import LEASE, SAME_HOST_PAUSE
from dispatcher.storage.tables import Attempt, Batch, Job
from dispatcher.usecases import batches, jobs, leasing, members, reports, results, slices
from dispatcher.usecases.leasing import Heard
from tests.support.desk import Desk
from tests.support.kinds import ALL_KINDS, KINDS, AnyLease
from tests.support.measuring import unmeasured
from tests.support.targets import of_pattern
from xwhep.errors.identity import RevokedError
from xwhep.errors.jobs import FalseResultError, LeaseLostError
from xwhep.errors.requests import IllegalTransitionError
from xwhep.lifecycle import AttemptStatus, Status, is_final
from xwhep.protocol.attempts import AttemptProgress, FinishAttempt, Outcome
from xwhep.rights import Caller, Role
from xwhep.secp256k1 import decode
from xwhep.vanity.messages import ReportShare, VanityWork
from xwhep.vanity.split_key import Hit, check
from xwhep.vanity.units import offset

pytestmark = unmeasured

HOSTS = 3
Held = tuple[Caller, AnyLease]
Submitted = tuple[str, UUID]


def rows(session: Session, *tables: type[Any]) -> list[list[Any]]:
    return [list(session.exec(select(table))) for table in tables]


class JobLives(RuleBasedStateMachine):
    """Hosts that work, fall silent, lie and come late; owners that submit and cancel; a dispatcher that restarts."""

    leases: Bundle[Held] = Bundle("leases")
    batches_or_jobs: Bundle[Submitted] = Bundle("batches_or_jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="xwhep-lives-"))
        self.desk = Desk(self.folder / "grid.sqlite")
        self.acknowledged: set[UUID] = set()
        self.final: dict[UUID, Status] = {}
        self.ended: dict[tuple[UUID, int], AttemptStatus] = {}
        self.made: dict[UUID, int] = {}
        self.numbers: dict[UUID, list[int]] = {}
        self.found: dict[UUID, str] = {}
        self.reports = 0
        self.cancelled: set[UUID] = set()  #: batches
        self.patch = pytest.MonkeyPatch()  # what follows from an end takes several slices
        for name in ("PENDING_AT_A_TIME", "LIVE_AT_A_TIME"):
            self.patch.setattr(slices, name, 1)

    def teardown(self) -> None:
        self.patch.undo()
        self.desk.database.close()
        shutil.rmtree(self.folder)

    @initialize()
    def hosts_join(self) -> None:
        self.hosts = [self.desk.member(f"host-{number}", Role.HOST) for number in range(HOSTS)]
        self.revoked: set[UUID] = set()
        for kind in ("job", "bag", "search"):
            self.submit(kind)

    # --- owners

    @rule(target=batches_or_jobs, kind=st.sampled_from(["job", "bag", "search"]))
    def submit(self, kind: str) -> Submitted:
        if kind == "search":
            return kind, self.desk.search("1").uid
        if kind == "bag":
            bag = self.desk.bag(3)
            self.acknowledged |= {job.uid for job in bag.jobs}
            return kind, bag.uid
        uid = self.desk.submit().uid
        assert self.desk.submit(uid).uid == uid
        self.acknowledged.add(uid)
        return kind, uid

    @rule(submitted=consumes(batches_or_jobs))
    def cancel(self, submitted: Submitted) -> None:
        kind, uid = submitted
        use_case: Any = jobs.cancel if kind == "job" else batches.cancel
        if self.has_ended(uid):
            with pytest.raises(IllegalTransitionError):
                self.run(use_case, KINDS, self.desk.owner, uid)
        else:
            assert self.run(use_case, KINDS, self.desk.owner, uid) == self.run(use_case, KINDS, self.desk.owner, uid)
            self.cancelled |= {uid} - self.final.keys()

    def has_ended(self, uid: UUID) -> bool:
        """Tell whether a job or a batch has ended in another way than by being cancelled."""
        batch = self.desk.database.run_now(lambda session: session.get(Batch, uid))
        if batch is not None:
            return batch.ended_at is not None and not batch.cancelled
        return self.final.get(uid, Status.CANCELLED) is not Status.CANCELLED

    # --- hosts

    @rule(target=leases, host=st.integers(0, HOSTS - 1), kind=st.sampled_from(ALL_KINDS))
    def poll(self, host: int, kind: str) -> Any:
        caller = self.hosts[host]
        if caller.uid in self.revoked:
            with pytest.raises(RevokedError):
                self.desk.lease(caller, kind)
            return multiple()
        lease = self.desk.lease(caller, kind)
        if lease is None:
            return multiple()
        assert self.batch_of(lease.job_uid) not in self.cancelled
        lost_at = [a.ended_at for a in self.ended_attempts(lease.job_uid) if a.host_uid == caller.uid and a.ended_at]
        assert all(self.desk.now - at >= SAME_HOST_PAUSE for at in lost_at)
        if isinstance(lease.work, VanityWork):
            self.numbers.setdefault(lease.work.batch_uid, []).append(lease.work.number)
        return caller, lease

    @rule(held=leases, keys=st.integers(0, 2**40))
    def heartbeat(self, held: Held, keys: int) -> None:
        host, lease = held
        live = self.is_live(held)
        report = AttemptProgress(job_uid=lease.job_uid, attempt=lease.attempt, amount=keys, fraction=0.5)
        believed, stop = self.desk.database.run_now(leasing.sorted_out, host, [report])
        assert (believed == [report]) == live == (not stop)
        self.desk.database.run_now(leasing.prolong, [Heard(host.uid, self.desk.now, report)], {host.uid: self.desk.now})

    @rule(held=leases, outcome=st.sampled_from(Outcome))
    def finish(self, held: Held, outcome: Outcome) -> None:
        host, lease = held
        self.reports += 1
        end, other_end = (FinishAttempt(outcome=outcome, reason=f"{which} {self.reports}") for which in "ab")
        with self.refused_unless_live(held):
            first = self.run(results.finish, KINDS, host, (lease.job_uid, lease.attempt), end)
            assert self.run(results.finish, KINDS, host, (lease.job_uid, lease.attempt), end) == first
        with pytest.raises(LeaseLostError):
            self.run(results.finish, KINDS, host, (lease.job_uid, lease.attempt), other_end)

    @rule(held=leases, is_true=st.booleans())
    def report_hit(self, held: Held, is_true: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
        host, lease = held
        if not isinstance(lease.work, VanityWork):
            return
        s = offset(lease.work.batch_uid, lease.work.number, 0, 0, 0)
        hit = ReportShare(s=(s if is_true else s - 300).to_bytes(32, "big").hex(), e=0, sign=1)
        with self.refused_unless_live(held):
            if is_true:
                self.run(reports.report, KINDS, host, (lease.job_uid, lease.attempt), hit)
                assert lease.work.batch_uid not in self.found
                self.found[lease.work.batch_uid] = self.result(lease.work.batch_uid)
            else:
                with pytest.raises(FalseResultError):
                    self.run(reports.report, KINDS, host, (lease.job_uid, lease.attempt), hit)

    @rule(held=leases, other=st.integers(0, HOSTS - 1))
    def a_host_speaks_for_another(self, held: Held, other: int) -> None:
        lease, liar = held[1], self.hosts[other]
        if liar.uid == held[0].uid:
            return
        before = self.attempt(held).lease_ends_at
        report = AttemptProgress(job_uid=lease.job_uid, attempt=lease.attempt)
        self.desk.database.run_now(leasing.prolong, [Heard(liar.uid, self.desk.now + LEASE, report)], {})
        assert self.attempt(held).lease_ends_at == before
        end = FinishAttempt(outcome=Outcome.FINISHED)
        with pytest.raises(LeaseLostError):
            self.run(results.finish, KINDS, liar, (lease.job_uid, lease.attempt), end)

    # --- the grid

    @rule(seconds=st.sampled_from([1, 59, 61, 301]))
    def time_passes(self, seconds: int) -> None:
        self.desk.pass_time(seconds)
        self.run(leasing.expire, KINDS)

    @rule(host=st.integers(0, HOSTS - 1))
    def revoke(self, host: int) -> None:
        if len(self.revoked) < HOSTS - 1:
            self.revoked.add(self.hosts[host].uid)
            self.run(members.revoke_host, KINDS, self.hosts[host].uid)

    @rule()
    def follow_up(self) -> None:
        self.run(slices.follow_up, KINDS)

    @rule()
    def restart(self) -> None:
        self.desk.pass_time(3600)
        self.desk.reopen()
        while self.run(slices.follow_up, KINDS):
            pass
        self.promises_hold()
        assert not self.unfinished()
        assert self.run(leasing.expire, KINDS) == 0

    # --- promises

    @invariant()
    def promises_hold(self) -> None:
        all_jobs, all_attempts, all_batches, all_searches, all_hosts, all_units = self.desk.database.run_now(
            rows, Job, Attempt, Batch, Search, VanityHost, VanityUnit
        )
        attempts: dict[UUID, list[Attempt]] = {job.uid: [] for job in all_jobs}
        for attempt in sorted(all_attempts, key=lambda attempt: attempt.number):
            attempts[attempt.job_uid].append(attempt)
        assert self.acknowledged <= set(attempts)
        for job in all_jobs:
            self.check_job(job, attempts[job.uid])
        assert not {batch.uid for batch in all_batches if batch.ended_at is None} & set(self.found)
        for batch in all_batches:
            statuses = Counter(job.status for job in all_jobs if job.batch_uid == batch.uid)
            assert {status: getattr(batch, f"jobs_{status}") for status in Status if statuses[status]} == statuses
            assert batch.kind != "bag" or batch.ended_at or any(not is_final(status) for status in statuses)
        for host in all_hosts:
            of_host = {attempt.job_uid for attempt in all_attempts if attempt.host_uid == host.host_uid}
            assert host.keys_proven == sum(unit.keys_proven for unit in all_units if unit.job_uid in of_host)
        for search in all_searches:
            assert self.found.get(search.batch_uid) == search.result_address
        for numbers in self.numbers.values():
            assert numbers == list(range(len(numbers))), "the number of a unit came twice"

    def check_job(self, job: Job, attempts: list[Attempt]) -> None:
        assert [attempt.number for attempt in attempts] == list(range(1, job.attempts_made + 1))
        assert job.attempts_made <= job.attempts_allowed
        assert (job.ended_at is not None) == is_final(job.status)
        live = sum(attempt.ended_at is None for attempt in attempts)
        assert live == (job.status is Status.RUNNING)
        assert job.attempts_wanted == (job.status is Status.PENDING)
        decided: list[int | None] = [
            a.number for a in attempts if a.status in {AttemptStatus.FINISHED, AttemptStatus.FAILED}
        ]
        assert [job.result_attempt] == (decided or [None])
        assert sum(a.status is AttemptStatus.FINISHED for a in attempts) == (job.status is Status.COMPLETED)
        assert self.made.get(job.uid, 0) <= job.attempts_made
        self.made[job.uid] = job.attempts_made
        for attempt in attempts:
            assert (attempt.ended_at is None) == (attempt.status is AttemptStatus.LEASED)
            assert job.amount is None or attempt.amount <= job.amount
            if attempt.ended_at is not None:
                assert self.ended.setdefault((job.uid, attempt.number), attempt.status) is attempt.status
        if is_final(job.status):
            assert self.final.setdefault(job.uid, job.status) is job.status
            assert job.status is not Status.ERROR or job.attempts_made == job.attempts_allowed

    # --- looking

    def unfinished(self) -> list[UUID]:
        """Return the batches that have ended with a job open."""
        all_jobs, all_batches = self.desk.database.run_now(rows, Job, Batch)
        ended = {batch.uid for batch in all_batches if batch.ended_at is not None}
        return [job.uid for job in all_jobs if job.batch_uid in ended and not is_final(job.status)]

    def batch_of(self, job_uid: UUID) -> UUID | None:
        return self.desk.database.run_now(lambda session: session.get_one(Job, job_uid).batch_uid)

    def run(self, use_case: Any, *args: Any) -> Any:
        return self.desk.database.run_now(use_case, *args, now=self.desk.now)

    @contextlib.contextmanager
    def refused_unless_live(self, held: Held) -> Iterator[None]:
        """Check that what follows is believed of a live attempt alone."""
        if not self.is_live(held):
            with pytest.raises(LeaseLostError):
                yield
        else:
            yield

    def ended_attempts(self, job_uid: UUID) -> list[Attempt]:
        return [a for a in self.desk.database.run_now(rows, Attempt)[0] if a.job_uid == job_uid and a.ended_at]

    def attempt(self, held: Held) -> Attempt:
        found: Attempt = self.desk.database.run_now(Session.get_one, Attempt, (held[1].job_uid, held[1].attempt))
        return found

    def is_live(self, held: Held) -> bool:
        return self.attempt(held).ended_at is None

    def result(self, uid: UUID) -> str:
        """Return a search's address, which the requester's own key gives too."""
        search: Search = self.desk.database.run_now(Session.get_one, Search, uid)
        assert search.result_s is not None
        assert search.result_e is not None
        assert search.result_sign is not None
        assert search.result_address is not None
        hit = Hit(int(search.result_s, 16), search.result_e, search.result_sign)
        check(decode(bytes.fromhex(search.public_key)), hit, of_pattern(search.patterns[0]).match)
        return search.result_address


TestJobLives = JobLives.TestCase
TestJobLives.settings = settings(max_examples=25, stateful_step_count=50)
