"""Dispatchers to be killed, from a zygote: a start that imports everything would take 1.6 s of a processor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.dispatcher_grid import ROOT
from tests.crash.fuse import Point

#: seconds in which a zygote takes leave of its last victim: nobody else may do so where the first process of a
#: container does not
FAREWELL_S: Final = 0.5


@dataclass(slots=True)
class Victim:
    """A dispatcher's process; its id is its own until the next one is forked."""

    pid: int
    port: int | None = None  #: None: it ended before it served
    ended: asyncio.Future[int] = field(init=False)  #: its exit status, negative for a signal
    is_late: bool = False  #: it was killed since its time was up

    def kill(self) -> None:
        """End it at once, wherever it is."""
        os.kill(self.pid, signal.SIGKILL)

    def time_out(self) -> None:
        """End it since its time is up."""
        self.is_late = True
        self.kill()


class Zygote:
    """Forks one victim after the other; each has ended when the next is asked for."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        self._orders, self._told = process.stdin, process.stdout
        self._victim: Victim | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls) -> AsyncIterator[Zygote]:
        """Start one; it ends with the context, and so does its victim."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.crash.zygote"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C at the terminal is for the process that gives the orders
        )
        zygote = cls(process)
        try:
            yield zygote
        finally:
            if zygote._victim is not None:
                zygote._victim.kill()
            zygote._orders.close()
            try:
                async with asyncio.timeout(FAREWELL_S):
                    await process.wait()
            except TimeoutError:  # it still imports
                process.kill()
                await process.wait()

    async def fork(self, folder: Path, point: Point, lives_s: float) -> Victim:
        """Return a new dispatcher as soon as it serves or has ended; after so many seconds it is killed."""
        self._orders.write(json.dumps({"folder": str(folder), **asdict(point)}).encode() + b"\n")
        victim = self._victim = Victim(int((await self._line()).removeprefix("pid ")))
        timer = asyncio.get_running_loop().call_later(lives_s, victim.time_out)
        line = await self._line()
        if not line.startswith("ended"):
            victim.port = int(line)
        victim.ended = asyncio.create_task(self._ended(line))
        victim.ended.add_done_callback(lambda _: timer.cancel())
        return victim

    async def _line(self) -> str:
        line = (await self._told.readline()).decode().strip()
        assert line, "the zygote goes on"
        return line

    async def _ended(self, line: str) -> int:
        while not line.startswith("ended"):
            line = await self._line()
        return int(line.removeprefix("ended "))
