"""The world: the real one, and one whose sources are given."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from xwhep.ids import uuid7
from xwhep.world import REAL, World

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_the_real_world_tells_the_time() -> None:
    assert abs(REAL.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert REAL.now().utcoffset() == timedelta(0)
    assert abs(REAL.monotonic() - time.monotonic()) < 60


def test_the_real_world_is_not_foreseen() -> None:
    assert REAL.token_bytes(16) != REAL.token_bytes(16)
    assert REAL.chance() != REAL.chance()
    assert 0 <= REAL.chance() < 1


def test_fresh_ids_differ_and_sort_by_time() -> None:
    earlier, later = World(now=lambda: NOW), World(now=lambda: NOW + timedelta(milliseconds=1))

    first, second = earlier.new_uid(), earlier.new_uid()

    assert first != second
    assert later.new_uid() > max(first, second)
    assert first.version == 7


def test_an_id_follows_from_the_sources() -> None:
    world = World(now=lambda: NOW, token_bytes=lambda count: bytes(range(count)))

    assert world.new_uid() == uuid7(NOW, bytes(range(10)))


@pytest.mark.parametrize("bound", [1, 2, 255, 256, 2**256 - 189])
def test_a_secret_number_stays_below_its_bound(bound: int) -> None:
    highest = World(token_bytes=lambda count: b"\xff" * count)

    assert 0 <= highest.randbelow(bound) < bound
    assert all(REAL.randbelow(bound) in range(bound) for _ in range(100))


def test_a_secret_number_has_64_bits_more_than_its_bound() -> None:
    asked: list[int] = []

    def token_bytes(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    World(token_bytes=token_bytes).randbelow(2**256 - 189)

    assert asked == [40]


async def test_a_time_limit_is_one_of_the_event_loop() -> None:
    with pytest.raises(TimeoutError):
        async with REAL.timeout(0.0):
            await asyncio.Event().wait()
    async with REAL.timeout(None) as limit:
        assert limit.when() is None


async def test_a_time_limit_may_end_at_a_moment() -> None:
    world = World(monotonic=lambda: 1000.0)
    now = asyncio.get_running_loop().time()

    async with world.timeout_at(1060.0) as limit:
        when = limit.when()

    assert when is not None
    assert 59 < when - now < 120


async def test_sleep_and_pause_are_given() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    world = World(sleep=sleep, pause=slept.append)

    await world.sleep(3600)
    world.pause(7200)

    assert slept == [3600, 7200]
