"""The built-in kinds of app, as tests name them and read what they tell."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from dispatcher.kinds.registry import Kinds
from xwhep.protocol.attempts import Lease
from xwhep.protocol.base import union_of
from xwhep.protocol.batches import BatchView
from xwhep.protocol.native import NativeWork
from xwhep.vanity.messages import SearchView, VanityWork, search_of

NATIVE: Final = "native"
VANITY: Final = "vanity"
ALL_KINDS: Final = (NATIVE, VANITY)
#: as a dispatcher loads them
KINDS: Final = Kinds.load()
#: what a host that takes all kinds can be told to do
WORK: Final = union_of([NativeWork, VanityWork])

AnyLease: TypeAlias = Lease[Any]


def searched(batch: BatchView) -> SearchView:
    """Return how far the search is that a batch is."""
    search = search_of(batch)
    assert search is not None
    return search
