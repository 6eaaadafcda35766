"""Whole lives of jobs, as a user and a host send them: submissions and exchanges, or the older requests."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from tests.bench.dispatcher_grid import LoadedGrid
from tests.bench.dispatcher_server import BARE_BYTES, BARE_PATH
from tests.bench.wire import Wire
from xwhep.protocol.attempts import PROTOCOL
from xwhep.world import REAL

OUTPUT: Final = b"hello\n"
OUTPUT_DIGEST: Final = hashlib.sha256(OUTPUT).hexdigest()
OUTPUTS: Final = ({"name": "stdout", "digest": OUTPUT_DIGEST, "size_bytes": len(OUTPUT)},)
POLL: Final = json.dumps(
    {"protocol": PROTOCOL, "os": "linux", "cpu": "x86_64", "kinds": {"native": {}}, "wait_s": 0}
).encode()
#: a poll inside an exchange, and the end of an attempt that leaves a small output
ASK: Final = json.loads(POLL)
END: Final = {
    "outcome": "finished",
    "exit_status": 0,
    "outputs": list(OUTPUTS),
    "contents": [base64.b64encode(OUTPUT).decode()],
}


@dataclass(frozen=True, slots=True)
class Lane:
    """One user and one host who take turns: one request of the two is on its way at any time."""

    app_uid: str
    user: Wire
    host: Wire

    @classmethod
    async def open(cls, grid: LoadedGrid, number: int) -> Lane:
        """Connect both."""
        return cls(str(grid.app.uid), await grid.as_user(), await grid.as_host(number))

    def close(self) -> None:
        """Close both connections."""
        self.user.close()
        self.host.close()

    async def bare(self) -> int:
        """Ask what costs a request and nothing else."""
        await self.host.ask("POST", BARE_PATH, bytes(BARE_BYTES))
        return 1

    async def job(self) -> int:
        """Let one job live from its submission to its end."""
        await self.submit(1)
        job_uid, attempt = await self.lease()
        await self.heartbeat(job_uid, attempt)
        await self.finish(job_uid, attempt, [])
        return 1

    async def exchanged(self) -> int:
        """Let one job live that leaves a small output, by exchanges."""
        return await self.exchanged_at_once(1)

    async def exchanged_tens(self) -> int:
        """Let ten jobs live at once, by exchanges."""
        return await self.exchanged_at_once(10)

    async def exchanged_at_once(self, count: int) -> int:
        """Let jobs live that leave a small output each: one submission, and three exchanges, for all of them."""
        await self.submit(count)
        leases = (await self.exchange(ask=ASK | {"at_most": count}))["leases"]
        named = [{"job_uid": lease["job_uid"], "attempt": lease["attempt"]} for lease in leases]
        assert len(named) == count, "each lane finds the jobs of its own submission, or others"
        reply = await self.exchange(progress=[name | {"fraction": 0.5} for name in named])
        assert reply["stop"] == [], "the attempts are live"
        reply = await self.exchange(ends=[name | END for name in named])
        assert all(end["reply"] for end in reply["ends"]), "each end is accepted"
        return count

    async def exchange(self, **said: Any) -> dict[str, Any]:
        """Say something of attempts, or ask for some."""
        reply: dict[str, Any] = await self.host.call("POST", "/v1/exchange", said)
        return reply

    async def job_with_output(self) -> int:
        """Let one job live that leaves a small output, uploaded."""
        await self.submit(1)
        job_uid, attempt = await self.lease()
        await self.heartbeat(job_uid, attempt)
        await self.host.ask("PUT", f"/v1/attempts/{job_uid}/{attempt}/blobs/{OUTPUT_DIGEST}", OUTPUT, expected=(204,))
        await self.finish(job_uid, attempt, list(OUTPUTS))
        return 1

    async def submit(self, count: int) -> None:
        """Submit jobs in one request."""
        jobs = [{"uid": str(REAL.new_uid()), "app_uid": self.app_uid} for _ in range(count)]
        await self.user.call("POST", "/v1/jobs", {"jobs": jobs}, expected=(201,))

    async def submitted_in_bulk(self) -> int:
        """Submit as many jobs as a request may bring."""
        await self.submit(1000)
        return 1000

    async def lease(self) -> tuple[str, int]:
        """Lease a job; there is one."""
        lease: dict[str, Any] = (await self.host.ask("POST", "/v1/leases", POLL)).json()["lease"]
        return str(lease["job_uid"]), int(lease["attempt"])

    async def heartbeat(self, job_uid: str, attempt: int) -> None:
        """Tell how far an attempt is."""
        progress = {"job_uid": job_uid, "attempt": attempt, "fraction": 0.5}
        reply = await self.host.call("POST", "/v1/heartbeats", {"attempts": [progress]})
        assert reply["stop"] == [], "the attempt is live"

    async def finish(self, job_uid: str, attempt: int, outputs: list[dict[str, Any]]) -> None:
        """End an attempt with its result."""
        end = {"outcome": "finished", "exit_status": 0, "outputs": outputs}
        await self.host.call("POST", f"/v1/attempts/{job_uid}/{attempt}/finish", end)
