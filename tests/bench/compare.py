"""What others reach on this machine: `python -m tests.bench.compare`; the last line is one JSON object.

`make bench-dispatcher COMPARE=1` installs the rivals; without them their figures are null, and a line says so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.bench import versus_naive, versus_queues

PARTS = {"naive": versus_naive.measure, "queues": versus_queues.measure}


async def measure(folder: Path, *, quick: bool, only: str | None = None) -> dict[str, float | None]:
    """Measure all that others reach, or one part, in an empty folder; print a line for each, and return the figures."""
    figures: dict[str, float | None] = {}
    for name, part in PARTS.items():
        if only in {None, name}:
            figures |= await part(folder, quick=quick)
    return figures


def main() -> None:
    """Run the comparison."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    arguments.add_argument("--only", choices=PARTS, help="one part alone")
    chosen = arguments.parse_args()
    os.environ["COMPARE"] = "1"
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = asyncio.run(measure(Path(folder), quick=chosen.quick, only=chosen.only))
    except KeyboardInterrupt:
        sys.exit(130)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
