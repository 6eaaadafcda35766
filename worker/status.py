"""What a running worker lets the volunteer see: one file, written whole, for `xwhep-worker status`."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from xwhep.protocol.attempts import ProgressFields
from xwhep.protocol.base import Details, KindName, Moment


class RunView(ProgressFields):
    """One run."""

    job_uid: UUID
    attempt: int
    kind: KindName
    measure: str = ""  #: what the amounts count


class WorkerStatus(BaseModel):
    """The worker at `updated_at`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pid: int
    dispatcher: str
    host_uid: UUID
    name: str
    connected: bool  #: whether the dispatcher answered when last asked
    stopping: bool
    paused: bool = False  #: whether what can rest rests
    slots: int
    kinds: dict[KindName, Details]  #: of app that are taken now, each with what it tells of itself
    running: list[RunView]
    undelivered: int  #: results that the dispatcher has not acknowledged
    updated_at: Moment


def write_status(path: Path, status: WorkerStatus) -> None:
    """Write the file; it need not survive a crash of the machine."""
    partial = path.with_suffix(".part")
    partial.write_text(status.model_dump_json(), encoding="utf-8")
    partial.replace(path)
    if os.name != "nt":
        path.chmod(0o600)


def read_status(path: Path) -> WorkerStatus | None:
    """Return what the last worker wrote, None if there is nothing to read."""
    try:
        return WorkerStatus.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
