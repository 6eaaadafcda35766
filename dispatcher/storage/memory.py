"""What use cases remember from one transaction to the next, so that they need not read it again.

It is exact, never a little old: the database throws it away when another process has written, when a group of use cases
could not be committed, and when a use case fails that has changed it (see `change`). It is read again then. Only use
cases touch it, and of these only one runs at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from sqlmodel import Session

T = TypeVar("T")

#: in `Session.info`
MEMORY: Final = "memory"


class UseCaseMemory:
    """What is remembered, one object of each type."""

    def __init__(self) -> None:
        self._kept: dict[type[Any], Any] = {}
        self.is_changed = False  #: by the use case that runs

    def recall(self, what: type[T], read: Callable[[], T]) -> T:
        """Return what is remembered of this type; `read` it where nothing is."""
        kept = self._kept.get(what)
        if kept is None:
            kept = self._kept[what] = read()
        return cast("T", kept)

    def forget(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.is_changed = False


def memory_of(session: Session) -> UseCaseMemory:
    """Return the memory of the session's database; a session without one gets its own."""
    found: UseCaseMemory = session.info.setdefault(MEMORY, UseCaseMemory())
    return found


def change(session: Session, what: type[T], read: Callable[[], T]) -> T:
    """Return what is remembered, to change it together with the rows that it stands for."""
    memory = memory_of(session)
    kept = memory.recall(what, read)
    memory.is_changed = True
    return kept
