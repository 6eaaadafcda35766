"""Another process that writes to a database, and takes its time: whoever else would write waits."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def another_writes(file: Path) -> Iterator[sqlite3.Connection]:
    """Hold the one write transaction of a file; what was written in it is rolled back unless it was committed."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as beside:
        beside.execute("BEGIN IMMEDIATE")
        try:
            yield beside
        finally:
            if beside.in_transaction:
                beside.execute("ROLLBACK")
