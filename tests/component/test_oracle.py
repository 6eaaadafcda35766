"""The oracle between a real chain and a real dispatcher."""

from __future__ import annotations

import asyncio
import logging
import socket
from hashlib import sha256
from pathlib import Path

import pytest

from oracle.settlement.life import State
from tests.support.dapps import a_market
from tests.support.grid import a_grid
from tests.support.kinds import NATIVE, VANITY
from tests.support.measuring import unmeasured
from tests.support.namespaces import needs_namespaces
from tests.support.oracles import BLOCK_S, a_world, an_oracle, between
from tests.support.person import work_once
from tests.support.targets import of_pattern
from tests.support.tasks import native, vanity
from tests.support.workers import PATIENCE_S, a_worker, enrol, eventually, register_script
from xwhep.chain.parameters import decode_vanity_result, encode_vanity_order
from xwhep.chain.values import RLC, TaskStatus
from xwhep.devchain.start import Kind as ChainKind
from xwhep.lifecycle import BatchStatus
from xwhep.secp256k1 import decode
from xwhep.vanity.split_key import Hit, combine, keygen

#: the numbers of the apps at the hub
SEARCHES, WORDCOUNT = 1, 2


@needs_namespaces
async def test_two_dapps_go_the_whole_way(tmp_path: Path) -> None:
    secret, public_key = keygen()
    async with a_world(tmp_path) as world, world.grid.owner("alice") as owner:
        count = await register_script(owner, tmp_path, "#!/bin/sh\nwc -w\n")
        hub, market = world.market.hub, world.market
        async with (
            a_worker(await enrol(world.grid, tmp_path / "bob"), NATIVE, VANITY),
            an_oracle(world.place(apps={"vanity": "search", "wordcount": str(count)})),
        ):
            search = await market.pay("VanityTask", RLC, encode_vanity_order("1Lo", *decode(public_key)))
            words = await market.pay("WordcountTask", RLC // 10, b"one two three")
            assert (await world.settled(search)).status is TaskStatus.DONE
            assert (await world.settled(words)).status is TaskStatus.DONE
            await world.until(search, State.SETTLED)
            await world.until(words, State.SETTLED)
        told = {event.id: event for event in await world.settlements()}
        credit = await hub.credit(market.admin.address)

    assert told[words].result.split() == [b"3"]
    assert told[words].digest == sha256(told[words].result).digest()
    found = decode_vanity_result(told[search].result)
    assert combine(secret, Hit(found.s, found.e, -1 if found.negative else 1), of_pattern("1Lo").match)
    assert credit == RLC + RLC // 10


async def test_what_cannot_be_asked_of_the_grid_fails_with_its_reason_and_the_price_goes_back(tmp_path: Path) -> None:
    asked = {
        "refused-parameters": (SEARCHES, b"\x00"),
        "refused-app": (WORDCOUNT, native("a")),
        "too-hard": (SEARCHES, vanity("1Longer")),
    }
    async with a_world(tmp_path) as world, an_oracle(world.place(max_difficulty=1e6)):
        numbers = {await world.submit(*what): reason for reason, what in asked.items()}
        told = {(await world.told(number)).result.decode(): number for number in numbers}
        credit = await world.market.hub.credit(world.market.alice.address)
        batches = await world.batches()

    assert told == {reason: number for number, reason in numbers.items()}
    assert credit == 2 * RLC + RLC // 10
    assert batches == []


async def test_a_key_that_was_used_before_fails_the_task_and_leaves_the_first_at_work(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, an_oracle(world.place()):
        params = vanity("1Lo")
        first = await world.submit(SEARCHES, params)
        await world.until(first, State.DISPATCHED)
        second = await world.submit(SEARCHES, params)
        told = await world.told(second)
        (batch,) = await world.batches()

    assert (told.status, told.result) == (TaskStatus.FAILED, b"key-used")
    assert batch.status is BatchStatus.RUNNING
    assert batch.requester == world.market.alice.address.lower()


async def test_how_a_job_ends_is_what_its_task_is_told(tmp_path: Path) -> None:
    async with (
        a_world(tmp_path) as world,
        world.grid.owner("alice") as owner,
        world.grid.host("bob") as host,
    ):
        app = await register_script(owner, tmp_path, "#!/bin/sh\n")
        async with an_oracle(world.place(apps={"wordcount": str(app)})):
            results = {}
            for argument, exit_status in (("<b>hello</b>; $(id)", 0), ("x" * 2000, 0), ("fails", 1)):
                number = await world.submit(WORDCOUNT, native(argument, stdin=b""))
                await work_once(host, tmp_path, exit_status=exit_status)
                told = await world.told(number)
                results[argument[:5]] = (told.status, told.result)

    assert results == {
        "<b>he": (TaskStatus.DONE, b"<b>hello</b>; $(id)\x1b[31m\n"),
        "xxxxx": (TaskStatus.FAILED, b"result-too-large"),
        "fails": (TaskStatus.FAILED, b"job-failed"),
    }


async def test_a_task_without_an_answer_is_failed_in_time_and_its_batch_is_taken_back(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, an_oracle(world.place(margin_s=100)):
        number = await world.submit(SEARCHES, vanity("1Longest"), lasts_s=1000)
        await world.until(number, State.DISPATCHED)
        await world.advance_to(world.tasks()[number].deadline - 180)
        told = await world.told(number)
        await world.until_task(number, lambda task: not task.batch_open)
        (batch,) = await world.batches()

    assert (told.status, told.result) == (TaskStatus.FAILED, b"deadline-near")
    assert batch.status is BatchStatus.CANCELLED


async def test_a_task_that_was_refunded_meanwhile_has_its_batch_taken_back(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        async with an_oracle(world.place()):
            number = await world.submit(SEARCHES, vanity("1Longest"), lasts_s=1000)
            await world.until(number, State.DISPATCHED)
        await world.advance_to(world.tasks()[number].deadline + 1)
        await world.market.does(world.market.alice, world.market.hub.refund(number))
        async with an_oracle(world.place()):
            await world.until_task(number, lambda task: task.state is State.REFUNDED and not task.batch_open)
        (batch,) = await world.batches()

    assert batch.status is BatchStatus.CANCELLED


async def test_a_task_over_the_quota_waits_until_another_is_settled(tmp_path: Path) -> None:
    async with (
        a_world(tmp_path) as world,
        world.grid.host("bob") as host,
        an_oracle(world.place(quota_per_requester=1)),
    ):
        first = await world.submit(SEARCHES, vanity("1Lo"))
        second = await world.submit(SEARCHES, vanity("1Lo"))
        await world.until(first, State.DISPATCHED)
        await world.until(second, State.SEEN)
        batches = await world.batches()
        await work_once(host, tmp_path)
        await world.until(first, State.SETTLED)
        await world.until(second, State.DISPATCHED)

    assert len(batches) == 1


@unmeasured
async def test_two_hundred_tasks_at_once_are_settled_once_each(tmp_path: Path) -> None:
    async with a_world(tmp_path, ChainKind.ANVIL) as world:
        before = await world.market.node.next_nonce(world.market.admin.address)
        async with an_oracle(world.place(quota_per_requester=200)):
            await world.flood(SEARCHES, b"nonsense", 200)

            async def all_are_settled() -> bool:
                tasks = await asyncio.to_thread(world.tasks)
                return [task.state for task in tasks.values()] == [State.SETTLED] * 200

            await eventually(all_are_settled)
        told = await world.settlements()
        sent = await world.market.node.next_nonce(world.market.admin.address) - before

    assert sorted(event.id for event in told) == list(range(1, 201))
    assert sent == 200


async def test_a_dispatcher_that_is_away_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with a_market(ChainKind.PY_EVM, tmp_path, block_s=BLOCK_S) as market:
        async with a_grid(tmp_path) as grid:
            world = await between(market, grid, tmp_path)
        async with an_oracle(world.place()):
            number = await world.submit(SEARCHES, vanity("1Lo"))
            await world.until_task(number, lambda task: task.batch_open)
            async with a_grid(tmp_path, port=grid.dispatcher.port) as world.grid:
                await world.until(number, State.DISPATCHED)
                batches = await world.batches()

    assert len(batches) == 1
    assert caplog.messages.count("the grid is there again") == 1


async def test_a_node_that_is_away_at_the_start_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_world(tmp_path) as world:
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        async with an_oracle(world.place(rpc_url=f"http://127.0.0.1:{port}")):
            async with asyncio.timeout(PATIENCE_S):
                while "waiting for it" not in caplog.text:  # noqa: ASYNC110 - the log tells nobody
                    await asyncio.sleep(0.01)
