"""Every error of the product, whichever module has it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import xwhep.errors
import xwhep.vanity.errors  # the first app's
from xwhep.errors.base import XwhepError

for _module in pkgutil.iter_modules(xwhep.errors.__path__, "xwhep.errors."):
    import_module(_module.name)


def _from(error: type[XwhepError]) -> Iterator[type[XwhepError]]:
    yield error
    for narrower in error.__subclasses__():
        yield from _from(narrower)


#: those with a module that is named for errors, the root first: tests and private classes are left out
CATALOGUE = [error for error in _from(XwhepError) if "errors" in error.__module__.split(".")]
