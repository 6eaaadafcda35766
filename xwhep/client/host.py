"""What a worker asks of its dispatcher."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from uuid import UUID

from xwhep.client.connection import TIMEOUT_S, Connection
from xwhep.protocol.attempts import Exchange, ExchangeReply
from xwhep.protocol.data import MAX_BLOB_BYTES
from xwhep.protocol.jobs import Output

#: how long the dispatcher may be silent about progress, seconds: from a connection that is dead unnoticed, the next
#: heartbeat still comes before the lease ends
HEARTBEAT_ANSWER_S: Final = 20.0


class HostClient:
    """The interface as a host uses it; each method is one request.

    `work` is the type of what the host can be told to do: a message of `Work`, or a union of several.
    """

    def __init__(self, connection: Connection, work: Any) -> None:
        self._connection = connection
        self._exchange_reply: type[ExchangeReply[Any]] = ExchangeReply[work]

    async def exchange(self, exchange: Exchange[Any]) -> ExchangeReply[Any]:
        """Say all that there is to say of attempts, and ask for more."""
        answer_s = HEARTBEAT_ANSWER_S if exchange.progress else TIMEOUT_S
        if exchange.ask is not None and not exchange.says():
            answer_s += exchange.ask.wait_s
        return await self._connection.call("POST", "/v1/exchange", self._exchange_reply, exchange, answer_s=answer_s)

    async def fetch(self, job_uid: UUID, attempt: int, digest: str, destination: Path) -> None:
        """Fetch a blob that a live attempt names."""
        path = f"/v1/attempts/{job_uid}/{attempt}/blobs/{digest}"
        await self._connection.download(path, destination, digest=digest, limit_bytes=MAX_BLOB_BYTES)

    async def store(self, job_uid: UUID, attempt: int, output: Output, file: Path) -> None:
        """Upload the content of an output; the end of the attempt then names it."""
        path = f"/v1/attempts/{job_uid}/{attempt}/blobs/{output.digest}"
        await self._connection.upload(path, file, output.size_bytes)
