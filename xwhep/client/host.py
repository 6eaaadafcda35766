"""What a worker asks of its dispatcher."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from uuid import UUID

from xwhep.client.connection import TIMEOUT_S, Connection
from xwhep.protocol.attempts import (
    AttemptReply,
    Exchange,
    ExchangeReply,
    FinishAttempt,
    Heartbeat,
    HeartbeatReply,
    Lease,
    LeaseReply,
    LeaseRequest,
    Report,
)
from xwhep.protocol.data import MAX_BLOB_BYTES
from xwhep.protocol.jobs import Output

#: how long the dispatcher may be silent about a heartbeat, seconds: from a connection that is dead unnoticed, the next
#: heartbeat still comes before the lease ends
HEARTBEAT_ANSWER_S: Final = 20.0


class HostClient:
    """The interface as a host uses it; each method is one request.

    `work` is the type of what the host can be told to do: a message of `Work`, or a union of several.
    """

    def __init__(self, connection: Connection, work: Any) -> None:
        self._connection = connection
        self._lease_reply: type[LeaseReply[Any]] = LeaseReply[work]
        self._exchange_reply: type[ExchangeReply[Any]] = ExchangeReply[work]
        #: how long the next poll may wait, as the dispatcher said with the last, seconds; None: it did not
        self.next_wait_s: float | None = None

    async def lease(self, request: LeaseRequest) -> Lease[Any] | None:
        """Return work, or None if none came within `request.wait_s` seconds."""
        answer_s = request.wait_s + TIMEOUT_S
        reply = await self._connection.call("POST", "/v1/leases", self._lease_reply, request, answer_s=answer_s)
        self.next_wait_s = reply.wait_s
        return reply.lease

    async def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatReply:
        """Prolong the leases of the attempts named, and learn which of them to stop."""
        return await self._connection.call(
            "POST", "/v1/heartbeats", HeartbeatReply, heartbeat, answer_s=HEARTBEAT_ANSWER_S
        )

    async def exchange(self, exchange: Exchange[Any]) -> ExchangeReply[Any]:
        """Say all that there is to say of attempts, and ask for more."""
        wait_s = exchange.ask.wait_s if exchange.ask is not None and not exchange.says() else 0
        answer_s = wait_s + TIMEOUT_S
        reply = await self._connection.call("POST", "/v1/exchange", self._exchange_reply, exchange, answer_s=answer_s)
        if exchange.ask is not None:
            self.next_wait_s = reply.wait_s
        return reply

    async def fetch(self, job_uid: UUID, attempt: int, digest: str, destination: Path) -> None:
        """Fetch a blob that a live attempt names."""
        path = f"/v1/attempts/{job_uid}/{attempt}/blobs/{digest}"
        await self._connection.download(path, destination, digest=digest, limit_bytes=MAX_BLOB_BYTES)

    async def store(self, job_uid: UUID, attempt: int, output: Output, file: Path) -> None:
        """Upload the content of an output; `finish` then names it."""
        path = f"/v1/attempts/{job_uid}/{attempt}/blobs/{output.digest}"
        await self._connection.upload(path, file, output.size_bytes)

    async def report(self, job_uid: UUID, attempt: int, report: Report) -> AttemptReply:
        """Report what a run has found, at once."""
        return await self._connection.call("POST", f"/v1/attempts/{job_uid}/{attempt}/reports", AttemptReply, report)

    async def finish(self, job_uid: UUID, attempt: int, end: FinishAttempt) -> AttemptReply:
        """Report the end of an attempt; it may be sent again."""
        return await self._connection.call("POST", f"/v1/attempts/{job_uid}/{attempt}/finish", AttemptReply, end)
