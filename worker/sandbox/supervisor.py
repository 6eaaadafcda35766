"""The process between the worker and the sandbox: starts one program contained, watches it, kills it, takes its files.

Run as `python -I -S supervisor.py`, with the standard library alone, by `runner`. Standard input: one line of JSON (see
`Order`), then nothing; its end means that the worker cancelled or died, and everything is killed. Standard output: one
JSON object: the fields of `Ended`, or {"cannot": why} if the program was not started, or {"failed": why}. No thread.

Why a process of its own: the parent-death signal alone leaks what is started in the first milliseconds, and is bound
to a thread. This process survives the worker, adopts every orphan, and does not end before the last of them is dead. If
it is killed itself, bubblewrap's --die-with-parent remains.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # an isolated interpreter knows neither the project nor the folder of this script
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from worker.sandbox import processes
from worker.sandbox.launch import CannotContainHere, Files, Order, Sandbox
from worker.sandbox.outputs import Budget, TooMuchError, copy_out
from worker.sandbox.watch import Stopped, Watch

_STAGE = "/tmp"  # noqa: S108 - covered in a mount namespace of our own, seen by nobody else


@dataclass(slots=True)
class Report:
    """How it ended; the fields of `worker.sandbox.model.Ended`."""

    reason: str
    exit_status: int | None
    detail: str
    wall_s: float = 0.0
    cpu_s: float = 0.0
    max_rss_bytes: int = 0
    refused: tuple[str, ...] = ()


def supervise(order: Order) -> Report:
    """Run the program to its end, with every process it started dead on return.

    Raises:
        CannotContainHere: the sandbox could not be built; the program was not started.
        OSError: this machine cannot hold what it wrote.
    """
    files = Files(order)
    shown = {"entry": order.entry[1], "bwrap": order.bwrap, "inputs": order.inputs}
    shown |= {} if order.libraries is None else {"libraries": order.libraries}
    try:
        if order.uid is not None:
            shown = processes.stage(shown, _STAGE)
            processes.become(order.uid)
        processes.die_with(order.parent)
        processes.adopt_orphans()
    except OSError as error:
        raise CannotContainHere(str(error)) from error
    try:
        return _contained(order, files, shown)
    except CannotContainHere as error:
        processes.kill_children()
        raise CannotContainHere(files.first_error_line() or str(error)) from None
    finally:
        processes.kill_children()


def _contained(order: Order, files: Files, shown: dict[str, str]) -> Report:
    try:
        sandbox = Sandbox(order, shown)
    except OSError as error:
        if error.errno == errno.E2BIG:
            return Report("not-started", None, "the program's arguments are too long")
        raise CannotContainHere(str(error)) from error
    watch = Watch(sandbox, files, order.limits)
    try:
        sandbox.wait_until_built(order.limits["start_s"])
        sandbox.place_inputs(order.input_names)
        sandbox.limit(order.limits)
    except (CannotContainHere, OSError) as error:
        processes.kill_children()
        watch.drain()
        raise CannotContainHere(str(error)) from error
    sandbox.open_gate()
    report = _watched(sandbox, watch, files)
    report.wall_s = watch.wall_s
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    report.cpu_s = max(watch.cpu_s, taken.ru_utime + taken.ru_stime)
    report.max_rss_bytes = max(watch.resident_bytes, taken.ru_maxrss * 1024)
    _take_files(sandbox, files, order.limits, report)
    return report


def _watched(sandbox: Sandbox, watch: Watch, files: Files) -> Report:
    try:
        try:
            watch.until_the_end()
        finally:
            watch.measure()
            processes.kill_children()
        watch.drain()
        watch.look_at_files()
    except Stopped as stopped:
        return Report(stopped.reason, None, str(stopped))
    return _ended_by_itself(sandbox.exit_status(), files)


def _ended_by_itself(status: int | None, files: Files) -> Report:
    if status is None:
        return _never_executed(files.first_error_line())
    if status == 128 + signal.SIGXCPU:
        return Report("cpu-time", None, "a process of it took all the CPU time allowed")
    return Report("exited", status, f"it ended with exit status {status}")


def _never_executed(line: str) -> Report:
    if line.startswith("bwrap: execvp"):
        return Report("not-started", None, f"the program cannot be executed: {line.rpartition(': ')[2]}")
    if line.startswith("bwrap: "):
        raise CannotContainHere(line)
    return Report("killed", None, "the sandbox was killed from outside")


def _take_files(sandbox: Sandbox, files: Files, limits: dict[str, Any], report: Report) -> None:
    budget = Budget(limits["files"], limits["disk_bytes"], limits["names_bytes"])
    try:
        out = os.open("out", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=sandbox.scratch[0])
    except OSError as error:  # the program replaced it
        budget.refuse("", error.strerror or "cannot be read")
    else:
        try:
            copy_out(out, files.out, budget)
        except TooMuchError as error:
            report.reason, report.exit_status, report.detail = "disk", None, str(error)
    report.refused = tuple(budget.notes)


def main() -> None:
    """Serve one order."""
    # seen by the watch when it looks; before that, dying of it would leave a bubblewrap that nobody kills
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    line = sys.stdin.buffer.readline()
    if not line:
        return  # cancelled before it began
    order = json.loads(line)
    try:
        answer = asdict(supervise(Order(**order)))
    except CannotContainHere as error:
        answer = {"cannot": str(error)}
    except OSError as error:  # the program may have run
        answer = {"failed": str(error)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
