"""Nothing of a contained program outlives its run, however that ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import psutil

from tests.support.contained import LIMITS, attempt, contained, eventually, processes_with, program
from tests.support.namespaces import needs_namespaces
from worker.sandbox import runner
from worker.sandbox.runner import run

pytestmark = needs_namespaces

#: three generations, each in a session of its own, every one orphaned
_DAEMONS = """
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(300)
        os._exit(0)
    os.wait()
open('/tmp/x', 'w')
print('begun', flush=True)
"""
_STAYING = f"import signal\n{_DAEMONS}\ntime.sleep(300)"
_LEAVING = f"import signal\n{_DAEMONS}"
_WORKER = """
import asyncio, sys
from pathlib import Path
from worker.sandbox.model import Limits, Program
from worker.sandbox.runner import run
entry, folder, mark = sys.argv[1:]
limits = Limits(60, 30, 2**29, 2**23, 32, 100_000, 200)
asyncio.run(run(Program(Path(entry), (mark,)), limits, Path(folder)))
"""


def _mark() -> str:
    return f"mark-{os.urandom(8).hex()}"


def _supervisors() -> list[int]:
    """Return the supervisors of this process, orphans with them; other tests may run beside, with their own."""
    this = psutil.Process()
    others = [process for process in psutil.Process(this.ppid()).children() if process.pid != this.pid]
    theirs = {child.pid for other in others for child in _descendants(other)}
    return [pid for pid in processes_with(str(Path(runner.__file__).with_name("supervisor.py"))) if pid not in theirs]


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


async def test_daemons_die_with_the_program_that_left_them(tmp_path: Path) -> None:
    mark = _mark()

    done = await contained(tmp_path, _LEAVING, arguments=(mark,))

    assert (done.ended.exit_status, done.stdout) == (0, "begun\n")
    assert processes_with(mark) == []


async def test_cancelling_kills_grandchildren_before_it_returns(tmp_path: Path) -> None:
    mark, own = _mark(), attempt(tmp_path)
    task = asyncio.create_task(run(program(tmp_path, _STAYING, arguments=(mark,)), LIMITS, own))
    await eventually(lambda: (own / "stdout").exists() and (own / "stdout").read_text() == "begun\n")

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert processes_with(mark) == []
    assert _supervisors() == []


async def test_cancelling_at_any_moment_leaves_nothing(tmp_path: Path) -> None:
    mark = _mark()
    for number in range(24):
        (folder := tmp_path / str(number)).mkdir()
        task = asyncio.create_task(run(program(folder, _STAYING, arguments=(mark,)), LIMITS, attempt(folder)))
        await asyncio.wait([task], timeout=number * 0.005)

        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        # cancelled while it was made, a supervisor may still be on its way to read that nothing is wanted
        await eventually(lambda: processes_with(mark) == [] == _supervisors())


async def _start_worker(folder: Path, mark: str) -> asyncio.subprocess.Process:
    entry = program(folder, _STAYING).entry
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WORKER, str(entry), str(attempt(folder)), mark),
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )


async def test_a_worker_killed_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    mark = _mark()
    worker = await _start_worker(tmp_path, mark)
    output = tmp_path / "attempt" / "stdout"
    await eventually(lambda: output.exists() and output.read_text() == "begun\n")

    worker.kill()
    await worker.wait()

    await eventually(lambda: processes_with(mark) == [] == _supervisors())


async def test_a_worker_killed_in_the_first_milliseconds_leaves_nothing(tmp_path: Path) -> None:
    mark = _mark()
    for number in range(8):
        (folder := tmp_path / str(number)).mkdir()
        worker = await _start_worker(folder, mark)
        await eventually(lambda: _supervisors() != [])
        await asyncio.wait([asyncio.create_task(worker.wait())], timeout=number * 0.01)

        worker.kill()
        await worker.wait()

        await eventually(lambda: processes_with(mark) == [] == _supervisors())


async def test_a_supervisor_killed_by_force_takes_the_sandbox_along(tmp_path: Path) -> None:
    mark, own = _mark(), attempt(tmp_path)
    task = asyncio.create_task(run(program(tmp_path, _STAYING, arguments=(mark,)), LIMITS, own))
    await eventually(lambda: (own / "stdout").exists() and (own / "stdout").read_text() == "begun\n")

    for pid in _supervisors():
        os.kill(pid, signal.SIGKILL)
    await asyncio.wait([task])

    assert "supervisor ended early: it was killed" in str(task.exception())
    await eventually(lambda: processes_with(mark) == [])


async def test_a_supervisor_told_to_stop_says_so(tmp_path: Path) -> None:
    own = attempt(tmp_path)
    task = asyncio.create_task(run(program(tmp_path, _STAYING), LIMITS, own))
    await eventually(lambda: (own / "stdout").exists() and (own / "stdout").read_text() == "begun\n")

    for pid in _supervisors():
        os.kill(pid, signal.SIGTERM)

    ended = await task
    assert json.loads(json.dumps(ended.reason)) == "killed"
