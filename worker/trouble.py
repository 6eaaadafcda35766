"""What happened, on its way to the agent; and what went wrong, told apart by what it means."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from worker.agent.events import Event
from xwhep.errors.base import RemoteError, XwhepError
from xwhep.errors.jobs import UnavailableError
from xwhep.errors.machines import MachineError
from xwhep.world import REAL, World

log = logging.getLogger(__name__)

#: refusals that no new try changes
FATAL_CODES: Final = frozenset({"revoked", "unknown-identity", "no-certificate", "forbidden", "protocol-too-old"})


def code_of(error: XwhepError) -> str:
    """Return the code of an error, also of one that this version knows only by name."""
    return error.remote_code if isinstance(error, RemoteError) else error.code


def is_fatal(error: XwhepError) -> bool:
    """Tell whether a refusal ends the worker."""
    return code_of(error) in FATAL_CODES


def status_of(error: XwhepError) -> int:
    """Return the HTTP status of an error, also of one that this version knows only by name."""
    return error.remote_status if isinstance(error, RemoteError) else error.http_status


def told(error: XwhepError | OSError) -> str:
    """Return what others may hear of an error: of this machine its trouble, not the names of its folders."""
    if isinstance(error, MachineError):  # in the words of programs that ran here
        return f"the machine could not do it ({error.code}): its own log says why"
    if isinstance(error, XwhepError):
        return str(error)
    return f"the machine could not do it: {error.strerror or 'its own log says why'}"


class Mailbox:
    """What the tasks of the shell tell the daemon."""

    def __init__(self, world: World = REAL) -> None:
        self.world = world  #: of the program
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.unreachable = asyncio.Event()  #: the dispatcher did not answer; perhaps for this machine's certificate
        self.fatal: XwhepError | None = None  #: what ends the worker

    def tell(self, make: Callable[..., Event], *values: object) -> None:
        """Tell the agent what happened, now."""
        self.events.put_nowait(make(self.world.monotonic(), *values))

    def note(self, error: XwhepError, doing: str) -> None:
        """Sort what went wrong with a request: what passes, what ends the worker, and what a person should see."""
        if isinstance(error, UnavailableError):
            log.debug("%s: %s", doing, error)
            self.unreachable.set()
        elif is_fatal(error):
            self.fatal = error
        else:
            log.warning("%s: %s", doing, error)
            self.unreachable.set()
