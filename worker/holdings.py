"""The attempts that a worker answers for, and what follows from them alone.

Nothing is decided here, and nothing changes but by the agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from worker.events import Ref
from worker.pauses import Pause
from xwhep.protocol.apps import Kind

#: how many ends are delivered at the same time
DELIVERIES: Final = 4
#: how many attempts one heartbeat may name
MAX_BEATING: Final = 1024


class Phase(Enum):
    """Where an attempt is on this machine."""

    RUNNING = auto()
    STOPPING = auto()  #: told to stop, still there
    ENDED = auto()  #: kept until acknowledged


@dataclass(slots=True)
class Held:
    """An attempt that this worker answers for."""

    phase: Phase
    kind: Kind | None = None  #: None of what an earlier worker left
    wanted: bool = True  #: False once the dispatcher took the lease away
    hits: list[int] = field(default_factory=list)  #: numbers of those not acknowledged, oldest first
    sending: bool = False  #: one request about it is under way
    size_bytes: int = 0
    pause: Pause = field(default_factory=Pause)


class Holdings(dict[Ref, Held]):
    """All of them, by name, the oldest first."""

    def running(self) -> int:
        """Return how many have not ended."""
        return sum(held.phase is not Phase.ENDED for held in self.values())

    def searches(self) -> int:
        """Return how many of those are searches."""
        return sum(held.kind is Kind.VANITY and held.phase is not Phase.ENDED for held in self.values())

    def searching(self) -> tuple[Ref, ...]:
        """Return the searches that go on."""
        return tuple(ref for ref, held in self.items() if held.kind is Kind.VANITY and held.phase is Phase.RUNNING)

    def kept_bytes(self) -> int:
        """Return how large the results are that wait for the dispatcher."""
        return sum(held.size_bytes for held in self.values())

    def leased(self) -> tuple[Ref, ...]:
        """Return the attempts whose leases are to be prolonged: also of what has ended and is not delivered yet."""
        return tuple(ref for ref, held in self.items() if held.wanted)[:MAX_BEATING]

    def waiting(self) -> Iterator[tuple[Ref, Held]]:
        """Yield the attempts that have something to deliver and are not at it."""
        for ref, held in self.items():
            if not held.sending and (held.hits or (held.phase is Phase.ENDED and held.wanted)):
                yield ref, held

    def room(self) -> int:
        """Return how many more ends may be under way; hits wait for nobody."""
        return DELIVERIES - sum(held.sending and not held.hits for held in self.values())
