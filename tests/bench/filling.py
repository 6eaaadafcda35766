"""Rows for load by SQL beside a server: as many as no client would send in a bench's time."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

#: rows a transaction: the server's own writes wait for one at most
ROWS_AT_A_TIME: Final = 20_000
#: an id of version 7 as clients make it, one each millisecond. Source: RFC 9562, 5.7
UID: Final = (
    "lower(printf('%012x', 1767225600000 + n) || '7' || substr(hex(randomblob(2)), 2)"
    " || '8' || substr(hex(randomblob(2)), 2) || hex(randomblob(6)))"
)


def fill_jobs(file: Path, count: int, columns: Mapping[str, str]) -> None:
    """Add jobs like the first one that there is; `columns` says which differ, as SQL in which `n` counts up.

    A thousand of them were submitted at each second, as by requests of a thousand.
    """
    with contextlib.closing(sqlite3.connect(file, isolation_level=None, timeout=60)) as database:
        names = [row[1] for row in database.execute("PRAGMA table_info(jobs)")]
        second = "strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', '+' || (n / 1000) || ' seconds') || '.000000'"
        values = {"uid": UID, "submitted_at": second, **columns}
        places = ", ".join(values.get(name, f"first.{name}") for name in names)
        numbers = "WITH RECURSIVE numbers(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)"
        first = "(SELECT * FROM jobs ORDER BY rowid LIMIT 1) AS first"
        adding = f"{numbers} INSERT INTO jobs ({', '.join(names)}) SELECT {places} FROM numbers, {first}"  # noqa: S608
        for start in range(0, count, ROWS_AT_A_TIME):
            database.execute("BEGIN IMMEDIATE")
            database.execute(adding, (start, min(start + ROWS_AT_A_TIME, count)))
            database.execute("COMMIT")


def fill_batch(file: Path, batch_uid: str, count: int) -> None:
    """Add jobs that wait to a batch, and count them."""
    uid = batch_uid.replace("-", "")
    fill_jobs(file, count, {"batch_uid": f"'{uid}'", "status": "'pending'", "attempts_wanted": "1"})
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as database:
        database.execute("UPDATE batches SET jobs_pending = jobs_pending + ? WHERE uid = ?", (count, uid))
        database.commit()


def has_open_jobs(file: Path, batch_uid: str) -> bool:
    """Tell whether jobs of a batch have not ended, by their rows."""
    looking = "SELECT EXISTS (SELECT 1 FROM jobs WHERE batch_uid = ? AND status IN ('pending', 'running'))"
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as database:
        (found,) = database.execute(looking, (batch_uid.replace("-", ""),)).fetchone()
    return bool(found)
