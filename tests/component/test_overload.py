"""More requests than the database takes: callers are told when to come back, and the dispatcher's own work goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from dispatcher.admission import PeerBounds
from dispatcher.housekeeping import tend_leases
from dispatcher.storage.database import RETRY_AFTER_S
from dispatcher.storage.fair_queue import SHORT_BYTES
from tests.support.content import register
from tests.support.desk import poll_request
from tests.support.grid import GridUnderTest, a_grid
from tests.support.kinds import NATIVE
from tests.support.locking import another_writes
from tests.support.raw import Answer, raw_client
from xwhep.client.owner import OwnerClient
from xwhep.errors.jobs import OverloadedError
from xwhep.protocol.attempts import Exchange
from xwhep.protocol.jobs import MAX_JOBS_A_REQUEST, SubmitJobs
from xwhep.rights import Role
from xwhep.world import REAL

BOUND = 8
NOTHING = {"attempts": list[object]()}
#: ends an attempt that nobody has: that is a use case of its own, and answered
AN_END = {"ends": [{"job_uid": "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d", "attempt": 1, "outcome": "lost"}]}


def new_jobs(app_uid: UUID, count: int) -> dict[str, list[dict[str, str]]]:
    return {"jobs": [{"uid": str(REAL.new_uid()), "app_uid": str(app_uid)} for _ in range(count)]}


@contextlib.asynccontextmanager
async def a_busy_database(grid: GridUnderTest) -> AsyncIterator[None]:
    """Let another process write, and a turn wait for it: what comes meanwhile waits too."""
    database = grid.services.database
    with another_writes(grid.installation.database):
        waiting = asyncio.create_task(database.run_own(lambda _session: None))
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            while database.waiting:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.001)
        yield
    await waiting


async def until_wait(grid: GridUnderTest, count: int) -> None:
    async with asyncio.timeout(60):
        while grid.services.database.waiting < count:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.001)


def fill(grid: GridUnderTest) -> list[asyncio.Task[None]]:
    """Let as much wait as may."""
    return [asyncio.create_task(grid.services.database.run(lambda _session: None)) for _ in range(BOUND)]


async def test_a_request_too_many_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with (
        a_grid(tmp_path, bounds=PeerBounds(waiting=BOUND)) as grid,
        raw_client(grid, await grid.member(Role.HOST, "bob")) as bob,
    ):
        assert (await bob.ask("POST", "/v1/exchange", json=AN_END)).status == 200
        async with a_busy_database(grid):
            orders = fill(grid)
            await until_wait(grid, BOUND)
            async with bob.session.post("/v1/exchange", json=AN_END) as refused:
                problem = await refused.json(content_type=None)
            read = await bob.ask("GET", "/v1/whoami")
            beat = await bob.ask("POST", "/v1/heartbeats", json=NOTHING)
        await asyncio.gather(*orders)
        after = await bob.ask("POST", "/v1/exchange", json=AN_END)

    assert (refused.status, problem["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == str(int(RETRY_AFTER_S))
    assert problem["detail"] == "more than 8 requests wait for the dispatcher's database; try again later"
    assert (read.status, beat.status) == (200, 200), "what is only read waits for nobody"
    assert after.status == 200


async def test_a_worker_hears_how_long_to_wait(tmp_path: Path) -> None:
    async with a_grid(tmp_path, bounds=PeerBounds(waiting=BOUND)) as grid, grid.host("bob") as bob:
        assert await bob.lease(poll_request(NATIVE, wait_s=0)) is None
        async with a_busy_database(grid):
            orders = fill(grid)
            await until_wait(grid, BOUND)
            refusals = await asyncio.gather(
                bob.lease(poll_request(NATIVE, wait_s=30)),
                bob.exchange(Exchange.model_validate(AN_END)),
                return_exceptions=True,
            )
        await asyncio.gather(*orders)

    assert [type(error) for error in refusals] == [OverloadedError] * 2
    assert [error.retry_after_s for error in refusals if isinstance(error, OverloadedError)] == [RETRY_AFTER_S] * 2


async def test_housekeeping_is_never_refused(tmp_path: Path) -> None:
    async with a_grid(tmp_path, bounds=PeerBounds(waiting=BOUND)) as grid:
        services = grid.services
        async with a_busy_database(grid):
            orders = fill(grid)
            await until_wait(grid, BOUND)
            services.heard.note_host(grid.administrator().member.uid, services.now())
            tended = asyncio.create_task(tend_leases(services, services.now()))
            await until_wait(grid, BOUND + 1)
        await asyncio.gather(*orders)
        assert await tended <= services.now()


async def test_one_user_who_keeps_the_queue_full_keeps_nobody_else_out(tmp_path: Path) -> None:
    """A member has a quarter of what may wait, whatever it opens."""
    async with (
        a_grid(tmp_path, bounds=PeerBounds(waiting=BOUND)) as grid,
        grid.host("bob") as bob,
        contextlib.AsyncExitStack() as stack,
    ):
        await bob.exchange(Exchange.model_validate(AN_END))
        eve = await grid.member(Role.HOST, "eve")
        ways = [await stack.enter_async_context(raw_client(grid, eve)) for _ in range(2 * BOUND)]
        async with a_busy_database(grid):
            floods = [asyncio.create_task(way.ask("POST", "/v1/exchange", json=AN_END)) for way in ways]
            await until_wait(grid, BOUND // 4)
            said = asyncio.create_task(bob.exchange(Exchange.model_validate(AN_END)))
            await until_wait(grid, BOUND // 4 + 1)
        reply = await said
        answers = await asyncio.gather(*floods, return_exceptions=True)

    assert len(reply.ends) == 1
    assert [isinstance(answer, Answer) and answer.status for answer in answers].count(200) == BOUND // 4


async def test_a_long_body_is_read_while_others_are_served(tmp_path: Path) -> None:
    """Here another calculation is before it, and does not end until the others are served."""
    nowhere = new_jobs(REAL.new_uid(), MAX_JOBS_A_REQUEST)["jobs"]
    async with (
        a_grid(tmp_path) as grid,
        grid.owner("alice") as alice,
        raw_client(grid, await grid.member(Role.USER, "carol")) as carol,
    ):
        assert len(json.dumps({"jobs": nowhere})) > SHORT_BYTES
        go_on = threading.Event()
        earlier = asyncio.create_task(grid.services.aside(go_on.wait, 60))
        submissions = [carol.ask("POST", "/v1/jobs", json={"jobs": jobs}) for jobs in (nowhere, [nowhere[0]] * 500)]
        waiting = [asyncio.create_task(submission) for submission in submissions]
        done = await alice.whoami()
        assert not any(task.done() for task in waiting)
        go_on.set()
        answers = await asyncio.gather(*waiting)
        await earlier

    assert done.role is Role.USER
    assert [answer.outcome for answer in answers] == [(404, "not-found"), (422, "invalid-field")]
    assert [answer.body.get("field") for answer in answers] == [None, "jobs.uid"]


async def test_whoever_sends_much_at_once_lets_others_pass(tmp_path: Path) -> None:
    """Eve submits a thousand jobs on each of many connections; what Alice sends last waits for two of these at most."""
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, contextlib.AsyncExitStack() as stack:
        member = await grid.member(Role.USER, "eve")
        eve = OwnerClient(await stack.enter_async_context(grid.connect(member)))
        apps = [await register(owner, tmp_path) for owner in (alice, eve)]
        ways = [await stack.enter_async_context(raw_client(grid, member)) for _ in range(BOUND)]
        async with a_busy_database(grid):
            floods = [
                asyncio.create_task(way.ask("POST", "/v1/jobs", json=new_jobs(apps[1].uid, MAX_JOBS_A_REQUEST)))
                for way in ways
            ]
            await until_wait(grid, BOUND)
            said = asyncio.create_task(alice.submit_jobs(SubmitJobs.model_validate(new_jobs(apps[0].uid, 1))))
            await until_wait(grid, BOUND + 1)
        await said
        done = [task for task in floods if task.done()]
        answers = await asyncio.gather(*floods)

    assert len(done) <= 3
    assert {answer.status for answer in answers} == {201}
