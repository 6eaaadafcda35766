"""What all tests have in common: a home that is not the user's, and patience, since a busy machine is no failure."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]

# The programs that tests start are not measured: it costs them half as much time again, and their code is measured
# where it runs in a test's own process. The process that hands out the tests starts those that are measured.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

# A run in the background of a shell ignores Ctrl-C, and so would the programs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if os.access(ROOT, os.W_OK):  # others than the clone's owner have their own home
    os.environ["XWHEP_HOME"] = str(ROOT / "build" / "tests-home")

settings.register_profile("busy", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

pytest_plugins = ["tests.support.measuring", "tests.support.skips"]
