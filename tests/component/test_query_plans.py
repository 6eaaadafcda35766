"""What a poll costs: index entries of the classes that fit, however many jobs wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import event, insert
from sqlmodel import Session, select

from dispatcher.scheduling.matching import Profile
from dispatcher.storage.tables import Job
from dispatcher.usecases import leasing, offers, ready
from dispatcher.usecases.leasing import Heard
from tests.support.desk import Desk
from tests.support.kinds import ALL_KINDS, KINDS
from xwhep.protocol.apps import Limits
from xwhep.protocol.attempts import AttemptProgress
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.jobs import JobWork
from xwhep.rights import Caller, Role
from xwhep.sql.prepared import Prepared, Values
from xwhep.world import REAL

LINUX = Profile({kind: frozenset({"p2pkh-compressed"}) for kind in ALL_KINDS}, Os.LINUX, Cpu.X86_64)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "grid.sqlite")
    desk.submit()
    desk.search()
    yield desk
    desk.database.close()


def add_pending(desk: Desk, count: int) -> None:
    """Add waiting jobs of the same class, with no more than an insert."""

    def add(session: Session) -> None:
        fields = session.exec(select(Job).limit(1)).one().model_dump() | {"work": JobWork(), "limits": Limits()}
        session.connection().execute(insert(Job), [fields | {"uid": REAL.new_uid()} for _ in range(count)])

    desk.database.run_now(add)


@contextmanager
def statements(desk: Desk) -> Iterator[list[tuple[str, Any]]]:
    """Give the statements that are executed meanwhile."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        seen.append((statement, parameters))

    each_row = Prepared.each_row

    def note_each(prepared: Prepared, session: Session, rows: Iterable[Values], take: Any) -> list[Any]:
        text, rows = prepared.text(session), list(rows)
        seen.extend((text.text, text.parameters(row)) for row in rows)
        return each_row(prepared, session, rows, take)

    event.listen(desk.database.engine, "before_cursor_execute", note)
    with mock.patch.object(Prepared, "each_row", note_each):
        yield seen
    event.remove(desk.database.engine, "before_cursor_execute", note)


def plans(desk: Desk, seen: list[tuple[str, Any]]) -> list[str]:
    with sqlite3.connect(desk.file) as database:
        rows = [
            row[3]
            for statement, parameters in seen
            if statement.lstrip().startswith(("SELECT", "UPDATE", "INSERT", "DELETE"))
            for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    database.close()
    return rows


def vm_steps(desk: Desk, work: Callable[[], object]) -> int:
    """Return how many tens of virtual machine instructions SQLite takes for some work."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    def watch(session: Session, every: int) -> None:
        connection: Any = session.connection().connection.driver_connection
        connection.set_progress_handler(step if every else None, every)

    desk.database.run_now(watch, 10)
    work()
    desk.database.run_now(watch, 0)
    return count


def offer(desk: Desk, host: Caller) -> object:
    """Let a host that has the profile LINUX look for work, without taking any."""

    def look(session: Session) -> object:
        waiting = ready.recall(session)
        classes = waiting.fitting.of(LINUX)
        return offers.next_jobs(session, waiting, classes, frozenset(), at_most=1) or offers.next_source(
            session, waiting, classes
        )

    return desk.database.run_now(look)


def test_what_runs_all_the_time_scans_no_table_that_grows(desk: Desk) -> None:
    host = desk.member("bob", Role.HOST)
    add_pending(desk, 100)
    with statements(desk) as seen:
        offer(desk, host)
        lease = desk.lease(host)
        assert lease is not None
        report = AttemptProgress(job_uid=lease.job_uid, attempt=1)
        desk.database.run_now(leasing.sorted_out, host, [report])
        desk.database.run_now(leasing.prolong, [Heard(host.uid, desk.now, report)], {host.uid: desk.now})
        desk.pass_time(3600)
        desk.database.run_now(leasing.expire, KINDS, now=desk.now)
    found = plans(desk, seen)

    assert not [
        plan for plan in found if plan.startswith("SCAN") and "match_classes" not in plan and "CONSTANT" not in plan
    ]
    assert not [plan for plan in found if "TEMP B-TREE" in plan and "ORDER BY" in plan]
    for index in ("ix_jobs_ready", "ix_attempts_live_of_host", "ix_attempts_live"):
        assert any(index in plan for plan in found), index


def test_a_poll_costs_the_same_however_many_jobs_wait(desk: Desk) -> None:
    host = desk.member("bob", Role.HOST)
    add_pending(desk, 1_000)
    few = vm_steps(desk, lambda: offer(desk, host))
    add_pending(desk, 20_000)
    many = vm_steps(desk, lambda: offer(desk, host))

    assert few > 0
    assert many < 2 * few + 10


def test_a_poll_for_a_search_uses_the_index_of_open_batches(desk: Desk) -> None:
    host = desk.member("bob", Role.HOST)
    desk.lease(host)
    with statements(desk) as seen:
        offer(desk, host)

    assert any("ix_batches_open_sources" in plan for plan in plans(desk, seen))
