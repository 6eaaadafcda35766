"""How much of what may run on this machine at the same time, as its owner and its abilities say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from worker.agent.events import POLL_S
from worker.agent.holdings import Holdings, Traits
from xwhep.protocol.attempts import MAX_ATTEMPTS_AN_EXCHANGE, MAX_WAIT_S

#: how long a poll is held open that asks for less than may run here as soon as a run ends, seconds
BRIEF_POLL_S: Final = 2.0


@dataclass(slots=True)
class Bounds:
    """The bounds of one worker."""

    slots: int  #: attempts that run
    kinds: dict[str, Traits]  #: those that may run here
    most_kept_bytes: int  #: from here on, results that wait for the dispatcher keep more work away
    poll_s: float = POLL_S  #: how long a poll is held open, as the dispatcher said
    paused: bool = False  #: by the owner: what can rest rests, and no more of it is asked for

    def allow(self, kind: str, held: Holdings) -> bool:
        """Tell whether one more attempt of this kind may run beside what is held, paused or not."""
        return kind in self.kinds and self._room(kind, held) > 0

    def askable(self, held: Holdings) -> frozenset[str]:
        """Return the kinds of which one more attempt may be asked for."""
        if held.kept_bytes() >= self.most_kept_bytes:
            return frozenset()
        return frozenset(
            kind
            for kind, traits in self.kinds.items()
            if self.allow(kind, held) and not (self.paused and traits.pausable)
        )

    def at_most(self, asked: frozenset[str], held: Holdings) -> int:
        """Return of how many attempts each may be of any of these kinds, so that none must be given back."""
        return min(*(self._room(kind, held) for kind in asked), MAX_ATTEMPTS_AN_EXCHANGE)

    def _room(self, kind: str, held: Holdings) -> int:
        slots, at_once = self.slots - held.running(), self.kinds[kind].at_once
        return slots if at_once is None else min(slots, at_once - held.running_of(kind))

    def wait_s(self, asked: frozenset[str]) -> float:
        """Return how long a poll for these kinds is held open, seconds."""
        return self.poll_s if asked == self.kinds.keys() else BRIEF_POLL_S

    def hear_wait_s(self, told_s: float | None) -> None:
        """Take in how long the next poll may wait; an older dispatcher does not say, and refuses more than it knows."""
        self.poll_s = POLL_S if told_s is None else min(max(told_s, BRIEF_POLL_S), MAX_WAIT_S)
