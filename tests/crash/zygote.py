"""A process that has imported everything, and forks dispatchers that are to be killed: `python -m tests.crash.zygote`.

It reads orders from standard input, a JSON object a line: {"folder": ..., "deed": ..., "number": ...}. On standard
output it tells `pid N`; the dispatcher tells its port, the number alone, if it lives so long; then `ended STATUS`
follows, negative for a signal. The dead one keeps its process id until the next order, so that nobody else is killed in
its name. When standard input closes, both end.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import sys
import threading
from pathlib import Path
from typing import Any

from dispatcher.loops import new_event_loop
from tests.bench.dispatcher_server import serve
from tests.crash.fuse import Deed, Fuse, Point


def main() -> None:
    """Fork as ordered until standard input closes."""
    dead: int | None = None
    for line in sys.stdin.buffer:
        if dead is not None:
            os.waitpid(dead, 0)
        assert threading.active_count() == 1, "only the thread that forks goes on in the child"
        dead = os.fork()
        if dead == 0:
            _be_victim(json.loads(line))
        _tell(f"pid {dead}")
        ended = os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)
        assert ended is not None, "it waits for the end"
        _tell(f"ended {ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status}")
    if dead is not None:
        os.waitpid(dead, 0)
    os._exit(0)  # the interpreter would take half a second to take itself apart


def _be_victim(order: dict[str, Any]) -> None:
    """Serve until killed; never returns."""
    status = 1
    try:
        threading.Thread(target=_end_with_standard_input, daemon=True).start()
        Fuse(Point(Deed(order["deed"]), order["number"])).lay()
        with asyncio.Runner(loop_factory=new_event_loop) as runner:  # as `xwhep-dispatcher serve` does
            runner.run(serve(Path(order["folder"])))
    except BaseException:  # noqa: BLE001 - told by the status: this is no stack to return through
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _end_with_standard_input() -> None:
    """End this process with the one that orders; the next order comes only after this process has ended.

    In a thread: a loop would make the pipe one that does not block, for the process that forks too.
    """
    select.select([sys.stdin.fileno()], [], [])
    os._exit(0)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
