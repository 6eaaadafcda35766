"""How all that a worker has to say is divided into exchanges, and outputs into those inside and those ahead."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from worker.agent.events import Poll, SendEnd, SendHeartbeat, SendReports
from xwhep.protocol.attempts import (
    MAX_SMALL_BYTES,
    MAX_SMALL_BYTES_IN_ALL,
    MAX_SMALL_CONTENTS,
    ExchangedEnd,
    ExchangedReport,
    FinishAttempt,
)
from xwhep.protocol.jobs import Output

#: outputs in an exchange that says more, at most, bytes: on a slow line more would hold up its heartbeat. The end of an
#: attempt with larger outputs goes alone
ALONG_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class End:
    """The end of an attempt, and how its outputs travel."""

    said: SendEnd
    message: FinishAttempt
    inside: list[Output] = field(default_factory=list)  #: in the exchange
    ahead: list[Output] = field(default_factory=list)  #: before it: they are too large, or too many

    @classmethod
    def of(cls, said: SendEnd, message: FinishAttempt) -> End:
        """Divide the outputs."""
        end, room = cls(said, message), MAX_SMALL_BYTES_IN_ALL
        for output in {output.digest: output for output in message.outputs}.values():
            if output.size_bytes <= min(MAX_SMALL_BYTES, room) and len(end.inside) < MAX_SMALL_CONTENTS:
                end.inside.append(output)
                room -= output.size_bytes
            else:
                end.ahead.append(output)
        return end

    def inside_bytes(self) -> int:
        """Return the size of the outputs inside the exchange."""
        return sum(output.size_bytes for output in self.inside)


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports of an attempt that are to be sent, and those that can be."""

    said: SendReports
    sent: dict[int, ExchangedReport[Any]]  #: by number; the others cannot be read any more


@dataclass(slots=True)
class Turn:
    """One exchange, before it is sent."""

    reports: list[Reports] = field(default_factory=list)
    ends: list[tuple[SendEnd, ExchangedEnd]] = field(default_factory=list)
    beat: SendHeartbeat | None = None
    poll: Poll | None = None

    def report_count(self) -> int:
        """Return how many reports it has."""
        return sum(len(some.sent) for some in self.reports)

    def each(self) -> list[Turn]:
        """Return an exchange for each thing that this one says or asks; the reports of an attempt are one."""
        return [
            *(Turn(reports=[some]) for some in self.reports),
            *(Turn(ends=[end]) for end in self.ends),
            *([Turn(beat=self.beat)] if self.beat is not None else []),
            *([Turn(poll=self.poll)] if self.poll is not None else []),
        ]


@dataclass(slots=True)
class Turns:
    """The exchanges that say all that is due."""

    together: Turn
    alone: list[Turn] = field(default_factory=list)
    large: list[End] = field(default_factory=list)  #: each alone too, after its outputs
    room_bytes: int = ALONG_BYTES  #: for outputs in the first
