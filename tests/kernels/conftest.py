"""Tests compile into the folder of the searching processes, so that none compiles what another has compiled.

The folder is set before any test imports numba.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tests.support.kernels import SHARED_ROOT
from worker.vanity import cache

if "numba" not in sys.modules:
    FOLDER = cache.activate(SHARED_ROOT)

    from numba.core.caching import IndexDataCacheFile

    def _in_turn(save: Callable[..., None]) -> Callable[..., None]:
        """Make a process that saves into the folder wait for the others that do, and for searching ones that compile.

        Of two that save the same function at the same time, one might write its code under the number of the other's.
        """

        def save_in_turn(*arguments: Any) -> None:
            with cache.compiling_alone(FOLDER):
                save(*arguments)

        return save_in_turn

    IndexDataCacheFile.save = _in_turn(IndexDataCacheFile.save)  # type: ignore[method-assign] # numba has no such setting
