"""A dispatcher as a process: `python -m tests.support.serve FOLDER PORT`; it prints its port when it serves."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from dispatcher.installation import Installation
from dispatcher.loops import new_event_loop
from dispatcher.server import running


async def serve(folder: Path, port: int) -> None:
    """Serve until killed."""
    async with running(Installation(folder), "127.0.0.1", port) as dispatcher:
        sys.stdout.write(f"{dispatcher.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:  # as `xwhep-dispatcher serve` does
        runner.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
