"""The settings of a dispatcher: the section `[dispatcher]` of the configuration."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from xwhep.config import Settings


class DispatcherSettings(Settings):
    """Where the dispatcher listens."""

    section: ClassVar[str] = "dispatcher"

    #: the address to listen on; 0.0.0.0 stands for all
    host: str = "0.0.0.0"  # noqa: S104 - volunteers come from everywhere; what they may do, certificates decide
    port: Annotated[int, Field(ge=0, le=65535)] = 4380  #: the port to listen on; 0 for any that is free
