"""One folder of compiled kernels for the whole run, set before any test imports numba."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.vanity import cache

_ROOT = tempfile.TemporaryDirectory(prefix="xwhep-kernels-")
if "numba" not in sys.modules:
    cache.activate(Path(_ROOT.name))


@pytest.fixture(scope="session", autouse=True)
def kernel_root() -> Iterator[Path]:
    """Yield the root of the kernels' cache, which is removed at the end."""
    yield Path(_ROOT.name)
    _ROOT.cleanup()
