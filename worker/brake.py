"""The owner's pause, as one run meets it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator


class Brake:
    """Lets a run rest, and go on."""

    def __init__(self) -> None:
        self.is_on = False
        self.turns = 0  #: how often it was pulled or released
        self._off = asyncio.Event()
        self._off.set()
        self._heeding: set[Callable[[], None]] = set()

    def turn(self, *, on: bool) -> None:
        """Let the run rest from now on, or go on."""
        if on is not self.is_on:
            self.is_on = on
            self.turns += 1
            (self._off.clear if on else self._off.set)()
            for heed in self._heeding:
                heed()

    async def released(self) -> None:
        """Return once the run may go on: at once unless it shall rest."""
        await self._off.wait()

    @contextlib.contextmanager
    def heeded_by(self, heed: Callable[[], None]) -> Iterator[None]:
        """Call `heed` at each turn until the block ends, and at its beginning if the brake is on."""
        if self.is_on:
            heed()
        self._heeding.add(heed)
        try:
            yield
        finally:
            self._heeding.discard(heed)
