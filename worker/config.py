"""The worker's settings: section `[worker]` of config.toml, or XWHEP_WORKER__... in the environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from worker.probe import cores
from xwhep.config import KindPath, Settings
from xwhep.folders import home

GIB: Final = 1024**3


def as_share(value: object) -> object:
    """Return a share that may be a percentage, such as "50%", as a part of one."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(\.\d{1,9})? ?%", value.strip(), re.ASCII):
        return float(value.strip().rstrip("%")) / 100
    return value


class WorkerSettings(Settings):
    """What a volunteer can choose."""

    section: ClassVar[str] = "worker"
    model_config = SettingsConfigDict(env_prefix="XWHEP_WORKER__")

    slots: Annotated[int, Field(ge=1, le=1024)] = Field(default_factory=cores)  #: attempts at the same time
    #: apps that may run here, as far as this machine can; one of your own by its module's path: `lab.simulation`
    kinds: frozenset[KindPath] = frozenset({"native", "vanity"})
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None  #: of the search: slots it may have, by default all
    #: of the time of its processor that each search uses, such as 0.5 or "50%"
    share: Annotated[float, BeforeValidator(as_share), Field(ge=0.01, le=1)] = 1.0
    nice: Annotated[int, Field(ge=0, le=19)] = 10  #: how much jobs yield to the volunteer's own programs
    cache_bytes: Annotated[int, Field(ge=0)] = 10 * GIB  #: of content that jobs need
    spool_bytes: Annotated[int, Field(ge=1)] = 10 * GIB  #: of results that wait; from there on no more work is taken
    stop_s: Annotated[float, Field(ge=0, le=600)] = 15.0  #: the longest that stopping takes


class Folders:
    """Where the worker keeps what it keeps."""

    def __init__(self, base: Path | None = None) -> None:
        self.base = (home() if base is None else base) / "worker"
        self.identity = self.base / "identity"
        self.attempts = self.base / "attempts"
        self.cache = self.base / "blobs"
        self.status = self.base / "status.json"
        self.lock = self.base / "lock"
        self.paused = self.base / "paused"  #: an empty file, there while the volunteer wants no searches
