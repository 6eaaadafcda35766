"""A plugin of pytest: a test that is marked `unmeasured` runs without coverage, with which Python takes twice as long.

Marked are tests that do often, or with much code of others, what tests that are measured do as well. The report of
coverage shows whether a mark is one too many.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from typing import Final

import pytest
from coverage import Coverage

#: the mark
unmeasured: Final = pytest.mark.unmeasured


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "unmeasured: coverage does not look at the test, since others cover its code")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Take the tracer away while a marked test runs; one of a debugger stays."""
    if item.get_closest_marker(unmeasured.name) is None or Coverage.current() is None:
        return (yield)
    here, in_new_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        threading.settrace(in_new_threads)
        sys.settrace(here)
