"""Small untrusted programs for the sandbox's tests, and a look at the machine's processes from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from worker.sandbox.model import Ended, Limits, Program
from worker.sandbox.runner import run

MIB = 2**20
LIMITS = Limits(
    wall_s=60, cpu_s=30, memory_bytes=512 * MIB, disk_bytes=8 * MIB, processes=32, output_bytes=100_000, files=200
)


@dataclass(frozen=True, slots=True)
class Done:
    ended: Ended
    folder: Path

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def out(self) -> dict[str, bytes]:
        out = self.folder / "out"
        return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def program(folder: Path, text: str, **others: Any) -> Program:
    """Return a Python program; the file is neither executable nor readable for others, as in a worker's cache."""
    entry = folder / "program.py"
    entry.write_text(f"#!/usr/bin/env python3\nimport os, sys, time\n{text}")
    entry.chmod(0o600)
    return Program(entry, **others)


async def contained(folder: Path, text: str, *, limits: Limits = LIMITS, **others: Any) -> Done:
    """Run a Python program; of its limits, `limits` are what they are, the others' names are those of `Program`."""
    own = attempt(folder)
    return Done(await run(program(folder, text, **others), limits, own), own)


def attempt(folder: Path, name: str = "attempt") -> Path:
    own = folder / name
    own.mkdir(mode=0o700)
    return own


def limited(**changes: Any) -> Limits:
    return replace(LIMITS, **changes)


def processes_with(mark: str) -> list[int]:
    """Return the processes of this machine that have a text in their command line."""
    return [int(folder.name) for folder in _process_folders() if mark.encode() in _command_line(folder)]


def _process_folders() -> Iterator[Path]:
    return (folder for folder in Path("/proc").iterdir() if folder.name.isdigit())


def _command_line(folder: Path) -> bytes:
    with suppress(OSError):
        return (folder / "cmdline").read_bytes()
    return b""


async def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until a condition holds that no event announces."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing announces what other processes do
            await asyncio.sleep(0.02)
