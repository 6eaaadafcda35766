"""What polls and lists cost: index entries of the classes that fit, or of one page, however many jobs there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from sqlalchemy import event, insert
from sqlmodel import Session, select

from dispatcher.scheduling.matching import Profile
from dispatcher.storage.tables import Job
from dispatcher.usecases import batches, catalogue, jobs, leasing, members, offers, ready
from dispatcher.usecases.leasing import Heard
from tests.support.desk import Desk
from tests.support.kinds import ALL_KINDS, KINDS
from xwhep.lifecycle import Status
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


def add_pending(desk: Desk, count: int, **columns: Any) -> None:
    """Add waiting jobs of the same class, with no more than an insert."""

    def add(session: Session) -> None:
        first = session.exec(select(Job).limit(1)).one().model_dump()
        fields = first | {"work": JobWork(), "limits": Limits()} | columns
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
        return offers.next_jobs(session, waiting, classes, None, at_most=1) or offers.next_source(
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


# --- lists

#: each list that a request may ask for, of those that grow with the grid
LISTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "jobs": (jobs.list_own, {"status": None, "batch_uid": None}),
    "jobs by status": (jobs.list_own, {"status": Status.PENDING, "batch_uid": None}),
    "jobs by batch": (jobs.list_own, {"status": None, "batch_uid": "a batch"}),
    "jobs by both": (jobs.list_own, {"status": Status.PENDING, "batch_uid": "a batch"}),
    "batches": (batches.list_own, {"kinds": KINDS}),
    "data": (catalogue.list_data, {}),
    "all apps": (catalogue.list_apps, {"name": None, "role": Role.ADMINISTRATOR}),
    "hosts": (members.list_hosts, {"kinds": KINDS, "caller": None}),
    "users": (members.list_users, {"caller": None}),
    "groups": (members.list_groups, {"caller": None}),
}
JOB_LISTS = [name for name in LISTS if name.startswith("jobs")]


def list_page(desk: Desk, name: str, batch_uid: UUID | None, after: UUID | None = None) -> Any:
    use_case, wanted = LISTS[name]
    caller = Caller(desk.owner.uid, wanted.get("role", Role.USER), "owner")
    options = {"caller": caller, **wanted, "after": None if after is None else str(after)}
    options.pop("role", None)
    if options["caller"] is None:
        del options["caller"]
    if options.get("batch_uid"):
        options["batch_uid"] = batch_uid
    return desk.database.run_now(use_case, **options)


@pytest.mark.parametrize("name", LISTS)
def test_a_page_is_read_off_an_index_in_its_order(desk: Desk, name: str) -> None:
    batch_uid = desk.search().uid
    add_pending(desk, 5, batch_uid=batch_uid)
    with statements(desk) as seen:
        items = list_page(desk, name, batch_uid).items
    if items:
        with statements(desk) as more:
            list_page(desk, name, batch_uid, items[0].uid)
        seen += more
    pages = [(text, values) for text, values in seen if "LIMIT" in text]
    found = plans(desk, pages)

    assert len(found) == len(pages) >= 1
    assert all("USING INDEX ix_" in plan for plan in found), found


@pytest.mark.parametrize("name", JOB_LISTS)
def test_a_page_costs_the_same_however_many_jobs_there_are(desk: Desk, name: str) -> None:
    """Those jobs are the worst case: all of them are alike, and were submitted at the same moment."""
    batch_uid = desk.search().uid
    costs = []
    for count in (200, 5_000):
        add_pending(desk, count, batch_uid=batch_uid)
        add_pending(desk, count, status=Status.FAILED, attempts_wanted=0)
        first = list_page(desk, name, batch_uid)
        assert first.next is not None
        costs.append(vm_steps(desk, lambda: list_page(desk, name, batch_uid, UUID(first.next))))  # noqa: B023 - run now

    assert 0 < costs[1] < 2 * costs[0]


def test_jobs_of_a_batch_are_listed_for_its_owner_alone(desk: Desk) -> None:
    batch_uid = desk.search().uid
    add_pending(desk, 3, batch_uid=batch_uid)
    stranger = desk.member("mallory", Role.USER)
    theirs, nobodys = (
        desk.database.run_now(jobs.list_own, caller, status=None, batch_uid=uid, after=None)
        for caller, uid in ((stranger, batch_uid), (desk.owner, REAL.new_uid()))
    )

    assert len(list_page(desk, "jobs by batch", batch_uid).items) == 3
    assert theirs.items == nobodys.items == []


def test_apps_are_listed_without_those_of_other_users(desk: Desk) -> None:
    with statements(desk) as seen:
        listed = desk.database.run_now(catalogue.list_apps, desk.owner, None, None)
    stranger = desk.member("mallory", Role.USER)

    assert [app.uid for app in listed.items] == [desk.app_uid]
    assert desk.database.run_now(catalogue.list_apps, stranger, None, None).items == []
    assert not [plan for plan in plans(desk, seen) if plan.startswith("SCAN apps")]
