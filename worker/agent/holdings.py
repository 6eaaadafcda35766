"""The attempts that a worker answers for, and what follows from them alone.

Nothing is decided here, and nothing changes but by the agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from worker.agent.events import Ref
from worker.agent.pauses import Pause

#: how many ends are delivered at the same time
DELIVERIES: Final = 4
#: how many attempts one heartbeat may name
MAX_BEATING: Final = 1024


@dataclass(frozen=True, slots=True)
class Traits:
    """What must be known of a kind of app to decide about its attempts."""

    pausable: bool = False  #: its runs rest while the owner wants that
    saves: bool = False  #: its runs say how far they are, and an interrupted one goes on from there
    at_once: int | None = None  #: how many may run at the same time; None: as many as there are slots


class Phase(Enum):
    """Where an attempt is on this machine."""

    RUNNING = auto()
    STOPPING = auto()  #: told to stop, still there
    ENDED = auto()  #: kept until acknowledged


@dataclass(slots=True)
class Held:
    """An attempt that this worker answers for."""

    phase: Phase
    kind: str = ""  #: empty for what an earlier worker left, unless it goes on
    traits: Traits = Traits()  #: of its kind
    wanted: bool = True  #: False once the dispatcher took the lease away
    reports: list[int] = field(default_factory=list)  #: numbers of those not acknowledged, oldest first
    sending: bool = False  #: one request about it is under way
    size_bytes: int = 0
    pause: Pause = field(default_factory=Pause)


class Holdings(dict[Ref, Held]):
    """All of them, by name, the oldest first."""

    def running(self) -> int:
        """Return how many have not ended."""
        return sum(held.phase is not Phase.ENDED for held in self.values())

    def running_of(self, kind: str) -> int:
        """Return how many of those are of a kind."""
        return sum(held.kind == kind and held.phase is not Phase.ENDED for held in self.values())

    def saving(self) -> tuple[Ref, ...]:
        """Return the runs that go on and say how far they are."""
        return tuple(ref for ref, held in self.items() if held.traits.saves and held.phase is Phase.RUNNING)

    def pausable(self) -> tuple[Ref, ...]:
        """Return the runs that go on and can rest."""
        return tuple(ref for ref, held in self.items() if held.traits.pausable and held.phase is Phase.RUNNING)

    def kept_bytes(self) -> int:
        """Return how large the results are that wait for the dispatcher."""
        return sum(held.size_bytes for held in self.values())

    def leased(self) -> tuple[Ref, ...]:
        """Return the attempts whose leases are to be prolonged: also of what has ended and is not delivered yet."""
        return tuple(ref for ref, held in self.items() if held.wanted)[:MAX_BEATING]

    def due(self, now: float) -> list[tuple[Ref, Held]]:
        """Return the attempts of which something is to be delivered now: a report, or the end if there is room."""
        room, due = self._room(), []
        for ref, held in self._waiting():
            if now >= held.pause.not_before and (held.reports or room > 0):
                due.append((ref, held))
                room -= not held.reports
        return due

    def delivery_times(self) -> Iterator[float]:
        """Yield when deliveries become due; ends without room wait for others."""
        room = self._room()
        yield from (held.pause.not_before for _, held in self._waiting() if held.reports or room > 0)

    def _waiting(self) -> Iterator[tuple[Ref, Held]]:
        """Yield the attempts that have something to deliver and are not at it."""
        for ref, held in self.items():
            if not held.sending and (held.reports or (held.phase is Phase.ENDED and held.wanted)):
                yield ref, held

    def _room(self) -> int:
        """Return how many more ends may be under way; reports wait for nobody."""
        return DELIVERIES - sum(held.sending and not held.reports for held in self.values())
