"""What the code says about itself: docstrings, comments behind attributes, the errors that a docstring names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator

from tests.support.catalogue import CATALOGUE
from xwhep.errors.base import XwhepError

_RAISES = re.compile(r"^Raises:\n((?:    .*\n?)+)", re.MULTILINE)


def first_line(documented: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(documented) or "").splitlines()[0].replace("|", "\\|")


def comments(source: str) -> dict[str, str]:
    """Return the comments `#:` behind the attributes of a class, or on the line before them."""
    before = re.findall(r"^ *#: (.+)\n *(\w+)(?: =|:)", source, re.MULTILINE)
    behind = re.findall(r"^ +(\w+):.*#: (.+)$", source, re.MULTILINE)
    return dict(behind) | {name: text for text, name in before}


def errors_of(function: Callable[..., object]) -> Iterator[type[XwhepError]]:
    """Return the errors of ours that a function's docstring names, and those that it raises in so many words."""
    section = _RAISES.search(inspect.getdoc(function) or "")
    names = re.findall(r"\b[A-Z]\w+Error\b", section[1]) if section else []
    names += re.findall(r"raise (\w+Error)\b", inspect.getsource(function))
    known = {error.__name__: error for error in CATALOGUE}
    for name in names:
        error = known.get(name)
        if error is not None:
            yield error
