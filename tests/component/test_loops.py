"""The dispatcher without uvloop, as on Windows: connections of asyncio's loop, with small buffers."""

from __future__ import annotations

import asyncio
import sys
from asyncio import sslproto
from pathlib import Path

import pytest

from dispatcher.loops import new_event_loop
from tests.support.content import put
from tests.support.grid import a_grid

#: many records of TLS
CONTENT = bytes(range(256)) * 4096


def test_content_passes_through_small_buffers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection does not hold the 256 KiB that asyncio allocates for each, and moves a mebibyte all the same."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.setattr(sslproto.SSLProtocol, "max_size", sslproto.SSLProtocol.max_size)

    async def there_and_back() -> None:
        async with a_grid(tmp_path) as grid, grid.owner("alice") as alice:
            await put(alice, tmp_path, CONTENT)
            stored = await anext(alice.datas())
            await alice.fetch_data(stored, tmp_path / "back")

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(there_and_back())

    assert sslproto.SSLProtocol.max_size <= 16 * 1024
    assert (tmp_path / "back").read_bytes() == CONTENT
