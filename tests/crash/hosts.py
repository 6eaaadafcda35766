"""The hosts of the load under which a dispatcher is killed: such as workers are, and older ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from tests.crash.history import (
    Beat,
    Content,
    Exchanged,
    Finish,
    Given,
    Poll,
    Record,
    Ref,
    Request,
    Upload,
    given,
    parts,
    parts_of,
)
from tests.crash.load import Client, Life
from xwhep.protocol.attempts import MAX_SMALL_BYTES, Outcome

#: the outcomes that hosts report, and their weights
OUTCOMES: Final = {Outcome.FINISHED: 8, Outcome.LOST: 1, Outcome.FAILED: 1}
#: bytes of an output, and their weights; the dispatcher takes many reads for the largest
SIZES: Final = {6: 10, 2_000: 5, MAX_SMALL_BYTES: 1, 200_000: 1}
#: how many outputs an attempt has, by chance
COUNTS: Final = (0, 1, 1, 2)
#: attempts of a connection at once: their outputs, each as large as may travel inside, are what one exchange may carry
MOST_HELD: Final = 4
#: seconds that a poll is held open
WAIT_S: Final = 1.0
#: how often a host that says something asks for more in the same exchange
ASKS_AT_ONCE: Final = 0.7
#: the part of the running attempts that end with the next exchange
ENDS_NOW: Final = 0.8


@dataclass(slots=True)
class Held:
    """An attempt that a host runs."""

    attempt: Ref
    is_begun: bool  #: its progress was told, or need not be
    outputs: dict[Content, bytes]
    uploaded: set[Content] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Host(Client):
    """Leases jobs and brings their results."""

    small_bytes: ClassVar[int]  #: an output of at most so many travels with the end; larger ones are uploaded

    held: list[Held] = field(default_factory=list, init=False)

    def lease(self, at_most: int = 1) -> Poll:
        """Ask for work."""
        return Poll(self.uid, WAIT_S, at_most)

    def heartbeat(self, held: Held) -> Beat:
        """Say how far an attempt is."""
        return Beat(self.uid, held.attempt, round(self.chance.random(), 3))

    def upload(self) -> Upload | None:
        """Upload an output of an attempt; None: all that are large enough are there."""
        for held in self.held:
            for content, body in held.outputs.items():
                if content.size_bytes > self.small_bytes and content not in held.uploaded:
                    return Upload(self.uid, held.attempt, content, body)
        return None

    def finish(self, held: Held) -> Finish:
        """End an attempt, with its outputs."""
        outcome = self.chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
        if outcome is Outcome.LOST:
            return Finish(self.uid, held.attempt, outcome)
        outputs = tuple((f"out/{number}", content) for number, content in enumerate(held.outputs))
        inside = tuple(body for body in held.outputs.values() if len(body) <= self.small_bytes)
        return Finish(self.uid, held.attempt, outcome, outputs, inside)

    def take(self, record: Record) -> None:
        """Take an answer in."""
        Client.take(self, record)  # `super()` does not know classes that slots have made anew
        for part in parts_of([record]):
            self._take(part)

    def _take(self, record: Record) -> None:
        match record.request:
            case Poll():
                self.held += map(self._begun, given([record]))
            case Beat(attempt=attempt):
                for held in self._named(attempt):
                    held.is_begun = True
            case Upload(attempt=attempt, content=content):
                for held in self._named(attempt):
                    held.uploaded.add(content)
            case Finish(attempt=attempt):
                self._forget(attempt)

    def give_up(self) -> None:
        """Forget the unanswered request: attempts that it ended may have ended, and what it uploaded is of no use."""
        for part in () if self.pending is None else parts(self.pending):
            match part:
                case Finish(attempt=attempt):
                    self._forget(attempt)
                    self.last = None
                case Upload(attempt=attempt, content=content):
                    for held in self._named(attempt):
                        held.outputs.pop(content, None)
        Client.give_up(self)

    def _named(self, attempt: Ref) -> list[Held]:
        return [held for held in self.held if held.attempt == attempt]

    def _forget(self, attempt: Ref) -> None:
        self.held = [held for held in self.held if held.attempt != attempt]

    def _begun(self, lease: Given) -> Held:
        sizes = self.chance.choices(list(SIZES), list(SIZES.values()), k=self.chance.choice(COUNTS))
        bodies = [self.chance.randbytes(size) for size in sizes]
        return Held(lease.attempt, self.chance.random() < 0.5, {Content.of(body): body for body in bodies})


@dataclass(slots=True, eq=False)
class OlderHost(Host):
    """Says one thing a request, of one attempt at a time, and uploads each output."""

    small_bytes = 0

    async def next(self, _life: Life) -> Request:
        """Return the next request of a host's life."""
        return self.unfinished() or self.lease()

    def unfinished(self) -> Request | None:
        """Return the next request for the attempt that is held."""
        for held in self.held:
            return self.upload() or self.finish(held) if held.is_begun else self.heartbeat(held)
        return None


@dataclass(slots=True, eq=False)
class ExchangingHost(Host):
    """Says all that is due of its attempts in one exchange, and asks for several."""

    small_bytes = MAX_SMALL_BYTES

    async def next(self, _life: Life) -> Request:
        """Return the next request of a host's life."""
        request = self.unfinished() or Exchanged(self.uid)
        if not isinstance(request, Exchanged):
            return request
        room = MOST_HELD - len(self.held) + len(request.ends)
        if not self.held or (room and self.chance.random() < ASKS_AT_ONCE):
            return replace(request, ask=self.lease(self.chance.randint(1, room)))
        return request

    def unfinished(self) -> Request | None:
        """Return the next request for the attempts that are held."""
        if not self.held:
            return None
        return self.upload() or self.exchange()

    def exchange(self) -> Exchanged:
        """End some attempts, and say how far the others are."""
        ending = [held for held in self.held if held.is_begun and self.chance.random() < ENDS_NOW]
        going_on = [held for held in self.held if held not in ending]
        return Exchanged(self.uid, tuple(map(self.finish, ending)), tuple(map(self.heartbeat, going_on)))
