"""What this machine can run, found out by trying."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from worker.sandbox.runner import probe
from worker.vanity.process import compile_kernel
from xwhep.errors.base import XwhepError
from xwhep.protocol.apps import Kind

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker tells the dispatcher that it can do."""

    kinds: frozenset[Kind]
    keys_per_s: float  #: of one slot, in a search; 0 if it can run none


async def find_offer(wanted: frozenset[Kind]) -> Offer:
    """Return which of the wanted kinds this machine can run; the log says why not the others."""
    kinds, keys_per_s = set(), 0.0
    for kind in sorted(wanted):
        try:
            keys_per_s = max(keys_per_s, await _TRIALS[kind]())
        except XwhepError as error:
            log.warning("%s jobs cannot run here: %s", kind, error)
        else:
            log.info("%s jobs can run here", kind)
            kinds.add(kind)
    return Offer(frozenset(kinds), keys_per_s)


async def _try_vanity() -> float:
    log.info("the search is compiled for this machine; the first time that takes some seconds")
    compiled = await compile_kernel()
    log.info(
        "the search with %s tries %.2f million keys a second in each slot", compiled.kernel, compiled.keys_per_s / 1e6
    )
    return compiled.keys_per_s


async def _try_native() -> float:
    why = await asyncio.to_thread(probe)
    if why is not None:
        raise XwhepError(why)  # a whole sentence already
    return 0.0


_TRIALS: Final[Mapping[Kind, Callable[[], Awaitable[float]]]] = {
    Kind.NATIVE: _try_native,
    Kind.VANITY: _try_vanity,
}
