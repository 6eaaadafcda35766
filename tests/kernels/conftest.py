"""Kernels that tests compile in their own process go into one folder for all; set before any of them imports numba."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tests.support.kernels import SHARED_ROOT
from worker.vanity import cache

if "numba" not in sys.modules:
    #: not the folder of searching processes, which hold its lock as long as they compile
    FOLDER = cache.activate(SHARED_ROOT.with_name("kernels-of-tests"))

    from numba.core.caching import IndexDataCacheFile

    def _in_turn(save: Callable[..., None]) -> Callable[..., None]:
        """Make processes that save into the folder wait for one another.

        Of two that save the same function at the same time, one might write its code under the number of the other's.
        """

        def save_in_turn(*arguments: Any) -> None:
            with cache.compiling_alone(FOLDER):
                save(*arguments)

        return save_in_turn

    IndexDataCacheFile.save = _in_turn(IndexDataCacheFile.save)  # type: ignore[method-assign] # numba has no such setting
