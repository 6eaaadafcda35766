"""What a bridge does on the grid: the way of its service account through the client library, with a real worker."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.content import register, submit
from tests.support.grid import a_grid
from tests.support.kinds import NATIVE, VANITY, searched
from tests.support.namespaces import needs_namespaces
from tests.support.person import Person
from tests.support.targets import of_pattern
from tests.support.workers import a_worker, enrol, eventually, output, register_script
from xwhep.client.enrolment import join
from xwhep.client.owner import OwnerClient
from xwhep.errors.requests import IdConflictError, InvalidFieldError, NotFoundError
from xwhep.ids import derived_uid
from xwhep.lifecycle import BatchStatus, DataStatus, Status
from xwhep.members import Kind as MemberKind
from xwhep.protocol.batches import BatchView, SubmitBag
from xwhep.protocol.data import RegisterData
from xwhep.protocol.jobs import SubmitJob, SubmitJobs
from xwhep.rights import Role
from xwhep.vanity.errors import KeyUsedError
from xwhep.vanity.messages import SubmitSearch
from xwhep.vanity.split_key import combine, keygen
from xwhep.world import REAL

REQUESTER = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
#: counts the words of its standard input, as the second dapp's program does
COUNT = "#!/bin/sh\nwc -w\n"


def name_of(task: int, what: str) -> UUID:
    """Return an id as a bridge derives it from a task of a chain."""
    return derived_uid(f"test/{what}/1", task.to_bytes(32, "big"))


async def store(bridge: OwnerClient, folder: Path, task: int, content: bytes) -> str:
    """Store content under a derived id, twice as after a crash; return its digest."""
    digest = hashlib.sha256(content).hexdigest()
    file = folder / digest
    await asyncio.to_thread(file.write_bytes, content)
    data = RegisterData(uid=name_of(task, "data"), name="stdin", digest=digest, size_bytes=len(content))
    for _ in range(2):
        await bridge.register_data(data)
        await bridge.store(data.uid, file, len(content))
    assert (await bridge.data(data.uid)).status is DataStatus.AVAILABLE
    return digest


def bag_of(task: int, app_uid: UUID, stdin: str | None = None) -> SubmitBag:
    job = SubmitJob(uid=name_of(task, "job"), app_uid=app_uid, stdin=stdin)
    return SubmitBag(uid=name_of(task, "batch"), name=f"task-{task}", requester=REQUESTER, jobs=[job])


def search_of(task: int, public_key: bytes, pattern: str = "1Lo") -> SubmitSearch:
    """Return a search that the first unit ends: one key in 1.3 thousand fits."""
    uid = name_of(task, "batch")
    return SubmitSearch(
        uid=uid, name=f"task-{task}", requester=REQUESTER, patterns=[pattern], public_key=public_key.hex()
    )


async def ended(bridge: OwnerClient, uid: UUID) -> BatchView:
    async def has_ended() -> bool:
        return (await bridge.batch(uid)).ended_at is not None

    await eventually(has_ended)
    return await bridge.batch(uid)


@needs_namespaces
async def test_a_bridge_gets_the_standard_output_of_a_native_job(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.owner("oracle", Role.SERVICE) as oracle:
        app_uid = await register_script(alice, tmp_path, COUNT)
        stdin = await store(oracle, tmp_path, 1, b"one two three")
        first = await oracle.submit_batch(bag_of(1, app_uid, stdin))
        async with a_worker(await enrol(grid, tmp_path / "bob"), NATIVE):
            batch = await ended(oracle, first.uid)
        (summary,) = [job async for job in oracle.jobs(batch_uid=first.uid)]
        job = await oracle.job(summary.uid)
        stdout = await output(oracle, job, "stdout", tmp_path)

    assert (batch.status, batch.requester) == (BatchStatus.COMPLETED, REQUESTER)
    assert summary.uid == name_of(1, "job")
    assert job.attempts[0].exit_status == 0
    assert stdout.strip() == b"3"


async def test_a_bridge_gets_the_offset_of_a_search(tmp_path: Path) -> None:
    secret, public_key = keygen()
    async with a_grid(tmp_path) as grid, grid.owner("oracle", Role.SERVICE) as oracle:
        search = search_of(2, public_key)
        await oracle.submit_batch(search)
        async with a_worker(await enrol(grid, tmp_path / "bob"), VANITY):
            batch = await ended(oracle, search.uid)

    assert (batch.status, batch.requester) == (BatchStatus.COMPLETED, REQUESTER)
    result = searched(batch).result
    assert result is not None
    assert combine(secret, result.hit(), of_pattern(search.patterns[0]).match)


async def test_a_batch_of_a_bridge_is_one_batch_and_another_under_its_id_is_refused(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.owner("oracle", Role.SERVICE) as oracle:
        app = await register(alice, tmp_path)
        bag, search = bag_of(1, app.uid), search_of(2, keygen()[1])
        first = [await oracle.submit_batch(batch) for batch in (bag, search)]
        again = [await oracle.submit_batch(batch) for batch in (bag, search)]
        known = [batch.uid async for batch in oracle.batches()]
        for other in (
            bag.model_copy(update={"requester": "0x" + "1" * 40}),
            bag.model_copy(update={"jobs": [bag.jobs[0].model_copy(update={"arguments": ["x"]})]}),
            search.model_copy(update={"patterns": ["1Li"]}),
            search.model_copy(update={"uid": bag.uid}),
        ):
            with pytest.raises(IdConflictError):
                await oracle.submit_batch(other)

    assert again == first
    assert sorted(known) == sorted([bag.uid, search.uid])


async def test_nobody_else_takes_an_id_that_a_bridge_would_derive(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
        app = await register(alice, tmp_path)
        search, bag = search_of(1, keygen()[1]), bag_of(2, app.uid)
        fresh = {"uid": REAL.new_uid(), "requester": None}
        async with grid.connect(grid.administrator()) as connection:
            for squatter in (alice, OwnerClient(connection)):
                for squat in (
                    squatter.submit_batch(search.model_copy(update={"requester": None})),
                    squatter.submit_batch(bag.model_copy(update=fresh)),  # its job has a derived id
                    squatter.submit_jobs(SubmitJobs(jobs=bag.jobs)),
                    squatter.register_data(
                        RegisterData(uid=name_of(1, "data"), name="d", digest="0" * 64, size_bytes=1)
                    ),
                ):
                    with pytest.raises(InvalidFieldError, match="version 8 is reserved"):
                        await squat
        async with grid.owner("oracle", Role.SERVICE) as oracle:
            for batch in (search, bag):
                assert (await oracle.submit_batch(batch)).status is BatchStatus.RUNNING


async def test_a_bridge_hears_that_a_key_was_used_before(tmp_path: Path) -> None:
    _, public_key = keygen()
    async with a_grid(tmp_path) as grid, grid.owner("oracle", Role.SERVICE) as oracle:
        await oracle.submit_batch(search_of(1, public_key))
        with pytest.raises(KeyUsedError):
            await oracle.submit_batch(search_of(2, public_key))
        with pytest.raises(NotFoundError):
            await oracle.batch(name_of(2, "batch"))


async def test_a_bridge_cancels_a_batch_once_and_for_all(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.owner("oracle", Role.SERVICE) as oracle:
        app = await register(alice, tmp_path)
        bag, search = bag_of(1, app.uid), search_of(2, keygen()[1])
        for batch in (bag, search):
            await oracle.submit_batch(batch)
            await oracle.cancel_batch(batch.uid)
        again = [(await oracle.cancel_batch(batch.uid)).status for batch in (bag, search)]
        sent_again = [(await oracle.submit_batch(batch)).status for batch in (bag, search)]
        job = await oracle.job(bag.jobs[0].uid)

    assert again == sent_again == [BatchStatus.CANCELLED] * 2
    assert job.status is Status.CANCELLED


async def test_the_command_line_shows_who_asked_on_the_chain(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        identity = await join(
            grid.url, await grid.token(Role.SERVICE), MemberKind.SERVICE, "oracle", tmp_path / "home" / "user"
        )
        search = SubmitSearch(
            uid=REAL.new_uid(), name="s", requester=REQUESTER, patterns=["1L"], public_key=keygen()[1].hex()
        )
        async with grid.connect(identity) as connection:
            await OwnerClient(connection).submit_batch(search)
        person = Person(tmp_path / "home")
        shown = await person.does("batches", "show", search.uid)
        listed = await person.gets("batches", "list")

    assert f"requester  {REQUESTER}" in shown.output
    assert [batch["requester"] for batch in listed] == [REQUESTER]


async def test_a_service_submits_to_an_app_of_somebody_else_and_a_user_does_not(tmp_path: Path) -> None:
    async with (
        a_grid(tmp_path) as grid,
        grid.owner("alice") as alice,
        grid.owner("eve") as eve,
        grid.owner("oracle", Role.SERVICE) as oracle,
    ):
        app = await register(alice, tmp_path)
        (job,) = await submit(oracle, app)
        submitted = await oracle.job(job.uid)
        found = [known.uid async for known in oracle.apps(app.name)]
        with pytest.raises(NotFoundError):
            await submit(eve, app)
        with pytest.raises(NotFoundError):
            await alice.job(job.uid)
        unknown = [known.uid async for known in eve.apps(app.name)]

    assert submitted.app_uid == app.uid
    assert found == [app.uid]
    assert unknown == []


async def test_a_service_reaches_no_job_data_or_batch_of_somebody_else(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.owner("oracle", Role.SERVICE) as oracle:
        (job,) = await submit(alice, await register(alice, tmp_path))
        (data,) = [data async for data in alice.datas()]
        search = SubmitSearch(uid=REAL.new_uid(), name="s", patterns=["1L"], public_key=keygen()[1].hex())
        await alice.submit_batch(search)
        for refused in (
            oracle.job(job.uid),
            oracle.cancel_job(job.uid),
            oracle.data(data.uid),
            oracle.batch(search.uid),
            oracle.cancel_batch(search.uid),
        ):
            with pytest.raises(NotFoundError):
                await refused
