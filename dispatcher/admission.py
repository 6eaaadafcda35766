"""Who is let in: connections, handshakes and long polls are counted against bounds.

A connection without a certificate counts for its address, one with a certificate for its identity. So five hundred
volunteers behind one address do not stand in each other's way, and a stranger holds a part of the connections at most.

This module knows no clock, no socket and no event loop.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from xwhep.errors.jobs import BusyError

KeyT = TypeVar("KeyT")

#: how many seconds of accepting wait in the system's queue at most; clients wait twice as long, so that a processor
#: half as fast as `accepts_per_s` foresees loses none of them
BACKLOG_S: Final = 20.0
#: connections that most systems let wait for being accepted. Source: net.core.somaxconn of Linux from 5.4
MOST_BACKLOG: Final = 4096

#: descriptors for the database, the log, the listener and what the process opens besides
RESERVED: Final = 64
#: the bound on all connections unless it is configured: an idle one takes about 70 KiB, so these take 1.1 GB
MOST_CONNECTIONS: Final = 16_384
#: what a volunteer's network is given: of an IPv6 address the first half (RFC 4291, 2.5.4)
_NETWORK_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class PeerBounds:
    """How many of each are open at the same time."""

    connections: int = 0  #: in all; 0: by the descriptors of the process
    #: of one address, without a certificate: half as many handshakes as are under way in all. A handshake takes 3 ms of
    #: a processor, so the volunteers of one address are in after some seconds, also when all come back at once.
    per_address: int = 256
    per_identity: int = 128  #: our own client opens 100 at most
    #: under way: at 3 ms each they end in 1.5 s, and on a processor six times slower within their time limit
    handshakes: int = 512
    #: accepted in a second: a handshake takes 2 to 3 ms of a processor, so half of it is left for requests
    accepts_per_s: float = 200.0
    polls: int = 16  #: long polls of one identity; a worker has one
    #: use cases that wait for the database, in all: about a second of them; requests that bring more are refused
    waiting: int = 2048
    bodies: int = 8  #: JSON bodies of one identity on their way, 1 MiB each; the next ones wait

    @property
    def backlog(self) -> int:
        """Return how many connections wait in the system's queue for being accepted."""
        return max(min(int(self.accepts_per_s * BACKLOG_S), MOST_BACKLOG), 1)

    def within(self, descriptors: int) -> PeerBounds:
        """Return the bounds of a process with so many descriptors.

        A connection may have a file open besides, so half of the descriptors are for connections. One address or one
        identity gets a quarter of the connections at most, and as many as bring a quarter of what may wait for the
        database, so that nobody shuts out everybody.
        """
        connections = self.connections or min(max((descriptors - RESERVED) // 2, 8), MOST_CONNECTIONS)
        handshakes = min(self.handshakes, max(connections // 2, 2))
        return replace(
            self,
            connections=connections,
            handshakes=handshakes,
            per_address=min(self.per_address, handshakes // 2),
            per_identity=min(self.per_identity, max(connections // 4, 1), max(self.waiting // 4, 1)),
        )


DEFAULT_BOUNDS: Final = PeerBounds()


def address_group(address: str) -> str:
    """Return what one person can be expected to have of the address space: an IPv4 address, or an IPv6 network."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, _NETWORK_BITS), strict=False))


@dataclass(slots=True, eq=False)
class Admitted:
    """A connection that is counted."""

    address: str
    identity: str | None = None
    is_shaking_hands: bool = True
    is_open: bool = True


class Admission:
    """The open connections of this process."""

    def __init__(self, bounds: PeerBounds) -> None:
        self._bounds = bounds
        self._addresses: Counter[str] = Counter()
        self._identities: Counter[str] = Counter()
        self.connections = 0
        self.handshakes = 0

    @property
    def has_room_for_a_handshake(self) -> bool:
        """Whether another connection may be accepted now."""
        return self.handshakes < self._bounds.handshakes

    def enter(self, address: str) -> Admitted:
        """Count a new connection, whose handshake begins.

        Raises:
            BusyError: there are too many, of this address or in all.
        """
        if self.connections >= self._bounds.connections:
            raise BusyError("connections", self._bounds.connections)
        if self._addresses[address] >= self._bounds.per_address:
            raise BusyError("connections of one address without a certificate", self._bounds.per_address)
        self.connections += 1
        self.handshakes += 1
        self._addresses[address] += 1
        return Admitted(address)

    def shook_hands(self, admitted: Admitted, identity: str | None) -> None:
        """Note the end of a handshake; `identity` is the key's digest of the certificate, None without one.

        Raises:
            BusyError: this identity has too many connections; `admitted` is counted for its address until it leaves.
        """
        self._end_handshake(admitted)
        if identity is None:
            return
        if self._identities[identity] >= self._bounds.per_identity:
            raise BusyError("connections of one identity", self._bounds.per_identity)
        admitted.identity = identity
        self._identities[identity] += 1
        _count_down(self._addresses, admitted.address)

    def leave(self, admitted: Admitted) -> None:
        """Note the end of a connection; idempotent."""
        if not admitted.is_open:
            return
        admitted.is_open = False
        self.connections -= 1
        self._end_handshake(admitted)
        if admitted.identity is None:
            _count_down(self._addresses, admitted.address)
        else:
            _count_down(self._identities, admitted.identity)

    def _end_handshake(self, admitted: Admitted) -> None:
        self.handshakes -= admitted.is_shaking_hands
        admitted.is_shaking_hands = False


class Pace:
    """When something may begin that begins so many times a second; quiet times save up one beginning at most."""

    def __init__(self, per_s: float) -> None:
        self._gap_s = 1 / per_s
        self._next_at = 0.0

    def wait_s(self, now: float) -> float:
        """Return how many seconds are left until the next may begin; `now` is of a monotonic clock."""
        return max(0.0, self._next_at - now)

    def begin(self, now: float) -> None:
        """Note a beginning; one that came late, since the loop was busy, lets the next come early."""
        self._next_at = max(self._next_at, now - self._gap_s) + self._gap_s


class Holds(Generic[KeyT]):
    """Things that each identity may have a few of at the same time."""

    def __init__(self, what: str, bound: int) -> None:
        self._what = what
        self._bound = bound
        self._held: Counter[KeyT] = Counter()

    @contextlib.contextmanager
    def one(self, identity: KeyT) -> Iterator[None]:
        """Count one while the context lasts.

        Raises:
            BusyError: this identity has as many as it may have.
        """
        if self._held[identity] >= self._bound:
            raise BusyError(self._what, self._bound)
        self._held[identity] += 1
        try:
            yield
        finally:
            _count_down(self._held, identity)


def _count_down(counter: Counter[KeyT], key: KeyT) -> None:
    """Subtract one; what is at 0 is forgotten."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
