"""What this machine can run, found out by trying."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from worker.runs.registry import Runners
from xwhep.errors.base import XwhepError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker tells the dispatcher that it can do."""

    kinds: Runners  #: all that are loaded: what an earlier worker left may be of any
    usable: frozenset[str]  #: names of those that this machine can run


async def find_offer(kinds: Runners) -> Offer:
    """Return which of these kinds this machine can run; the log says why not the others."""
    usable = set()
    for name, runner in sorted(kinds.items()):
        try:
            await runner.probe()
        except XwhepError as error:
            log.warning("%s jobs cannot run here: %s", name, error)
        else:
            log.info("%s jobs can run here", name)
            usable.add(name)
    return Offer(kinds, frozenset(usable))
