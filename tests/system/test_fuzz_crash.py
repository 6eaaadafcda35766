"""`make fuzz-crash` in short: a dispatcher that is killed under load keeps its word; Ctrl-C stops the command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import psutil
import pytest

from xwhep.world import REAL

ROOT: Final = Path(__file__).parents[2]
#: the zygote, its victim
PROCESSES: Final = 2

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "tests.crash", *words]


def test_a_dispatcher_killed_at_twelve_points_keeps_its_word() -> None:
    """What was acknowledged is there, and attempts that were running go on under their numbers.

    With this seed the points are of all kinds: between commit and reply, between two statements, outside.
    """
    done = subprocess.run(
        command("--points", "12", "--seed", "539"), cwd=ROOT, capture_output=True, text=True, check=False, timeout=280
    )

    assert done.returncode == 0, done.stdout + done.stderr
    total = json.loads(done.stdout.splitlines()[-1])
    assert (total["points"], total["violations"]) == (12, 0)
    assert total["late"] == 0, "a kind of point is not reached any more"
    assert total["survived"] > 0


def test_the_command_stops_at_ctrl_c_and_leaves_no_process() -> None:
    with subprocess.Popen(command(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        started: list[psutil.Process] = []
        while len(started) < PROCESSES:
            assert process.poll() is None
            REAL.pause(0.05)
            started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert (process.returncode, said) == (130, b"")
    assert psutil.wait_procs(started, timeout=60)[1] == []
