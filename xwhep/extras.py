"""Libraries that not everybody has installed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from xwhep.errors.installations import MissingExtraError

#: the packages of this distribution
OURS: Final = frozenset({"xwhep", "dispatcher", "worker", "oracle"})


@contextlib.contextmanager
def needing(extra: str) -> Iterator[None]:
    """Import in this block what an extra of the distribution brings.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OURS:
            raise  # a fault of ours, which no installation cures
        raise MissingExtraError(extra, error.name) from error
