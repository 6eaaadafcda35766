"""What `app.toml` may state, by kind of app.

A kind with rules of its own has a description here, under its name in `DESCRIPTIONS`. Of any other kind the client
checks what all apps have in common; the dispatcher, which knows the kinds that its grid runs, says what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xwhep.protocol.apps import AppFields, Limits
from xwhep.protocol.base import Cpu, Digest, Os, RelativePath


class TargetDescription(BaseModel):
    """A program for one platform: a file to upload, or content that is stored already."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    os: Os
    cpu: Cpu
    file: Path | None = None
    blob: Digest | None = None
    entry: RelativePath | None = None

    @model_validator(mode="after")
    def _names_one_program(self) -> Self:
        if (self.file is None) == (self.blob is None):
            raise ValueError("a target has either a file or a blob")
        if self.file is None and self.entry is None:
            raise ValueError("a target with a blob needs an entry")
        return self


class LimitsDescription(Limits):
    """The limits, with no other key."""

    model_config = ConfigDict(extra="forbid")


class AppDescription(AppFields):
    """An app of any kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    targets: Annotated[list[TargetDescription], Field(max_length=16)] = Field(default_factory=list)
    limits: LimitsDescription = LimitsDescription()


class NativeDescription(AppDescription):
    """A native app: a program for one platform or more."""

    @model_validator(mode="after")
    def _has_programs(self) -> Self:
        if not self.targets:
            raise ValueError("a native app needs a target: [[targets]] with os, cpu and file")
        return self


#: the descriptions of kinds with rules of their own
DESCRIPTIONS: Final[Mapping[str, type[AppDescription]]] = MappingProxyType({"native": NativeDescription})


def description_of(kind: object) -> type[AppDescription]:
    """Return how an app is described whose file states this kind, which may be anything."""
    return DESCRIPTIONS.get(kind, AppDescription) if isinstance(kind, str) else AppDescription
