"""The process that searches one unit: one thread that computes, one that listens to the daemon.

The daemon's end of the pipe is this process's life: when it closes, the search stops.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import BinaryIO, Final, TypeAlias
from uuid import UUID

import psutil

from worker.vanity import cache, pipe
from worker.vanity.choice import choose_kernel, host_features, reason_for
from worker.vanity.engine import UnitSearch, compile_kernel, next_slice
from worker.vanity.kernel import Kernel
from worker.vanity.limits import clock_hz, least_cycles
from worker.vanity.self_test import self_test
from xwhep.errors.base import XwhepError
from xwhep.secp256k1 import G
from xwhep.vanity.addresses import Form
from xwhep.vanity.targets import target_of
from xwhep.vanity.units import MAX_STEPS, Unit, keys_of

PROGRESS_S: Final = 0.4  #: with slices of half of that, a progress is never older than half a second
TRIAL_S: Final = 0.3

Emit: TypeAlias = Callable[[pipe.Message], None]


class OrderReader:
    """The orders that come down the pipe, read by a thread that ends with the process."""

    def __init__(self, stream: BinaryIO) -> None:
        self._orders: SimpleQueue[pipe.Order | XwhepError] = SimpleQueue()
        self._paused = False
        self._stopped = False
        Thread(target=self._listen, args=(stream,), name="listener", daemon=True).start()

    def must_stop(self, rest_s: float = 0.0) -> bool:
        """Obey what comes in the next `rest_s` seconds; wait while paused; tell whether to stop.

        Raises:
            XwhepError: what came was no command.
        """
        rested_at = time.monotonic() + rest_s
        while not self._stopped:
            try:
                left_s = max(0.0, rested_at - time.monotonic())
                order = self._orders.get(timeout=None if self._paused else left_s)
            except Empty:
                return False
            if isinstance(order, XwhepError):
                raise order
            self._paused = order is pipe.Order.PAUSE
            self._stopped = order is pipe.Order.STOP
        return True

    def _listen(self, stream: BinaryIO) -> None:
        try:
            while line := pipe.read_line(stream):
                self._orders.put(pipe.parse_command(line).do)
        except XwhepError as error:
            self._orders.put(error)
        finally:
            self._orders.put(pipe.Order.STOP)


class Meter:
    """The keys tried, and their rate while the search ran."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self._keys = 0
        self._elapsed_s = 0.0
        self.total_keys = 0

    def count(self, keys: int, elapsed_s: float, next_step: int) -> None:
        """Add a slice, which ends before a step; report when enough of them have come together."""
        self.total_keys += keys
        self._keys += keys
        self._elapsed_s += elapsed_s
        if self._elapsed_s >= PROGRESS_S:
            rate = self._keys / self._elapsed_s
            self.emit(pipe.Progress(keys=self.total_keys, next_step=next_step, keys_per_s=rate))
            self._keys, self._elapsed_s = 0, 0.0


def run(stdin: BinaryIO, stdout: BinaryIO, folder: Path, kernel_name: str | None) -> int:
    """Search the unit that comes first down the pipe; return the exit status. Without a unit there is nothing to do."""

    def work(emit: Emit) -> None:
        line = pipe.read_line(stdin)
        if line is not None:
            _search_unit(pipe.parse_unit(line), OrderReader(stdin), emit, (folder, kernel_name))

    return _reporting(stdout, work)


def run_compiler(stdout: BinaryIO, folder: Path, kernel_name: str | None) -> int:
    """Compile the kernel into the cache and say which one it is and how fast; return the exit status."""

    def work(emit: Emit) -> None:
        kernel = choose_kernel(kernel_name)
        _prepare(emit, folder, kernel)
        emit(_trial(kernel))

    return _reporting(stdout, work)


def _reporting(stdout: BinaryIO, work: Callable[[Emit], None]) -> int:
    """Do the work, whose errors go up the pipe; return the exit status."""

    def emit(message: pipe.Message) -> None:
        try:
            stdout.write(pipe.render(message))
        except OSError:
            sys.exit(1)  # nobody listens any more; Windows says so in another way than with a BrokenPipeError

    try:
        work(emit)
    except XwhepError as error:
        emit(pipe.Failed(code=error.code, text=error.text))
        return 1
    return 0


def _trial(kernel: Kernel) -> pipe.Compiled:
    """Return what a kernel is and how fast here and now, measured over a moment of a search nobody wants."""
    search = UnitSearch(kernel, Unit(UUID(int=0), 0, MAX_STEPS, G, target_of(bytes(20), Form.P2PKH_COMPRESSED)))
    search.advance(1)
    started_s, started_cpu_s = time.monotonic(), time.thread_time()
    elapsed_s, steps = 0.0, 1
    while elapsed_s < TRIAL_S:
        search.advance(steps)
        before_s, elapsed_s = elapsed_s, time.monotonic() - started_s
        steps = next_slice(steps, elapsed_s - before_s)
    keys, cpu_s = keys_of(search.next_step - 1, plain=False), time.thread_time() - started_cpu_s
    return pipe.Compiled(
        kernel=kernel.name,
        why=reason_for(kernel),
        keys_per_s=keys / elapsed_s,
        keys_per_cpu_s=keys / max(cpu_s, 1e-3),  # where the clock of threads is coarse, it may not have moved
        bound_keys_per_cpu_s=clock_hz() / least_cycles(kernel, host_features()).key(kernel),
    )


def _search_unit(message: pipe.UnitMessage, listener: OrderReader, emit: Emit, choice: tuple[Path, str | None]) -> None:
    unit = message.checked_unit()
    lower_priority(message.nice)
    folder, kernel_name = choice
    kernel = choose_kernel(kernel_name).for_unit(unit)
    if _prepare(emit, folder, kernel):
        emit(pipe.Compiled(kernel=kernel.name))
        return  # the memory that compiling takes is a search's no longer, if this process ends
    unit_search = UnitSearch(kernel, unit, message.first_step)
    emit(pipe.Started(kernel=kernel.name))
    emit(_search(unit_search, listener, Meter(emit), message.share))


def _prepare(emit: Emit, folder: Path, kernel: Kernel) -> bool:
    """Load and test a kernel; compile it first if it is not in the cache, and tell whether this process did.

    Raises:
        MiscalculationError: this machine, or the kernel on it, computes wrongly.
    """
    mark = f"{kernel.name}-{kernel.purpose}"
    if cache.is_cold(folder, mark):
        emit(pipe.Compiling())
        with cache.compiling_alone(folder):
            if cache.is_cold(folder, mark):
                _load(kernel)
                cache.mark_warm(folder, mark)
                return True
    _load(kernel)
    return False


def _load(kernel: Kernel) -> None:
    compile_kernel(kernel)
    self_test(kernel)


def _search(unit_search: UnitSearch, listener: OrderReader, meter: Meter, share: float = 1.0) -> pipe.Done:
    """Search slice after slice, until the end or a stop; keys count once all hits among them have been reported.

    After each slice comes a rest, so that `share` of the time is spent on searching.
    """
    finished, steps, rest_s = unit_search.next_step, 1, 0.0
    while finished < unit_search.unit.steps and not listener.must_stop(rest_s):
        started_s = time.monotonic()
        candidates = unit_search.advance(steps)
        elapsed_s = time.monotonic() - started_s
        done = unit_search.next_step - finished
        for candidate in candidates:
            if listener.must_stop():
                return pipe.Done(keys=meter.total_keys, next_step=finished)
            if hit := unit_search.check(candidate):
                meter.emit(pipe.Found.of(hit, meter.total_keys + keys_of(done, plain=unit_search.unit.plain)))
        finished = unit_search.next_step
        worked_s = time.monotonic() - started_s
        rest_s = worked_s / share - worked_s
        meter.count(keys_of(done, plain=unit_search.unit.plain), worked_s + rest_s, finished)
        steps = next_slice(done, elapsed_s)
    return pipe.Done(keys=meter.total_keys, next_step=finished)


def lower_priority(nice: int) -> None:
    """Yield to other programs: by `nice` on POSIX, as an idle process on Windows if `nice` is above 0."""
    if sys.platform != "win32":
        os.nice(nice)
    elif nice > 0:
        psutil.Process().nice(psutil.IDLE_PRIORITY_CLASS)
