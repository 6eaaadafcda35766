"""On which processors a bench's load runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from tests.bench.dispatcher_grid import DISPATCHER_CPU


@contextlib.contextmanager
def load_apart() -> Iterator[None]:
    """Keep this process, and those that it starts, off the dispatcher's processor, if there is another."""
    with _on(os.sched_getaffinity(0) - {DISPATCHER_CPU}):
        yield


@contextlib.contextmanager
def two_processors() -> Iterator[frozenset[int]]:
    """Keep this process, and those that it starts, on the dispatcher's processor and on one other; return the two."""
    others = sorted(os.sched_getaffinity(0) - {DISPATCHER_CPU})
    chosen = {DISPATCHER_CPU, *others[:1]}
    with _on(chosen):
        yield frozenset(chosen)


@contextlib.contextmanager
def _on(processors: set[int]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
