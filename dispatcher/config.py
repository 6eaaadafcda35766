"""The settings of a dispatcher: the section `[dispatcher]` of the configuration."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from dispatcher.admission import DEFAULT_BOUNDS, PeerBounds
from xwhep.config import KindPath, Settings


class DispatcherSettings(Settings):
    """Where the dispatcher listens, what it runs, and how much of it one peer may use."""

    section: ClassVar[str] = "dispatcher"

    #: the address to listen on; 0.0.0.0 stands for all
    host: str = "0.0.0.0"  # noqa: S104 - volunteers come from everywhere; what they may do, certificates decide
    port: Annotated[int, Field(ge=0, le=65535)] = 4380  #: the port to listen on; 0 for any that is free
    #: the kinds of app to run; one of your own by its module's path: `lab.simulation`
    kinds: tuple[KindPath, ...] = ("native", "vanity")
    #: open at the same time, in all; where it is not set, by the descriptors that the system allows
    connections: Annotated[int, Field(ge=8)] | None = None
    #: open connections without a certificate from one address; of IPv6, from one /64
    connections_per_address: Annotated[int, Field(ge=1)] = DEFAULT_BOUNDS.per_address
    connections_per_identity: Annotated[int, Field(ge=1)] = DEFAULT_BOUNDS.per_identity  #: open at the same time
    handshakes: Annotated[int, Field(ge=2)] = DEFAULT_BOUNDS.handshakes  #: of TLS, under way at the same time
    #: use cases that wait for the database; requests that bring more are answered `overloaded`
    waiting: Annotated[int, Field(ge=4)] = DEFAULT_BOUNDS.waiting
    #: accepted in a second, each with a handshake of TLS; others wait in the system's queue
    accepts_per_s: Annotated[float, Field(ge=1, le=100_000)] = DEFAULT_BOUNDS.accepts_per_s
    polls_per_identity: Annotated[int, Field(ge=1)] = DEFAULT_BOUNDS.polls  #: that wait for work at the same time
    #: requests of one identity whose bodies are on their way at the same time; others wait
    bodies_per_identity: Annotated[int, Field(ge=1)] = DEFAULT_BOUNDS.bodies

    def bounds(self) -> PeerBounds:
        """Return how many of each may be open."""
        return PeerBounds(
            connections=self.connections or 0,
            per_address=self.connections_per_address,
            per_identity=self.connections_per_identity,
            handshakes=self.handshakes,
            accepts_per_s=self.accepts_per_s,
            waiting=self.waiting,
            polls=self.polls_per_identity,
            bodies=self.bodies_per_identity,
        )
