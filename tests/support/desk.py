"""A dispatcher's use cases on a real database, without the network: what rules are tested at."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlmodel import Session

from dispatcher.kinds.registry import Kinds
from dispatcher.kinds.vanity import APP_UID
from dispatcher.storage.database import Database
from dispatcher.storage.orders import by_statements
from dispatcher.storage.schema import SCHEMA
from dispatcher.storage.tables import App, AppTarget, Grid
from dispatcher.usecases import batches, giving, jobs, leasing, members
from dispatcher.usecases.giving import Asker
from dispatcher.usecases.members import Newcomer
from dispatcher.usecases.submissions import BatchSubmission, Submission
from tests.support.kinds import ALL_KINDS, KINDS, NATIVE, VANITY, AnyLease
from xwhep.ids import uuid7
from xwhep.protocol.apps import Limits
from xwhep.protocol.attempts import PROTOCOL, Lease, LeaseRequest, Work
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.batches import BatchView, SubmitBag
from xwhep.protocol.jobs import JobSummary, SubmitJob
from xwhep.rights import Caller, Role
from xwhep.vanity.addresses import Form
from xwhep.vanity.messages import ANY_KERNELS, SubmitSearch, VanityAbility
from xwhep.vanity.split_key import keygen
from xwhep.world import REAL

START = datetime(2026, 1, 1, tzinfo=UTC)


def poll_request(
    *kinds: str, keys_per_s: float = 0, forms: frozenset[Form] = ANY_KERNELS, wait_s: float = 0
) -> LeaseRequest:
    """Return the poll of a Linux machine; of all kinds of app when none is named."""
    ability = VanityAbility(keys_per_s=keys_per_s, forms=forms).model_dump(mode="json")
    wanted = {kind: ability if kind == VANITY else {} for kind in kinds or ALL_KINDS}
    return LeaseRequest(protocol=PROTOCOL, os=Os.LINUX, cpu=Cpu.X86_64, kinds=wanted, wait_s=wait_s)


@by_statements
def lease_to(session: Session, kinds: Kinds, asker: Asker, *, now: datetime) -> list[Lease[Work]]:
    """Lease jobs to one host that asks alone."""
    return giving.lease_all(session, kinds, [asker], now=now)[0]


def opened(file: Path, *, threaded: bool = True) -> Database:
    """Return the database in a file; without waiting for the disk, since no test here cuts the power."""
    database = Database(file, threaded=threaded)

    @event.listens_for(database.engine, "connect")
    def _hurry(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF").close()

    return database


@dataclass
class Desk:
    """A grid in a database, with a clock that tests move."""

    file: Path
    now: datetime = START
    made: int = 0  #: ids, so far
    database: Database = field(init=False)

    def __post_init__(self) -> None:
        self.database = opened(self.file)
        self.database.run_now(_begin, self.next_uid(), self.now)
        self.owner = self.member("owner", Role.USER)
        self.app_uid = self.database.run_now(_native_app, self.next_uid(), self.owner, self.now)

    def reopen(self) -> None:
        """Stop and start again, as the server does."""
        self.database.close()
        self.database = opened(self.file)
        while self.database.run_now(leasing.prolong_all, now=self.now):
            pass

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def member(self, name: str, role: Role) -> Caller:
        """Return a new member."""
        digest = hashlib.sha256(name.encode()).hexdigest()
        membership = self.database.run_now(
            members.add_member, Newcomer(self.next_uid(), name, digest), role, now=self.now
        )
        return Caller(membership.member.uid, role, name)

    def next_uid(self) -> UUID:
        """Return an id that is the same in each run: the order of what is submitted at one moment follows from it."""
        self.made += 1
        return uuid7(self.now, self.made.to_bytes(10, "big"))

    def submit(self, uid: UUID | None = None) -> JobSummary:
        """Submit a native job."""
        request = SubmitJob(uid=uid or self.next_uid(), app_uid=self.app_uid)
        return self.database.run_now(jobs.submit, KINDS, self.owner, Submission.of([request]), now=self.now).jobs[0]

    def bag(self, count: int) -> SubmitBag:
        """Submit a bag of native jobs."""
        wanted = [SubmitJob(uid=self.next_uid(), app_uid=self.app_uid) for _ in range(count)]
        bag = SubmitBag(uid=self.next_uid(), name="bag", jobs=wanted)
        submission = BatchSubmission.of(KINDS.sources[bag.kind], bag, REAL.randbelow)
        self.database.run_now(batches.submit, KINDS, self.owner, submission, now=self.now)
        return bag

    def search(self, *patterns: str, **wanted: Any) -> BatchView:
        """Submit a search, for an easy pattern if nothing is said, with more fields of `SubmitSearch`."""
        _, key = keygen()
        if not patterns and not wanted:
            patterns = ("1L",)
        request = SubmitSearch(
            uid=self.next_uid(), name="search", patterns=list(patterns), public_key=key.hex(), **wanted
        )
        submission = BatchSubmission.of(KINDS.sources[request.kind], request, REAL.randbelow)
        return self.database.run_now(batches.submit, KINDS, self.owner, submission, now=self.now)

    def lease(
        self, host: Caller, *kinds: str, keys_per_s: float = 0, forms: frozenset[Form] = ANY_KERNELS
    ) -> AnyLease | None:
        """Let a host poll."""
        request = poll_request(*kinds, keys_per_s=keys_per_s, forms=forms)
        self.database.run_now(leasing.prolong, [], {host.uid: self.now})  # as the route notes that it was heard of
        leases = self.database.run_now(lease_to, KINDS, Asker.of(KINDS, host, request), now=self.now)
        return leases[0] if leases else None


def _begin(session: Session, grid_uid: UUID, now: datetime) -> None:
    SCHEMA.create(session.connection())
    session.add(Grid(uid=grid_uid, created_at=now))
    session.flush()
    digest = hashlib.sha256(b"admin").hexdigest()
    admin = members.add_member(session, Newcomer(uuid7(now, bytes(10)), "admin", digest), Role.ADMINISTRATOR, now=now)
    _add_app(session, APP_UID, admin.member.uid, VANITY, now)


def _native_app(session: Session, uid: UUID, owner: Caller, now: datetime) -> UUID:
    _add_app(session, uid, owner.uid, NATIVE, now)
    session.add(AppTarget(app_uid=uid, os=Os.LINUX, cpu=Cpu.ANY, blob="0" * 64, entry="run.sh"))
    return uid


def _add_app(session: Session, uid: UUID, owner_uid: UUID, kind: str, now: datetime) -> None:
    fields = {"uid": uid, "owner_uid": owner_uid, "name": kind, "version": "1", "kind": kind}
    session.add(App.model_validate({**fields, "limits": Limits(), "body_digest": "", "registered_at": now}))
    session.flush()
