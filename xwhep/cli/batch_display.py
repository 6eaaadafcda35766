"""How a batch is shown to people: its jobs, and what a kind of batch adds.

A kind that adds something has a line in `KINDS`; its module is imported when such a batch is met.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Final

from xwhep.lifecycle import is_final
from xwhep.protocol.batches import BatchView

#: of each kind of batch that is not told by its jobs, `module:function`, which takes a BatchView and gives a Display
KINDS: Final[Mapping[str, str]] = MappingProxyType({"search": "xwhep.cli.vanity.searches:display_batch"})


@dataclass(frozen=True, slots=True)
class Display:
    """How far a batch is."""

    fraction: float  #: 0 to 1
    words: str  #: a few, beside a bar
    details: str = ""  #: lines that follow those on every batch


def display(batch: BatchView) -> Display:
    """Return how far a batch is."""
    target = KINDS.get(batch.kind)
    if target is None:
        return _display_jobs(batch)
    module, name = target.split(":")
    shown: Display = getattr(import_module(module), name)(batch)
    return shown


def _display_jobs(batch: BatchView) -> Display:
    total = sum(batch.jobs.values())
    ended = sum(count for status, count in batch.jobs.items() if is_final(status))
    return Display(ended / total if total else 0.0, f"{ended} of {total} ended")
