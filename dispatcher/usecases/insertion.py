"""Jobs written down, and counted in their batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import insert
from sqlmodel import Session

from dispatcher.storage.tables import Job
from dispatcher.usecases.counts import Move, note_moves
from xwhep.lifecycle import Status
from xwhep.sql.prepared import PreparedWrite

_INSERT_JOB: Final = PreparedWrite(insert(Job))
#: of a job that begins
_NOTHING_YET: Final = MappingProxyType({"status": Status.PENDING, "attempts_wanted": 1, "attempts_made": 0})


def insert_jobs(session: Session, rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any]) -> None:
    """Write jobs down; columns that are the same in each are in `common`.

    They wait for a host unless `common` says otherwise.
    """
    shared = {**_NOTHING_YET, **common}
    if len(rows) > 1:
        _INSERT_JOB.all_at_once(session, rows, shared)
    else:
        _INSERT_JOB.each(session, [{**shared, **row} for row in rows])
    note_moves(session, [Move(row["batch_uid"], None, shared["status"]) for row in rows])
