"""A host that speaks as workers did before exchanges: each thing is a request of its own. It is served still."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from xwhep.client.connection import TIMEOUT_S, Connection
from xwhep.client.host import HEARTBEAT_ANSWER_S, HostClient
from xwhep.protocol.attempts import (
    AttemptReply,
    FinishAttempt,
    Heartbeat,
    HeartbeatReply,
    Lease,
    LeaseReply,
    LeaseRequest,
    Report,
)


class OlderHost(HostClient):
    """The interface as an older host uses it."""

    def __init__(self, connection: Connection, work: Any) -> None:
        super().__init__(connection, work)
        self._lease_reply: type[LeaseReply[Any]] = LeaseReply[work]
        self.next_wait_s: float | None = None  #: how long the next poll may wait, as the dispatcher said, seconds

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

    async def report(self, job_uid: UUID, attempt: int, report: Report) -> AttemptReply:
        """Report what a run has found, at once."""
        return await self._connection.call("POST", f"/v1/attempts/{job_uid}/{attempt}/reports", AttemptReply, report)

    async def finish(self, job_uid: UUID, attempt: int, end: FinishAttempt) -> AttemptReply:
        """Report the end of an attempt; it may be sent again."""
        return await self._connection.call("POST", f"/v1/attempts/{job_uid}/{attempt}/finish", AttemptReply, end)
