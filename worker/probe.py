"""What this machine is, in the words of the interface."""

from __future__ import annotations

import os
import platform
from typing import Final

from xwhep.errors.machines import UnknownPlatformError
from xwhep.protocol.base import Cpu, Os

_SYSTEMS: Final = {"Linux": Os.LINUX, "Darwin": Os.MACOS, "Windows": Os.WINDOWS}
_MACHINES: Final = {"x86_64": Cpu.X86_64, "amd64": Cpu.X86_64, "aarch64": Cpu.ARM64, "arm64": Cpu.ARM64}


def operating_system(name: str | None = None) -> Os:
    """Return this machine's operating system, or the one that `platform.system` calls `name`.

    Raises:
        UnknownPlatformError: the grid has no word for it.
    """
    name = platform.system() if name is None else name
    try:
        return _SYSTEMS[name]
    except KeyError as error:
        raise UnknownPlatformError("operating system", name) from error


def processor(name: str | None = None) -> Cpu:
    """Return this machine's processor architecture, or the one that `platform.machine` calls `name`.

    Raises:
        UnknownPlatformError: the grid has no word for it.
    """
    name = platform.machine() if name is None else name
    try:
        return _MACHINES[name.lower()]
    except KeyError as error:
        raise UnknownPlatformError("processor", name) from error


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
