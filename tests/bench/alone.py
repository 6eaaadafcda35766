"""How one part of the bench is run by itself."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.bench.processors import load_apart


def run_alone(measured: Callable[..., Awaitable[Mapping[str, float | None]]], description: str | None) -> None:
    """Measure in a folder that goes away, apart from the dispatcher's processor; print the results in one line."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--quick", action="store_true", help="fewer rows, fewer and shorter rounds")
    chosen = arguments.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder, load_apart():
            found = asyncio.run(_measured(measured, Path(folder), quick=chosen.quick))
    except KeyboardInterrupt:
        sys.exit(130)
    print(json.dumps(found))


async def _measured(
    measured: Callable[..., Awaitable[Mapping[str, float | None]]], folder: Path, *, quick: bool
) -> Mapping[str, float | None]:
    return await measured(folder, quick=quick)
