"""How long polls are held open, over real TLS: hosts hear it from the dispatcher, and are patient enough."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from dispatcher.scheduling import polling
from tests.support.content import register, submit
from tests.support.desk import poll_request
from tests.support.grid import a_grid
from tests.support.kinds import NATIVE
from xwhep.client import host as host_module
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.attempts import MAX_WAIT_S


async def test_hosts_hear_how_long_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer, the more of them poll."""
    monkeypatch.setattr(polling, "POLLS_PER_S", 0.05)
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob, contextlib.AsyncExitStack() as stack:
        others = [await stack.enter_async_context(grid.host(f"host{number}")) for number in range(3)]
        await bob.lease(poll_request(NATIVE, wait_s=0))
        alone_s = bob.next_wait_s
        polls = [asyncio.create_task(host.lease(poll_request(NATIVE, wait_s=30))) for host in others]
        await grid.until_polls_wait(3)
        await bob.lease(poll_request(NATIVE, wait_s=0))
        among_s = bob.next_wait_s
        grid.services.waiters.close()
        await asyncio.gather(*polls)

    assert alone_s is not None
    assert among_s is not None
    assert 0.9 * 25 <= alone_s <= 25
    assert 0.9 * 60 <= among_s <= 60


async def test_a_poll_waits_for_work_as_long_as_it_may(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.host("bob") as bob:
        app = await register(alice, tmp_path)
        poll = asyncio.create_task(bob.lease(poll_request(NATIVE, wait_s=MAX_WAIT_S)))
        await grid.until_polls_wait(1)
        (job,) = await submit(alice, app)
        async with asyncio.timeout(20):
            lease = await poll

    assert lease is not None
    assert lease.job_uid == job.uid


async def test_a_poll_that_would_wait_longer_is_refused(tmp_path: Path) -> None:
    request = poll_request(NATIVE).model_copy(update={"wait_s": MAX_WAIT_S + 1})
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        with pytest.raises(InvalidFieldError, match="wait_s"):
            await bob.lease(request)


async def test_a_poll_that_waits_is_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host waits for the answer as long as it asked for, and only then as for any other."""
    monkeypatch.setattr(host_module, "TIMEOUT_S", 2.0)
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        assert await bob.lease(poll_request(NATIVE, wait_s=2.5)) is None
