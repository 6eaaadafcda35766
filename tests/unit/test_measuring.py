"""What coverage looks at: a test that is marked `unmeasured` is left out, and the next one is not."""

from __future__ import annotations

import sys
import threading

from coverage import Coverage

from tests.support.measuring import unmeasured

#: the tracer of coverage or of a debugger while tests are collected
TRACER = sys.gettrace()


@unmeasured
def test_coverage_does_not_look_at_a_marked_test() -> None:
    assert Coverage.current() is None or (sys.gettrace(), threading.gettrace()) == (None, None)


def test_coverage_looks_at_the_test_after_it() -> None:
    assert sys.gettrace() is TRACER


def test_a_thread_of_the_test_after_it_is_looked_at() -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(sys.gettrace()))

    thread.start()
    thread.join()

    assert (found == [None]) == (TRACER is None)
