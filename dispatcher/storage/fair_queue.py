"""A queue in which each member has a line of its own, so that nobody waits for all requests of another."""

from __future__ import annotations

import threading
from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from uuid import UUID

T = TypeVar("T")

#: a request up to this size is short: a millisecond's work or so
SHORT_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """The member that a request came from, and the size of its body: longer requests are more work."""

    uid: UUID
    size_bytes: int = 0


#: of the request that is being answered; None: the dispatcher itself has something to do
ORIGIN: Final[ContextVar[Origin | None]] = ContextVar("origin", default=None)


class FairQueue(Generic[T]):
    """Items that wait, in one line for each member; the lines take turns, and so do long requests and short ones.

    Any thread may use it.
    """

    def __init__(self) -> None:
        self._short, self._long = _Lines[T](), _Lines[T]()
        self._was_long = False  #: what was taken last
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many wait."""
        return self._short.count + self._long.count

    def put(self, item: T) -> None:
        """Let an item wait, in the line of the member whose request is being answered."""
        origin = ORIGIN.get()
        with self._lock:
            lines = self._long if origin is not None and origin.size_bytes > SHORT_BYTES else self._short
            lines.put(None if origin is None else origin.uid, item)

    def take(self, at_most: int) -> list[T]:
        """Return the items whose turn it is: one of a long request, or so many of short ones."""
        with self._lock:
            self._was_long = bool(self._long.count) and not (self._was_long and self._short.count)
            return self._long.take(1) if self._was_long else self._short.take(at_most)


class _Lines(Generic[T]):
    """One line for each member."""

    def __init__(self) -> None:
        self.count = 0
        self._lines: dict[UUID | None, deque[T]] = {}  #: whose turn it is comes first

    def put(self, uid: UUID | None, item: T) -> None:
        self._lines.setdefault(uid, deque()).append(item)
        self.count += 1

    def take(self, at_most: int) -> list[T]:
        taken: list[T] = []
        while self._lines and len(taken) < at_most:
            uid = next(iter(self._lines))
            line = self._lines.pop(uid)
            taken.append(line.popleft())
            if line:
                self._lines[uid] = line  # behind all others
        self.count -= len(taken)
        return taken
