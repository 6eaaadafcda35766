"""How rivals measure: so many jobs from the first submission to the last end known, by clock and by processors."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import psutil

#: jobs before the clock starts: connections are made and caches filled
WARM_UP_JOBS: Final = 20


@dataclass(frozen=True, slots=True)
class Start:
    """A moment, and the processor seconds until then: of this process, the client, and of the others."""

    at_s: float
    client_s: float
    others_s: float

    @classmethod
    def now(cls, others: Iterable[psutil.Process]) -> Start:
        """Return this moment."""
        return cls(time.monotonic(), time.process_time(), sum(map(_cpu_s, others)))

    def until_now(self, others: Iterable[psutil.Process], jobs: int) -> dict[str, float]:
        """Return what jobs have taken since: seconds, and processor seconds of the client and of all."""
        end = Start.now(others)
        client_s = end.client_s - self.client_s
        all_s = client_s + end.others_s - self.others_s
        return {"jobs": jobs, "wall_s": end.at_s - self.at_s, "client_s": client_s, "all_s": all_s}


def _cpu_s(process: psutil.Process) -> float:
    """Return the processor seconds of a process and of all that it has started."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system + each.children_user + each.children_system for each in times))


def tell(result: Mapping[str, object]) -> None:
    """Print a result as the last line."""
    sys.stdout.write(f"{json.dumps(result)}\n")
