"""The whole way for tests: a chain with the contracts, a dispatcher, and an oracle between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import inspect
from sqlmodel import Session, select

from oracle import daemon
from oracle.config import Folders, OracleSettings
from oracle.ledger.file import Ledger
from oracle.ledger.tables import Task
from oracle.settlement.life import State
from tests.support.dapps import Market, a_market
from tests.support.grid import GridUnderTest, a_grid
from tests.support.workers import eventually
from xwhep.chain.transactions import prepare, sign
from xwhep.chain.values import NOBODY, RLC, SettledTask, TaskState
from xwhep.client.enrolment import join
from xwhep.client.owner import OwnerClient
from xwhep.devchain.start import Kind
from xwhep.members import Kind as MemberKind
from xwhep.pki.identity import load_identity
from xwhep.protocol.batches import BatchView
from xwhep.rights import Role

#: seconds between blocks; the chain's time goes on by one each
BLOCK_S = 0.1


@dataclass(slots=True)
class World:
    """A chain and a grid, and the home of the oracle between them. The market's `admin` is the oracle's account."""

    market: Market
    grid: GridUnderTest
    folders: Folders

    def place(self, **settings: Any) -> daemon.Place:
        """Return where an oracle works, with these settings."""
        usual: dict[str, Any] = {"rpc_url": self.market.chain.url, "poll_s": 0.1, "apps": {"vanity": "search"}}
        chosen = OracleSettings(**usual | settings)
        return daemon.Place(chosen, self.folders, self.market.deployment, self.market.admin)

    async def submit(self, app: int, params: bytes, *, lasts_s: int = 3600) -> int:
        """Let alice submit to the hub itself, past the dapps' checks; return the task's number."""
        hub, alice = self.market.hub, self.market.alice
        deadline = await self.now() + lasts_s
        call = hub.submit(app, params, alice.address, NOBODY, 0, deadline)
        submitted = hub.submitted(await self.market.does(alice, call))
        assert submitted is not None
        return submitted.id

    async def flood(self, app: int, params: bytes, count: int) -> None:
        """Let alice submit many tasks at once, and wait for none of them."""
        hub, alice = self.market.hub, self.market.alice
        call = hub.submit(app, params, alice.address, NOBODY, 0, await self.now() + 100_000)
        first = await prepare(hub.node, alice, call)
        chain_id = self.market.chain.chain_id
        for nonce in range(first.nonce, first.nonce + count):
            terms = {"gas": first.gas, "max_fee_wei": first.max_fee_wei, "tip_wei": first.tip_wei}
            await hub.node.send_raw(sign(alice, call, chain_id=chain_id, nonce=nonce, **terms).raw)

    async def now(self) -> int:
        """Return the chain's time, which runs faster than ours where blocks are short."""
        block = await self.market.node.block(await self.market.node.head())
        assert block is not None
        return block.timestamp

    async def advance_to(self, moment: int) -> None:
        """Set the chain's clock forward, at least to this moment."""
        while (now := await self.now()) < moment:  # it counts from our clock, ahead of which the chain may be
            await self.market.chain.controls.advance(moment - now)

    async def told(self, number: int) -> SettledTask:
        """Return what the hub was told of a task, once the ledger knows it."""
        await self.until(number, State.SETTLED)
        (event,) = [event for event in await self.settlements() if event.id == number]
        return event

    async def settled(self, number: int) -> TaskState:
        """Return a task once the hub has its answer."""

        async def is_settled() -> bool:
            return (await self.market.hub.task(number)).status.is_final

        await eventually(is_settled)
        return await self.market.hub.task(number)

    async def settlements(self) -> list[SettledTask]:
        """Return what the hub was told so far, in order."""
        events = await self.market.hub.events(self.market.deployment.block, await self.market.node.head())
        return [event for event in events if isinstance(event, SettledTask)]

    def tasks(self) -> dict[int, Task]:
        """Return the ledger's tasks by number; none before an oracle has made the ledger."""
        if not self.folders.ledger.exists():
            return {}
        with contextlib.closing(Ledger(self.folders.ledger)) as ledger:
            return {task.id: task for task in ledger.run(_tasks)}

    async def until(self, number: int, *states: State) -> None:
        """Wait until the ledger has a task in one of these states."""
        await self.until_task(number, lambda task: task.state in states)

    async def until_task(self, number: int, holds: Callable[[Task], bool]) -> None:
        """Wait until something holds for a task in the ledger."""

        async def holds_now() -> bool:
            tasks = await asyncio.to_thread(self.tasks)
            return number in tasks and holds(tasks[number])

        await eventually(holds_now)

    async def batches(self) -> list[BatchView]:
        """Return the oracle's batches on the grid."""
        identity = load_identity(self.folders.identity, "")
        async with self.grid.connect(identity) as connection:
            return [batch async for batch in OwnerClient(connection).batches()]


def _tasks(session: Session) -> list[Task]:
    has_table = inspect(session.connection()).has_table(str(Task.__tablename__))
    return list(session.exec(select(Task))) if has_table else []


async def between(market: Market, grid: GridUnderTest, folder: Path) -> World:
    """Return the world of an oracle that has joined a grid; alice has approved the hub."""
    folders = Folders(folder / "oracle-home")
    await join(grid.url, await grid.token(Role.SERVICE), MemberKind.SERVICE, "oracle", folders.identity)
    await market.does(market.alice, market.hub.approve(market.deployment.hub, 500 * RLC))
    return World(market, grid, folders)


@contextlib.asynccontextmanager
async def a_world(folder: Path, kind: Kind = Kind.PY_EVM) -> AsyncIterator[World]:
    """Run a chain with the contracts and a dispatcher, which the oracle has joined."""
    async with a_market(kind, folder, block_s=BLOCK_S) as market, a_grid(folder) as grid:
        yield await between(market, grid, folder)


@contextlib.asynccontextmanager
async def an_oracle(place: daemon.Place) -> AsyncIterator[None]:
    """Run an oracle in this process while the block lasts."""
    stop = asyncio.Event()
    work = asyncio.create_task(daemon.serve(place, stop))
    try:
        yield
    finally:
        stop.set()
        await work
