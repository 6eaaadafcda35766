"""A grid whose database had version 4 goes on: nothing that its members knew is lost, and all that was open goes on.

The expected texts are what the commands of that version printed of `tests/data/homes/dispatcher-4.sql`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import Session, col, select

from dispatcher.kinds.vanity import APP_UID
from dispatcher.storage.member_tables import Host, MemberKey, User
from dispatcher.storage.schema import SCHEMA
from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.homes import migrated, old_installation
from tests.support.kinds import NATIVE, VANITY, WORK
from tests.support.older_host import OlderHost
from tests.support.person import Person
from xwhep.client.owner import OwnerClient
from xwhep.lifecycle import BatchStatus, Status
from xwhep.pki.identity import Identity
from xwhep.protocol.apps import RegisterApp
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.protocol.batches import SubmitBag
from xwhep.protocol.jobs import Output, SubmitJob, SubmitJobs
from xwhep.rights import Role
from xwhep.vanity.errors import ShareClaimedError
from xwhep.vanity.messages import ReportShare, SearchFields, SubmitSearch, VanityWork

FOUND = UUID("01a21e1f960d70018ead25268ab82c87")
OPEN = UUID("01a21e1f98dd710b926b1dc236c778fb")
WAITING = UUID("01a21e1f9c2877b29713897838f5aebb")
#: jobs: one that left outputs, a unit of the open search at work, one at work with an upload
DONE = UUID("01a21e1f8d3a729889b23aeb63b5526b")
UNIT = UUID("f70c206e1a38810e98f56490f9cad017")
AT_WORK = UUID("01a21e1f95cb7c3384e56ef1847c08ea")
#: what carol has claimed for the unit
SHARE = ReportShare(s="146935d9b012f4e6f24c1cf22ad1c911197cf8532c5b853e6b85a804b468a9bb", e=1, sign=-1)

#: what follows a moment, and depends on the day
AGO = r" \([^()]* ago\)"
FOUND_SHOWN = """\
uid        01a21e1f-960d-7001-8ead-25268ab82c87
name       easy
kind       search
status     completed
jobs       1 completed
submitted  2026-11-27 17:48:36
ended      2026-11-27 17:48:36
wanted         1L
form           p2pkh-compressed on the main network
difficulty     23 keys on average
keys tried     0
hosts at work  0
address        1Legdu3D7HZKT5ngusXF1jcLf6Skkc4zjp
"""
OPEN_SHOWN = """\
uid        01a21e1f-98dd-710b-926b-1dc236c778fb
name       hard
kind       search
status     running
jobs       1 completed, 1 error, 1 running
submitted  2026-11-27 17:48:36
wanted              1LoVELoVE and 1 more
form                p2pkh-compressed on the main network
difficulty          4,476,342 keys on average
keys tried          6,000
hosts at work       1
rate                1.23 k keys/s
probability so far  0.1 %
time left, mean     1 h
"""
FOUND_RESULT = {
    "s": "2a8f4ca36f35f94271aa453e745e0f851c1ba75c41bdf7f6a2942a19a62880cd",
    "e": 1,
    "sign": -1,
    "address": "1Legdu3D7HZKT5ngusXF1jcLf6Skkc4zjp",
}
DONE_OUTPUTS = {
    "stdout": b"one two words\x1b[31m\n",
    "stderr": b"",
    "out/environment.txt": b"[('LANG', 'C')]",
}


@pytest.fixture
async def grid(tmp_path: Path) -> AsyncIterator[GridUnderTest]:
    """Yield the grid, migrated, as it serves."""
    installation = old_installation(tmp_path)
    migrated(SCHEMA, installation.database)
    async with a_grid(tmp_path) as served:
        yield served


async def as_before(grid: GridUnderTest, name: str, role: Role) -> Identity:
    """Return an identity of a member of before: only the key is new."""
    identity = await grid.member(role, f"new-{name}")
    await grid.services.database.run(_hand_over, role, name)
    return identity


def _hand_over(session: Session, role: Role, name: str) -> None:
    members, column = (Host, MemberKey.host_uid) if role is Role.HOST else (User, MemberKey.user_uid)
    old, new = (session.exec(select(members.uid).where(members.name == each)).one() for each in (name, f"new-{name}"))
    session.execute(update(MemberKey).where(col(column) == new).values({column: old}))


@contextlib.asynccontextmanager
async def owner(grid: GridUnderTest, name: str, role: Role = Role.USER) -> AsyncIterator[OwnerClient]:
    async with grid.connect(await as_before(grid, name, role)) as connection:
        yield OwnerClient(connection)


@contextlib.asynccontextmanager
async def host(grid: GridUnderTest, name: str) -> AsyncIterator[OlderHost]:
    async with grid.connect(await as_before(grid, name, Role.HOST)) as connection:
        yield OlderHost(connection, WORK)


async def alice(grid: GridUnderTest) -> Person:
    await as_before(grid, "alice", Role.USER)
    (grid.folder / "new-alice").rename(grid.folder / "user")
    return Person(grid.folder)


def rows_of(file: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


# --- what members see


async def test_searches_are_shown_as_before(grid: GridUnderTest) -> None:
    person = await alice(grid)
    found, at_work = [await person.does("batches", "show", uid) for uid in (FOUND, OPEN)]
    batch = await person.gets("batches", "show", FOUND)

    assert re.sub(AGO, "", found.output) == FOUND_SHOWN
    assert re.sub(AGO, "", at_work.output) == OPEN_SHOWN
    assert batch["details"]["result"] == FOUND_RESULT


async def test_hosts_keep_their_credit(grid: GridUnderTest) -> None:
    async with owner(grid, "admin", Role.ADMINISTRATOR) as admin:
        shown = {view.name: view async for view in admin.hosts()}

    assert {name: view.kinds["vanity"]["keys_proven"] for name, view in shown.items()} == {
        "bob": 0,
        "carol": 4118,
        "dave": 0,
        "mallory": 0,
    }
    assert shown["carol"].kinds["vanity"] == {"keys_per_s": 1.0, "shares": 2, "keys_proven": 4118}
    assert (shown["mallory"].false_results, shown["carol"].owner_uid) == (1, None)


async def test_outputs_of_before_are_fetched(grid: GridUnderTest, tmp_path: Path) -> None:
    for content in DONE_OUTPUTS.values():
        blob = grid.services.blobs.path(hashlib.sha256(content).hexdigest())
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
    result = await (await alice(grid)).does("jobs", "fetch", DONE, "-o", tmp_path / "results")

    assert result.exit_code == 0, result.output
    fetched = {path for path in (tmp_path / "results").rglob("*") if path.is_file()}
    assert {str(path.relative_to(tmp_path / "results")): path.read_bytes() for path in fetched} == DONE_OUTPUTS


async def test_the_built_in_app_is_for_everybody(grid: GridUnderTest) -> None:
    async with owner(grid, "alice") as client:
        shown = {app.name: (app.uid, app.built_in, app.for_everybody) async for app in client.apps()}

    assert shown["vanity"] == (APP_UID, True, True)
    assert shown["hello"][1:] == (False, False)
    assert "theirs" not in shown


# --- what goes on


async def test_what_waited_is_leased_and_finished(grid: GridUnderTest) -> None:
    done = []
    async with grid.host("newcomer") as newcomer, owner(grid, "alice") as client:
        while (lease := await newcomer.lease(poll_request(NATIVE))) is not None:
            await newcomer.finish(lease.job_uid, lease.attempt, FinishAttempt(outcome=Outcome.FINISHED))
            done.append(await client.job(lease.job_uid))
        batch = await client.batch(WAITING)

    assert [job.arguments for job in done] == [["waits"], ["0"], ["1"], ["2"]]
    assert {job.status for job in done} == {Status.COMPLETED}
    assert batch.status is BatchStatus.COMPLETED


async def test_a_search_goes_on_at_its_next_unit(grid: GridUnderTest) -> None:
    async with grid.host("newcomer") as newcomer:
        lease = await newcomer.lease(poll_request(VANITY))

    assert lease is not None
    assert isinstance(lease.work, VanityWork)
    assert (lease.work.batch_uid, lease.work.number) == (OPEN, 3)


async def test_a_share_of_before_counts_once(grid: GridUnderTest) -> None:
    async with host(grid, "carol") as carol, owner(grid, "admin", Role.ADMINISTRATOR) as admin:
        with pytest.raises(ShareClaimedError):
            await carol.report(UNIT, 1, SHARE)
        (shown,) = [view async for view in admin.hosts() if view.name == "carol"]

    assert shown.kinds["vanity"]["keys_proven"] == 4118


async def test_a_unit_of_before_is_finished_with_its_proof(grid: GridUnderTest) -> None:
    async with host(grid, "carol") as carol, owner(grid, "alice") as client:
        await carol.finish(UNIT, 1, FinishAttempt(outcome=Outcome.FINISHED, amount=49248))
        job, batch = await client.job(UNIT), await client.batch(OPEN)
    ((rate,),) = rows_of(
        grid.installation.database,
        "SELECT proven_keys_per_s FROM vanity_hosts JOIN hosts ON uid = host_uid WHERE name = 'carol'",
    )

    assert job.status is Status.COMPLETED
    assert batch.details is not None
    assert batch.details["keys_tried"] == 1000 + 49248
    assert rate > 0
    assert rows_of(grid.installation.database, "SELECT * FROM attempt_claims") == []


async def test_a_run_of_before_brings_its_result(grid: GridUnderTest) -> None:
    upload = "33d0f3bfc9b17dacf5276b5cd029201ab6c1f4e94ec3e94aaedb9446161c474c"
    output = Output(name="stdout", digest=upload, size_bytes=7)
    async with host(grid, "bob") as bob, owner(grid, "alice") as client:
        await bob.finish(AT_WORK, 2, FinishAttempt(outcome=Outcome.FINISHED, exit_status=0, outputs=[output]))
        job = await client.job(AT_WORK)

    assert (job.status, job.outputs) == (Status.COMPLETED, [output])


# --- what is sent again


def rows(file: Path, table: str, column: str, value: str) -> list[dict[str, Any]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute(f"SELECT * FROM {table} WHERE {column} = ? ORDER BY rowid", (value,))  # noqa: S608
        return [dict(row) for row in found]


def jobs_sent(file: Path, column: str, uid: UUID) -> list[SubmitJob]:
    return [
        SubmitJob(uid=row["uid"], app_uid=row["app_uid"], **json.loads(row["work"]))
        for row in rows(file, "jobs", column, uid.hex)
    ]


def search_sent(file: Path) -> SubmitSearch:
    (row,) = rows(file, "searches", "batch_uid", OPEN.hex)
    lists = {name: json.loads(row[name]) for name in ("patterns", "forms")}
    return SubmitSearch(uid=OPEN, name="hard", **{name: row[name] for name in SearchFields.model_fields} | lists)


def app_sent(file: Path) -> RegisterApp:
    (row,) = rows(file, "apps", "name", "hello")
    fields = {name: row[name] for name in ("uid", "name", "version", "kind")}
    targets = rows(file, "app_targets", "app_uid", row["uid"])
    return RegisterApp(**fields, targets=targets, limits=json.loads(row["limits"]))


async def test_what_was_sent_before_may_be_sent_again(grid: GridUnderTest) -> None:
    """A client, or a bridge, whose answer was lost sends again after the upgrade."""
    file = grid.installation.database
    app = app_sent(file)
    async with owner(grid, "alice") as client:
        jobs = await client.submit_jobs(SubmitJobs(jobs=jobs_sent(file, "uid", DONE)))
        bag = SubmitBag(uid=WAITING, name="waiting", jobs=jobs_sent(file, "batch_uid", WAITING))
        batches = [await client.submit_batch(batch) for batch in (bag, search_sent(file))]
        registered = await client.register_app(app)

    assert [job.uid for job in jobs.jobs] == [DONE]
    assert [batch.uid for batch in batches] == [WAITING, OPEN]
    assert registered.uid == app.uid
