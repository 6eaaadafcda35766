"""Waiting for jobs and batches to end; a dispatcher that restarts meanwhile is waited for as well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID

from xwhep.client.owner import OwnerClient
from xwhep.errors.jobs import UnavailableError
from xwhep.lifecycle import BatchStatus, is_final
from xwhep.protocol.batches import BatchView
from xwhep.protocol.jobs import JobView
from xwhep.world import World

T = TypeVar("T")

#: seconds between two questions, the first and the longest
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
#: how long a silent dispatcher is waited for, seconds
SILENCE_S: Final = 300.0


async def jobs_ended(
    client: OwnerClient, uids: Sequence[UUID], seen: Callable[[Sequence[JobView]], None]
) -> list[JobView]:
    """Return the jobs, in the order of `uids`, once all have ended; `seen` is shown them as they are meanwhile."""
    views: dict[UUID, JobView] = {}

    async def ask() -> bool:
        for uid in uids:
            if uid not in views or not is_final(views[uid].status):
                views[uid] = await client.job(uid)
        seen(list(views.values()))
        return all(is_final(view.status) for view in views.values())

    await _until(ask, client.world)
    return [views[uid] for uid in uids]


async def batch_ended(client: OwnerClient, uid: UUID, seen: Callable[[BatchView], None]) -> BatchView:
    """Return a batch once it has ended; `seen` is shown it as it is meanwhile."""
    view: BatchView | None = None

    async def ask() -> bool:
        nonlocal view
        view = await client.batch(uid)
        seen(view)
        return view.status is not BatchStatus.RUNNING

    await _until(ask, client.world)
    assert view is not None, "the batch was asked for at least once"
    return view


async def _until(ask: Callable[[], Awaitable[bool]], world: World) -> None:
    """Ask until the answer is yes, ever more slowly."""
    pause_s, heard_at = FIRST_PAUSE_S, world.monotonic()
    while True:
        try:
            if await ask():
                return
            heard_at, asked_s = world.monotonic(), 0.0
        except UnavailableError as error:
            if world.monotonic() - heard_at > SILENCE_S:
                raise
            asked_s = error.retry_after_s * (1 + world.chance())
        await world.sleep(max(pause_s, asked_s))
        pause_s = min(LONGEST_PAUSE_S, pause_s * 1.5)
