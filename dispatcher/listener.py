"""The listener: it accepts connections, lets TLS shake hands, and keeps each of them within its bounds.

An accept loop of our own decides before a handshake begins, which costs 3 ms of a processor, and knows when each
connection ends. Handshakes begin at a bounded rate, so that thousands of hosts that come back at once leave open
connections their turn; the others wait in the system's queue. `Listener.until_next` is the one place that decides when
the next connection is accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import ssl
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final, cast

from dispatcher.admission import Admission, Admitted, Pace, address_group
from dispatcher.routes.door import problem
from dispatcher.services import Services
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import BusyError

LOG = logging.getLogger("dispatcher")

#: where Linux says how many connections may wait for being accepted, of one listening socket
SOMAXCONN: Final = Path("/proc/sys/net/core/somaxconn")
#: seconds within which a handshake must end; a slow line needs 2 round trips and 5 KB
HANDSHAKE_S: Final = 10.0
#: seconds that a peer has to answer TLS's farewell
FAREWELL_S: Final = 5.0
#: seconds until the next try after the system refused a connection: out of descriptors, out of memory
ACCEPT_PAUSE_S: Final = 1.0
#: connections that are refused before what is open gets its turn
BATCH: Final = 32
#: seconds between two lines in the log about the same
LOG_EVERY_S: Final = 60.0
#: more descriptors than a process of this program can use
MOST_DESCRIPTORS: Final = 2**20


def raise_descriptors() -> int:
    """Let this process open as many files and connections as the system lets it; return how many these are."""
    if sys.platform == "win32":
        return MOST_DESCRIPTORS
    import resource  # not there on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says that there is no bound, and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, MOST_DESCRIPTORS)


def listen(listening: socket.socket, backlog: int) -> None:
    """Let so many connections wait for being accepted, and say so in the log where the system allows fewer."""
    listening.listen(backlog)
    listening.setblocking(False)  # noqa: FBT003 - the standard library's signature
    with contextlib.suppress(OSError, ValueError):  # another system than Linux: it tells nobody
        allowed = int(SOMAXCONN.read_text())
        if allowed < backlog:
            LOG.warning(
                "the system lets %d connections wait for being accepted, and %d may come at once; raise it with"
                " `sysctl -w net.core.somaxconn=%d`, or hosts take longer to come back after a restart",
                allowed,
                backlog,
                backlog,
            )


class PacedLog:
    """Warnings that could come a thousand times a second: one of them a minute is written."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._not_before = 0.0
        self._silent = 0

    def warning(self, text: str) -> None:
        """Write the warning, and how many were not written since the last; or count it."""
        if self._monotonic() < self._not_before:
            self._silent += 1
            return
        LOG.warning("%s%s", text, f" (and {self._silent} more like it before)" if self._silent else "")
        self._not_before, self._silent = self._monotonic() + LOG_EVERY_S, 0


class Listener:
    """Accepts the connections of one listening socket."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        http: Callable[[], asyncio.Protocol],
        services: Services,
    ) -> None:
        self._socket = listening
        self._context = context
        self._http = http
        self._peers = services.peers
        self._sleep, self._monotonic = services.world.sleep, services.world.monotonic
        self._handshakes: set[asyncio.Task[None]] = set()
        self._handshake_ended = asyncio.Event()
        self._failures, self._refusals = (PacedLog(services.world.monotonic) for _ in range(2))
        self._pace = Pace(services.bounds.accepts_per_s)
        self.admission = Admission(services.bounds)

    async def serve(self) -> None:
        """Accept connections; for ever."""
        try:
            for number in itertools.count(1):
                await self.until_next(number)
                await self._accept()
        finally:
            for task in self._handshakes:
                task.cancel()
            await asyncio.gather(*self._handshakes, return_exceptions=True)

    async def until_next(self, number: int) -> None:
        """Wait until connection `number` may be accepted; whoever comes meanwhile waits in the system's queue."""
        while not self.admission.has_room_for_a_handshake:
            self._handshake_ended.clear()
            await self._handshake_ended.wait()
        wait_s = self._pace.wait_s(self._monotonic())
        if wait_s or number % BATCH == 0:
            await self._sleep(wait_s)  # a connection that waits is accepted without a pause otherwise

    async def _accept(self) -> None:
        try:
            connection, peer = await asyncio.get_running_loop().sock_accept(self._socket)
        except OSError as error:
            self._failures.warning(f"no connection can be accepted now, trying again: {error.strerror}")
            await self._sleep(ACCEPT_PAUSE_S)
            return
        try:
            admitted = self.admission.enter(address_group(peer[0]))
        except BusyError as refusal:
            connection.close()
            self._refusals.warning(f"a connection from {peer[0]} was refused: {refusal}")
            return
        self._pace.begin(self._monotonic())  # not before: who is refused costs little, and delays nobody
        task = asyncio.create_task(self._shake_hands(connection, admitted))
        self._handshakes.add(task)
        task.add_done_callback(lambda ended: self._note_handshake(ended, connection, admitted))

    async def _shake_hands(self, connection: socket.socket, admitted: Admitted) -> None:
        """Return after the handshake, from where the protocol goes on by itself."""
        protocol = _Counted(
            self._http(), lambda transport: self._let_in(transport, admitted), lambda: self._end(admitted)
        )
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=FAREWELL_S,
            )
        except OSError as error:
            LOG.debug("a handshake with %s failed: %s", admitted.address, error)

    def _note_handshake(self, task: asyncio.Task[None], connection: socket.socket, admitted: Admitted) -> None:
        """Forget the task; where the handshake failed or never began, the protocol does not hear of the end."""
        self._handshakes.discard(task)
        if admitted.is_shaking_hands:
            connection.close()
            self._end(admitted)

    def _let_in(self, transport: asyncio.Transport, admitted: Admitted) -> None:
        certificate = self._peers.certificate(transport)
        try:
            self.admission.shook_hands(admitted, None if certificate is None else certificate.key_digest)
        except BusyError as refusal:
            self._refusals.warning(f"a connection from {admitted.address} was refused: {refusal}")
            raise
        finally:
            self._handshake_ended.set()
        if certificate is not None:
            self._peers.opened(certificate.key_digest, admitted, transport)

    def _end(self, admitted: Admitted) -> None:
        if admitted.identity is not None:
            self._peers.closed(admitted.identity, admitted)
        self.admission.leave(admitted)
        self._handshake_ended.set()


class _Counted(asyncio.Protocol):
    """A connection between TLS and HTTP: `let_in` may refuse it with a BusyError, `end` hears of its end."""

    def __init__(
        self, http: asyncio.Protocol, let_in: Callable[[asyncio.Transport], None], end: Callable[[], None]
    ) -> None:
        self._http = http
        self._let_in = let_in
        self._end = end
        self._is_in = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection on, or answer why not and close it."""
        transport = cast("asyncio.Transport", transport)  # a stream's has its methods; uvloop's is no subclass
        try:
            self._let_in(transport)
        except BusyError as error:
            transport.write(_refusal(error))
            transport.close()
            return
        self._is_in = True
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hand on; what a refused peer sends is dropped."""
        if self._is_in:
            self._http.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on; the transport closes itself otherwise."""
        return self._http.eof_received() if self._is_in else None

    def pause_writing(self) -> None:
        """Hand on."""
        if self._is_in:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        if self._is_in:
            self._http.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Count the connection no more."""
        self._end()
        if self._is_in:
            self._http.connection_lost(error)


def _refusal(error: XwhepError) -> bytes:
    """Return a whole response; the connection never comes as far as to HTTP."""
    response = problem(error)
    body = (response.text or "").encode()
    head = (
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n"
        f"Content-Type: {response.content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
