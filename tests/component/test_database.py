"""The database's one writer: group commit, savepoints, full disks, cancelled callers, readers beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, insert, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, col, select

from dispatcher.scheduling.matching import Requirement
from dispatcher.storage.database import Database
from dispatcher.storage.orders import by_statements
from dispatcher.storage.tables import METADATA, MatchClass
from dispatcher.storage.turns import GROUP
from dispatcher.usecases.access import announce
from tests.support.locking import another_writes
from xwhep.errors.identity import ForbiddenError
from xwhep.errors.jobs import StorageFullError, UnavailableError
from xwhep.sql.prepared import PreparedWrite
from xwhep.vanity.errors import KeyUsedError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADD = PreparedWrite(insert(MatchClass).values(requirement=bindparam("name")))
RENAME = PreparedWrite(update(MatchClass).values(requirement=bindparam("name")))
ONE = UUID("0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "grid.sqlite")
    METADATA.create_all(database.engine)
    yield database
    database.close()


def write(session: Session, name: str) -> str:
    session.add(MatchClass(requirement=name))
    session.flush()
    return name


def write_and_refuse(session: Session, name: str) -> str | KeyUsedError:
    write(session, name)
    return KeyUsedError()


def write_and_fail(session: Session, name: str) -> None:
    write(session, name)
    raise ForbiddenError("user", "do this")


def names(session: Session) -> list[str]:
    return list(session.exec(select(MatchClass.requirement).order_by(col(MatchClass.requirement))))


class Gate:
    """A use case that holds the writer until it is let go, so that others gather behind it."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, _session: Session) -> None:
        self.entered.set()
        assert self.open.wait(30)


async def held(database: Database) -> tuple[Gate, asyncio.Task[None]]:
    gate = Gate()
    task = asyncio.create_task(database.run(gate))
    assert await asyncio.to_thread(gate.entered.wait, 30)
    return gate, task


@contextlib.asynccontextmanager
async def a_turn_that_waits(database: Database, tmp_path: Path) -> AsyncIterator[None]:
    """Let another process write, and a turn wait for it in the writer's thread, so that others gather behind it."""
    with another_writes(tmp_path / "grid.sqlite"):
        task = asyncio.create_task(database.run(thread))
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            while database.waiting:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.001)
        yield
    assert await task != threading.get_ident(), "a transaction that is waited for begins in the writer's thread"


def limit(session: Session) -> None:
    """Let the file grow no more."""
    pages = session.connection().execute(text("PRAGMA page_count")).scalar_one()
    session.connection().execute(text(f"PRAGMA max_page_count={pages}"))


def relax(session: Session) -> None:
    session.connection().execute(text("PRAGMA max_page_count=1000000"))


async def test_use_cases_that_wait_share_a_commit(database: Database) -> None:
    executed: list[str] = []

    def trace(session: Session) -> None:
        connection: Any = session.connection().connection.dbapi_connection
        connection.set_trace_callback(executed.append)

    await database.run(trace)
    executed.clear()
    gate, task = await held(database)
    orders = [asyncio.create_task(database.run(write, f"{i:03}")) for i in range(GROUP)]
    await asyncio.sleep(0)
    gate.open.set()
    await task

    assert await asyncio.gather(*orders) == [f"{i:03}" for i in range(GROUP)]
    assert executed.count("COMMIT") == 2, "the gate's is one"
    assert len(await database.read(names)) == GROUP


async def test_one_that_raises_spoils_nothing_of_the_others(database: Database) -> None:
    gate, task = await held(database)
    orders = [asyncio.create_task(database.run(use, name)) for use, name in [(write, "a"), (write, "c")]]
    bad = asyncio.create_task(database.run(write_and_fail, "b"))
    again = asyncio.create_task(database.run(write, "b"))
    await asyncio.sleep(0)
    gate.open.set()
    await task

    with pytest.raises(ForbiddenError):
        await bad
    assert await asyncio.gather(*orders, again) == ["a", "c", "b"]
    assert await database.read(names) == ["a", "b", "c"]


async def test_an_error_that_is_returned_keeps_what_was_written(database: Database) -> None:
    with pytest.raises(KeyUsedError):
        await database.run(write_and_refuse, "fault")

    assert await database.read(names) == ["fault"]


async def test_a_fault_that_nobody_foresaw_reaches_only_who_caused_it(database: Database) -> None:
    await database.run(write, "a")

    with pytest.raises(ZeroDivisionError):
        await database.run(lambda session: write(session, "b") and 1 // 0)
    assert await database.read(names) == ["a"]


async def test_a_caller_that_gave_up_waiting_does_not_stop_the_writer(database: Database) -> None:
    gate, task = await held(database)
    given_up = asyncio.create_task(database.run(write, "given up"))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    gate.open.set()
    await task

    async with asyncio.timeout(30):
        assert await database.run(write, "later") == "later"


async def test_a_caller_that_gives_up_during_its_use_case_does_not_stop_the_writer(database: Database) -> None:
    gate, task = await held(database)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gate.open.set()

    async with asyncio.timeout(30):
        assert await database.run(write, "later") == "later"


async def test_readers_go_on_beside_a_writer(database: Database) -> None:
    await database.run(write, "a")
    gate, task = await held(database)

    async with asyncio.timeout(30):
        assert await database.read(names) == ["a"]
    gate.open.set()
    await task


async def test_a_reader_hears_an_error_that_is_returned(database: Database) -> None:
    with pytest.raises(KeyUsedError):
        await database.read(lambda _session: KeyUsedError())


async def test_a_glance_waits_for_nobody_and_sees_what_is_committed(serving: Database, tmp_path: Path) -> None:
    await serving.run(write, "a")
    assert serving.glance(names) == ["a"]
    async with a_turn_that_waits(serving, tmp_path):
        later = asyncio.create_task(serving.run(write, "b"))
        await asyncio.sleep(0)
        assert serving.glance(names) == ["a"]

    await later
    assert serving.glance(names) == ["a", "b"]


async def test_who_glances_hears_an_error_that_is_returned(database: Database) -> None:
    with pytest.raises(KeyUsedError):
        database.glance(lambda _session: KeyUsedError())


async def test_a_full_disk_is_said_and_nothing_is_half_written(database: Database) -> None:
    await database.run(write, "before")
    await database.run(limit)
    with pytest.raises(StorageFullError, match="no room") as full:
        await database.run(write, "x" * 1_000_000)
    await database.run(relax)
    await database.run(write, "after")

    assert full.value.http_status == 507
    assert await database.read(names) == ["after", "before"]


async def test_a_file_that_another_program_holds_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xwhep.sql.sqlite.BUSY_TIMEOUT_MS", 10)
    database = Database(tmp_path / "grid.sqlite")
    METADATA.create_all(database.engine)
    with sqlite3.connect(tmp_path / "grid.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="SQLITE_BUSY"):
            await database.run(write, "a")
        other.execute("ROLLBACK")
    other.close()

    assert await database.run(write, "a") == "a"
    database.close()


async def test_what_was_ordered_before_the_close_is_done_and_what_comes_after_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "grid.sqlite")
    METADATA.create_all(database.engine)
    gate, task = await held(database)
    ordered = asyncio.create_task(database.run(write, "a"))
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(database.close))
    gate.open.set()
    await asyncio.gather(task, closing)

    assert await ordered == "a"
    with pytest.raises(UnavailableError, match="is stopping"):
        await database.run(write, "b")
    with pytest.raises(UnavailableError, match="is stopping"):
        await database.read(names)
    with pytest.raises(UnavailableError, match="is stopping"):
        database.run_now(write, "b")


async def test_a_use_case_cannot_order_another_and_wait_for_it(database: Database) -> None:
    with pytest.raises(AssertionError, match="would wait for itself"):
        await database.run(lambda _session: database.run_now(write, "a"))


# --- in a loop


@pytest.fixture
async def serving(database: Database) -> AsyncIterator[Database]:
    database.serve(asyncio.get_running_loop())
    yield database
    await database.stop_serving()


def thread(_session: Session) -> int:
    return threading.get_ident()


@by_statements
def write_by_statement(session: Session, name: str) -> str:
    ADD.one(session, name=name)
    return name


@by_statements
def write_by_statement_and_fail(session: Session, name: str) -> None:
    write_by_statement(session, name)
    raise ForbiddenError("user", "do this")


async def test_use_cases_run_in_the_loops_thread(serving: Database) -> None:
    assert await serving.run(thread) == threading.get_ident()
    assert await asyncio.to_thread(serving.run_now, thread) == threading.get_ident()


@pytest.mark.parametrize("kept", [write, write_by_statement])
@pytest.mark.parametrize("failing", [write_and_fail, write_by_statement_and_fail])
async def test_one_that_raises_spoils_nothing_of_the_others_in_a_loop_either(
    serving: Database, kept: Any, failing: Any
) -> None:
    orders = [serving.run(kept, "a"), serving.run(failing, "b"), serving.run(kept, "c"), serving.run(kept, "b")]

    answers = await asyncio.gather(*orders, return_exceptions=True)

    assert answers[::2] == ["a", "c"]
    assert isinstance(answers[1], ForbiddenError)
    assert answers[3] == "b"
    assert await serving.read(names) == ["a", "b", "c"]


async def test_what_is_unique_is_written_once_by_statements_too(serving: Database) -> None:
    answers = await asyncio.gather(*[serving.run(write_by_statement, "a") for _ in range(3)], return_exceptions=True)

    assert answers[0] == "a"
    assert all(isinstance(answer, IntegrityError) for answer in answers[1:])
    assert await serving.read(names) == ["a"]


async def test_a_use_case_sees_what_statements_before_it_have_changed(serving: Database) -> None:
    def read(session: Session) -> str:
        return session.get_one(MatchClass, 1).requirement

    def rename(session: Session) -> int:
        return RENAME.one(session, name="after")

    await serving.run(write, "before")
    answers: Any = await asyncio.gather(serving.run(read), serving.run(rename), serving.run(read))

    assert answers == ["before", 1, "after"]


async def test_a_caller_in_a_loop_that_gave_up_changes_nothing(serving: Database, tmp_path: Path) -> None:
    async with a_turn_that_waits(serving, tmp_path):
        given_up = asyncio.create_task(serving.run(write, "given up"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)

    assert await serving.run(write, "later") == "later"
    assert await serving.read(names) == ["later"]


async def test_a_full_disk_is_said_in_a_loop_too(serving: Database) -> None:
    await serving.run(limit)
    with pytest.raises(StorageFullError):
        await serving.run(write_by_statement, "x" * 1_000_000)
    await serving.run(relax)

    assert await serving.run(write_by_statement, "after") == "after"
    assert await serving.read(names) == ["after"]


async def test_a_loop_goes_on_while_another_process_writes(serving: Database, tmp_path: Path) -> None:
    with another_writes(tmp_path / "grid.sqlite") as beside:
        order = asyncio.create_task(serving.run(names))
        for _ in range(30):  # were the loop to wait, this would take until the other gave up
            await asyncio.sleep(0.01)
        assert not order.done()
        beside.execute("INSERT INTO match_classes (requirement) VALUES ('beside')")
        beside.execute("COMMIT")

    assert await order == ["beside"]
    assert await serving.run(thread) == threading.get_ident()


async def test_what_is_ordered_while_a_turn_is_under_way_shares_the_next(serving: Database, tmp_path: Path) -> None:
    async with a_turn_that_waits(serving, tmp_path):
        orders = [asyncio.create_task(serving.run(write, f"{i:03}")) for i in range(2 * GROUP + 1)]
        await asyncio.sleep(0)
        assert serving.waiting == 2 * GROUP + 1

    assert await asyncio.gather(*orders) == [f"{i:03}" for i in range(2 * GROUP + 1)]
    assert serving.waiting == 0


@pytest.mark.parametrize("served", [True, False])
async def test_a_connection_that_breaks_costs_no_later_use_case(database: Database, *, served: bool) -> None:
    """Not even to roll back is possible on it."""

    def break_it(session: Session) -> None:
        write(session, "lost")
        connection: Any = session.connection().connection.dbapi_connection
        connection.close()

    if served:
        database.serve(asyncio.get_running_loop())
    with pytest.raises(DBAPIError):
        await database.run(break_it)

    assert await database.run(write, "later") == "later"
    assert await database.read(names) == ["later"]
    await database.stop_serving()


async def test_a_loop_that_was_left_is_not_waited_for(database: Database) -> None:
    elsewhere = asyncio.new_event_loop()  # that never runs
    database.serve(elsewhere)
    order = asyncio.create_task(database.run(write, "a"))
    await asyncio.sleep(0)

    await database.stop_serving()
    elsewhere.close()

    assert await order == "a"


# --- without threads


@pytest.fixture
def inline(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "inline.sqlite", threaded=False)
    METADATA.create_all(database.engine)
    yield database
    database.close()


async def test_without_threads_all_runs_in_the_thread_that_asks(inline: Database) -> None:
    def here(_session: Session) -> int:
        return threading.get_ident()

    assert {await inline.run(here), inline.run_now(here), await inline.read(here)} == {threading.get_ident()}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("writer", "reader"))]


async def test_without_threads_transactions_are_the_same(inline: Database) -> None:
    await inline.run(write, "a")
    with pytest.raises(ForbiddenError):
        await inline.run(write_and_fail, "b")
    with pytest.raises(KeyUsedError):
        inline.run_now(write_and_refuse, "c")

    assert await inline.read(names) == ["a", "c"]


async def test_without_threads_new_work_is_announced_after_the_commit(inline: Database, tmp_path: Path) -> None:
    seen: list[list[str]] = []
    beside = Database(tmp_path / "inline.sqlite", threaded=False)
    inline.announce_to(lambda count: seen.append([str(count.total()), *beside.run_now(names)]))

    def want(session: Session) -> None:
        write(session, "a")
        announce(session, Requirement("native"), 3)

    await inline.run(want)
    beside.close()

    assert seen == [["3", "a"]]


async def test_without_threads_a_use_case_cannot_order_another_either(inline: Database) -> None:
    def nested(_session: Session) -> None:
        inline.run_now(names)

    with pytest.raises(AssertionError, match="would wait for itself"):
        await inline.run(nested)


async def test_without_threads_a_closed_database_refuses(tmp_path: Path) -> None:
    database = Database(tmp_path / "grid.sqlite", threaded=False)
    METADATA.create_all(database.engine)
    database.close()

    with pytest.raises(UnavailableError):
        await database.run(write, "a")
    with pytest.raises(UnavailableError):
        await database.read(names)


# --- the file


def test_a_database_opens_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a?b=c %20 #d"
    folder.mkdir()
    database = Database(folder / "grid.sqlite")
    METADATA.create_all(database.engine)
    database.close()

    assert (folder / "grid.sqlite").exists()


def write_a_secret(session: Session) -> None:
    session.execute(
        text("INSERT INTO tokens (digest, role) VALUES (:digest, :role)"), {"digest": "s3cret", "role": "x"}
    )


def test_an_error_of_the_database_does_not_show_the_values_of_a_statement(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        database.run_now(write_a_secret)

    assert "s3cret" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such modes")
def test_nobody_else_can_read_the_database_wherever_it_lies(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        database = Database(tmp_path / "grid.sqlite")
        METADATA.create_all(database.engine)
    finally:
        os.umask(umask)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    database.close()
    assert modes == dict.fromkeys(["grid.sqlite", "grid.sqlite-wal", "grid.sqlite-shm"], 0o600)
