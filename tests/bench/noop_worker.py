"""A worker process whose jobs do nothing: it asks and reports over mutual TLS, and runs no program.

`python -m tests.bench.noop_worker PORT IDENTITY GROUPS SLOTS WARM_UP_JOBS JOBS` prints `ready` once it is connected,
`warm` when it has ended the first jobs, and `done` when it has ended all. Each group of slots asks for as many jobs as
it has slots, runs them, reports all of them, and asks again.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from dispatcher.loops import new_event_loop
from tests.bench.wire import Wire
from xwhep.pki.contexts import client_context
from xwhep.pki.identity import load_identity
from xwhep.protocol.attempts import PROTOCOL

Attempt: TypeAlias = tuple[str, int]
#: seconds that an exchange of an idle group is held open
WAIT_S: Final = 10
_ABLE: Final = {"protocol": PROTOCOL, "os": "linux", "cpu": "x86_64", "kinds": {"native": {}}}
_END: Final = {"outcome": "finished", "exit_status": 0}


@dataclass(frozen=True, slots=True)
class SlotGroup:
    """Slots that report and ask together."""

    wire: Wire
    slots: int

    async def exchange(self, ended: list[Attempt]) -> list[Attempt]:
        """Report ends, and ask for as many jobs as there are slots; with nothing to report wait until there is one."""
        ends = [{"job_uid": job_uid, "attempt": number, **_END} for job_uid, number in ended]
        ask = {**_ABLE, "at_most": self.slots, "wait_s": WAIT_S}
        leases = (await self.wire.call("POST", "/v1/exchange", {"ends": ends, "ask": ask}))["leases"]
        return [(str(lease["job_uid"]), int(lease["attempt"])) for lease in leases]


def noop() -> None:
    """Do nothing: the job."""


def tell(word: str) -> None:
    """Print how far this is."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def work(port: int, identity: Path, shape: tuple[int, int], milestones: dict[int, str]) -> None:
    """Run jobs until killed; `shape` is how many groups of how many slots, `milestones` what is told after how many."""
    context = client_context(load_identity(identity, "the bench"))
    groups, slots = shape
    connected = [SlotGroup(await Wire.open(port, context), slots) for _ in range(groups)]
    tell("ready")
    tally = Counter[str]()

    async def go_on(group: SlotGroup) -> None:
        attempts: list[Attempt] = []
        while True:
            ended = attempts
            attempts = await group.exchange(ended)
            for _ in ended:
                tally["ended"] += 1
                if (word := milestones.get(tally["ended"])) is not None:
                    tell(word)
            for _ in attempts:
                noop()

    await asyncio.gather(*map(go_on, connected))


def main() -> None:
    """Work."""
    port, identity, groups, slots, warm_up_jobs, jobs = sys.argv[1:]
    milestones = {int(warm_up_jobs): "warm", int(warm_up_jobs) + int(jobs): "done"}
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(work(int(port), Path(identity), (int(groups), int(slots)), milestones))


if __name__ == "__main__":
    main()
