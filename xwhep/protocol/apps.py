"""Messages about applications."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from xwhep.protocol.base import Cpu, Digest, KindName, Moment, Name, Os, RelativePath, Reply, Request

MIB = 1024 * 1024


class Limits(BaseModel):
    """What one attempt may use; what passes a limit is stopped and the job fails."""

    wall_s: Annotated[int, Field(ge=1, le=7 * 86400)] = 3600
    cpu_s: Annotated[int, Field(ge=1, le=7 * 86400)] = 3600
    memory_bytes: Annotated[int, Field(ge=16 * MIB, le=64 * 1024 * MIB)] = 1024 * MIB
    disk_bytes: Annotated[int, Field(ge=MIB, le=64 * 1024 * MIB)] = 256 * MIB
    output_bytes: Annotated[int, Field(ge=1, le=1024 * MIB)] = 16 * MIB  #: of standard output and of standard error
    processes: Annotated[int, Field(ge=1, le=1024)] = 64
    files: Annotated[int, Field(ge=1, le=10_000)] = 100  #: in the folder `out`

    def within(self, other: Limits) -> bool:
        """Tell whether no limit here passes that of `other`."""
        return all(getattr(self, name) <= getattr(other, name) for name in type(self).model_fields)


class Target(BaseModel):
    """One program of an app: for which platform, which content, under which name it is run."""

    os: Os
    cpu: Cpu
    blob: Digest
    entry: RelativePath


class AppFields(BaseModel):
    """What names an app."""

    name: Name
    version: Name
    kind: KindName  #: how it is run


class RegisterApp(AppFields, Request):
    """Register an app; a version never changes."""

    uid: UUID
    targets: Annotated[list[Target], Field(max_length=16)] = Field(default_factory=list)
    limits: Limits = Limits()


class AppView(AppFields, Reply):
    """An app as its owner sees it."""

    uid: UUID
    owner_uid: UUID
    targets: list[Target]
    limits: Limits
    built_in: bool = False  #: whether the dispatcher brought it along
    for_everybody: bool = False  #: whether every user may submit to it
    registered_at: Moment
