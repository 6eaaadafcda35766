"""What the routes work with: one of each a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import ParamSpec, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from aiohttp import web

from dispatcher.admission import DEFAULT_BOUNDS, Holds, PeerBounds
from dispatcher.authority import Authority
from dispatcher.heard import HeardBook
from dispatcher.kinds.registry import Kinds
from dispatcher.peers import Peers
from dispatcher.storage.blobs import BlobStore
from dispatcher.storage.database import Database
from dispatcher.wakeups import Waiters
from dispatcher.wrong_tokens import WrongTokens
from xwhep.world import REAL, World

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Services:
    """The parts of a running dispatcher."""

    database: Database
    blobs: BlobStore
    authority: Authority
    kinds: Kinds
    bounds: PeerBounds = DEFAULT_BOUNDS
    world: World = REAL
    waiters: Waiters = field(default_factory=Waiters)
    heard: HeardBook = field(default_factory=HeardBook)
    #: set when the end of a batch or of a host may have left something to `housekeeping.follow_up`
    unfinished: asyncio.Event = field(default_factory=asyncio.Event)
    #: held by whoever uploads for an attempt
    uploads: WeakValueDictionary[tuple[UUID, int], asyncio.Lock] = field(default_factory=WeakValueDictionary)
    #: held by whoever reads a JSON body of an identity
    bodies: WeakValueDictionary[UUID, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    #: one thread: of Python's lock it leaves the loop at least a half
    calculations: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1, "calculations"))
    wrong_tokens: WrongTokens = field(init=False)
    polls: Holds[UUID] = field(init=False)
    peers: Peers = field(init=False)

    def __post_init__(self) -> None:
        self.polls = Holds("long polls of one identity", self.bounds.polls)
        self.peers = Peers(self.database)
        self.database.most_waiting = self.bounds.waiting
        self.wrong_tokens = WrongTokens(self.world.monotonic)

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self.world.now()

    async def aside(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that takes milliseconds and touches nothing shared, while the loop serves others."""
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self.calculations, call)

    def close(self) -> None:
        """Finish the use cases that wait, then close the database and end the threads."""
        self.database.close()
        self.calculations.shutdown()


SERVICES = web.AppKey("services", Services)
