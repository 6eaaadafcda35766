"""Where a dispatcher is killed: at the n-th time that it does something, by itself, so that the moment is exact.

Points outside its process (`ANSWERS`, `CLOCK`) are the clients' to count.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Engine, event

from dispatcher import listener, server
from dispatcher.routes import table
from dispatcher.services import Services
from dispatcher.storage.transactions import Transactions
from xwhep.world import REAL


class Deed(StrEnum):
    """What is counted until the kill."""

    STATEMENT = "statement"  #: SQLite is about to run one
    COMMIT = "commit"  #: SQLite commits, on a disk that is slow this time
    COMMITTED = "committed"  #: a commit has returned, and nobody knows yet
    FILE = "file"  #: before and after each fsync and each rename of content, on such a disk
    REQUEST = "request"  #: the head of a request is here
    REPLY = "reply"  #: a reply is ready, and none of it is sent
    BYTES = "bytes"  #: received, of all connections
    ANSWERS = "answers"  #: clients have received so many
    CLOCK = "clock"  #: so many milliseconds after the process began


#: weight in the choice, and the highest number: about as many as half a second of load takes
CHOICES: Final[Mapping[Deed, tuple[int, int]]] = {
    Deed.STATEMENT: (3, 2000),
    Deed.COMMIT: (5, 40),
    Deed.COMMITTED: (5, 40),
    Deed.FILE: (3, 200),
    Deed.REQUEST: (1, 300),
    Deed.REPLY: (3, 300),
    Deed.BYTES: (2, 200_000),
    Deed.ANSWERS: (5, 300),
    Deed.CLOCK: (2, 1000),
}
#: seconds that the deed is held up before the kill: an answer that does not wait for the deed is sent by then
HELD: Final[Mapping[Deed, float]] = {Deed.COMMIT: 0.03, Deed.FILE: 0.03}
#: the part of the points that come early: while the dispatcher starts, or with its first requests
EARLY: Final = 0.15


@dataclass(frozen=True, slots=True)
class Point:
    """The `number`-th time, from 1, that something is done."""

    deed: Deed
    number: int

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"{self.deed} {self.number}"


def choose(chance: random.Random) -> Point:
    """Return where the next kill is."""
    deed = chance.choices(list(CHOICES), [weight for weight, _ in CHOICES.values()])[0]
    highest = CHOICES[deed][1]
    return Point(deed, chance.randint(1, max(3, highest // 20) if chance.random() < EARLY else highest))


class Fuse:
    """Kills this process at a point."""

    def __init__(self, point: Point) -> None:
        self._deed = point.deed
        self._left = point.number

    def burn(self, deed: Deed, amount: int = 1) -> None:
        """Count a deed, and die if it is the last."""
        if deed is self._deed:
            self._left -= amount
            if self._left <= 0:
                REAL.pause(HELD.get(deed, 0))
                os.kill(os.getpid(), signal.SIGKILL)

    def lay(self) -> None:
        """Count the deeds of this process from now on; call it before a dispatcher is made."""
        if self._deed in {Deed.STATEMENT, Deed.COMMIT}:
            event.listen(Engine, "connect", self._trace)
        self._watch_commits()
        for name in ("fsync", "replace"):
            setattr(os, name, self._around(getattr(os, name)))
        self._watch_requests()

    def _trace(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.set_trace_callback(self._note_statement)

    def _note_statement(self, text: str) -> None:
        self.burn(Deed.STATEMENT)
        if text == "COMMIT":
            self.burn(Deed.COMMIT)

    def _watch_commits(self) -> None:
        commit = Transactions.commit

        def counted(transactions: Transactions) -> None:
            commit(transactions)
            self.burn(Deed.COMMITTED)

        setattr(Transactions, "commit", counted)  # noqa: B010 - nobody else sees this process

    def _around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            self.burn(Deed.FILE)
            value = function(*args, **named)
            self.burn(Deed.FILE)
            return value

        return counted

    def _watch_requests(self) -> None:
        application, received = table.application, listener._Counted.data_received

        @web.middleware
        async def count_request(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.burn(Deed.REQUEST)
            return await handler(request)

        async def count_reply(_request: web.Request, _response: web.StreamResponse) -> None:
            self.burn(Deed.REPLY)

        def watched(services: Services) -> web.Application:
            app = application(services)
            app.middlewares.append(count_request)
            app.on_response_prepare.append(count_reply)
            return app

        def count_bytes(connection: Any, data: bytes) -> None:
            self.burn(Deed.BYTES, len(data))
            received(connection, data)

        setattr(server, "application", watched)  # noqa: B010 - the module does not export what it imports
        setattr(listener._Counted, "data_received", count_bytes)  # noqa: B010 - nobody else sees this process
