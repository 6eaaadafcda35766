"""An oracle that dies at any point of a task's life and starts again: one batch, one settlement, one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oracle import daemon
from oracle.ledger.file import Ledger
from oracle.settlement.life import Event, State
from tests.support.dapps import PASSWORD
from tests.support.oracles import World, a_world
from tests.support.person import work_once
from tests.support.tasks import native, vanity
from tests.support.workers import PATIENCE_S, ROOT, register_script
from xwhep.chain.values import TaskStatus

VANITY, WORDCOUNT = 1, 2


class DeathError(Exception):
    """The process would be gone here."""


class DyingLedger(Ledger):
    """A ledger whose process dies right before or right after one of its transactions."""

    name = ""  #: of the function whose transaction it is
    about: Callable[..., bool] = staticmethod(lambda *_: True)  #: tells by the arguments whether it is that one
    survives = False  #: whether the transaction reaches the disk

    def run(self, work: Any, *args: Any, **options: Any) -> Any:
        """Carry out the transaction, or die."""
        is_last = work.__name__ == self.name and type(self).about(*args)
        if is_last and not self.survives:
            raise DeathError
        result = super().run(work, *args, **options)
        if is_last:
            raise DeathError
        return result


def has_events(reading: Any, *_: Any) -> bool:
    return bool(reading.events)


def happens(event: Event) -> Callable[..., bool]:
    return lambda _key, _was, happened, *_: happened is event


#: the transactions of a task's life, in its order
UNTIL_DISPATCHED: list[tuple[str, Callable[..., bool]]] = [
    ("record", has_events),
    ("admit", lambda *_: True),
    ("expect_batch", lambda *_: True),
    ("change", happens(Event.DISPATCHED)),
]
UNTIL_SETTLED: list[tuple[str, Callable[..., bool]]] = [
    ("answer", lambda *_: True),
    ("take_up", lambda *_: True),
    ("sign_first", lambda *_: True),
    ("record", has_events),
]


def deaths(life: list[tuple[str, Callable[..., bool]]]) -> Iterator[type[DyingLedger]]:
    for name, about in life:
        for survives in (False, True):
            yield type("Dying", (DyingLedger,), {"name": name, "about": staticmethod(about), "survives": survives})


async def die(world: World, monkeypatch: pytest.MonkeyPatch, ledger: type[DyingLedger], apps: dict[str, str]) -> None:
    """Run an oracle until it dies."""
    with monkeypatch.context() as patch:
        patch.setattr(daemon, "Ledger", ledger)
        died = False
        try:
            async with asyncio.timeout(PATIENCE_S):
                await daemon.serve(world.place(apps=apps), asyncio.Event())
        except* DeathError:
            died = True
        assert died


async def test_an_oracle_that_dies_before_and_after_every_transaction_settles_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        a_world(tmp_path) as world,
        world.grid.owner("alice") as owner,
        world.grid.host("bob") as host,
    ):
        apps = {"wordcount": str(await register_script(owner, tmp_path, "#!/bin/sh\n"))}
        before = await world.market.node.next_nonce(world.market.admin.address)
        number = await world.submit(WORDCOUNT, native("hello"))
        for ledger in deaths(UNTIL_DISPATCHED):
            await die(world, monkeypatch, ledger, apps)
        await work_once(host, tmp_path)
        for ledger in deaths(UNTIL_SETTLED):
            await die(world, monkeypatch, ledger, apps)

        assert world.tasks()[number].state is State.SETTLED
        (told,) = await world.settlements()
        assert (told.id, told.status, told.result) == (number, TaskStatus.DONE, b"hello\x1b[31m\n")
        assert len(await world.batches()) == 1
        assert await world.market.node.next_nonce(world.market.admin.address) == before + 1


@contextlib.asynccontextmanager
async def a_process(world: World) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `xwhep-oracle run`; at the end it is killed if it still runs."""
    market = world.market
    settings = {
        "rpc_url": market.chain.url,
        "deployment": str(market.deployment_file),
        "keystore": str(market.deployment_file.parent / "admin.json"),
        "poll_s": "0.05",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "oracle.cli", "run"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "XWHEP_HOME": str(world.folders.home),
            "XWHEP_KEYSTORE_PASSWORD": PASSWORD,
            **{f"XWHEP_ORACLE__{key.upper()}": value for key, value in settings.items()},
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
async def test_a_process_that_is_killed_in_the_middle_goes_on_where_it_was(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, world.grid.host("bob") as host:
        before = await world.market.node.next_nonce(world.market.admin.address)
        number = await world.submit(VANITY, vanity("1Lo"))
        async with a_process(world):
            await world.until_task(number, lambda _: True)
        async with a_process(world):
            await world.until(number, State.DISPATCHED)
            await work_once(host, tmp_path)
            await world.until(number, State.ANSWERED, State.SENT, State.SETTLED)
        async with a_process(world) as last:
            await world.until(number, State.SETTLED)
            last.send_signal(signal.SIGTERM)
            assert last.stderr is not None
            said = (await last.stderr.read()).decode()
            status = await last.wait()

        assert (status, "Traceback" in said) == (0, False), said
        (told,) = await world.settlements()
        assert (told.id, told.status) == (number, TaskStatus.DONE)
        assert len(await world.batches()) == 1
        assert await world.market.node.next_nonce(world.market.admin.address) == before + 1
