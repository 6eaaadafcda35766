"""The dispatcher that is measured: the real one, on one processor, with a bare route beside the others.

`python -m tests.bench.dispatcher_server FOLDER CPU` prints its port when it serves.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from aiohttp import web

from dispatcher.admission import PeerBounds
from dispatcher.installation import Installation
from dispatcher.loops import new_event_loop
from dispatcher.routes import table
from dispatcher.routes.door import CONTENT, Call, Route, read_body
from dispatcher.server import running
from xwhep.rights import HOSTS

BARE_PATH: Final = "/bench/bare"
BARE_BYTES: Final = 500
#: so many connections come from one machine here, of few identities
ROOMY: Final = PeerBounds(
    connections=20_000, per_address=20_000, per_identity=20_000, handshakes=2_000, polls=20_000, bodies=20_000
)


async def bare(call: Call) -> web.Response:
    """Answer as many bytes as came; who asks is known by then."""
    await read_body(call.request, BARE_BYTES, call.services.world)
    return web.Response(body=bytes(BARE_BYTES))


async def serve(folder: Path) -> None:
    """Serve until killed."""
    table.ROUTES = (*table.ROUTES, Route("POST", BARE_PATH, HOSTS, bare, takes=CONTENT, gives=CONTENT))
    async with running(Installation(folder), "127.0.0.1", 0, bounds=ROOMY) as dispatcher:
        sys.stdout.write(f"{dispatcher.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[2])})
    with asyncio.Runner(loop_factory=new_event_loop) as runner:  # as `xwhep-dispatcher serve` does
        runner.run(serve(Path(sys.argv[1])))
