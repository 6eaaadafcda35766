"""How much of what may run on this machine at the same time, as its owner and its abilities say."""

from __future__ import annotations

from dataclasses import dataclass

from worker.holdings import Holdings
from xwhep.protocol.apps import Kind


@dataclass(slots=True)
class Bounds:
    """The bounds of one worker."""

    slots: int  #: attempts that run
    threads: int  #: of them, searches
    kinds: frozenset[Kind]
    most_kept_bytes: int  #: from here on, results that wait for the dispatcher keep more work away
    paused: bool = False  #: no searches are asked for; those that run are for the shell to pause

    def allow(self, kind: Kind, held: Holdings) -> bool:
        """Tell whether one more attempt of this kind may run beside what is held, paused or not."""
        has_thread = kind is not Kind.VANITY or held.searches() < self.threads
        return kind in self.kinds and held.running() < self.slots and has_thread

    def askable(self, held: Holdings) -> frozenset[Kind]:
        """Return the kinds of which one more attempt may be asked for."""
        if held.kept_bytes() >= self.most_kept_bytes:
            return frozenset()
        kinds = self.kinds - {Kind.VANITY} if self.paused else self.kinds
        return frozenset(kind for kind in kinds if self.allow(kind, held))
