"""Watching one program: its streams pass through here, and what it takes is compared with its limits.

The standard library alone: the supervisor runs without any other.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from worker.sandbox import processes
from worker.sandbox.launch import Files, Sandbox

_TICK_S = 0.1
_CHUNK_BYTES = 64 * 1024


class Stopped(Exception):  # noqa: N818 - a verdict, not an error
    """The program must not go on."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Watch:
    """Moves the program's streams and looks at what it takes, until it ends or must be stopped."""

    def __init__(self, sandbox: Sandbox, files: Files, limits: dict[str, Any]) -> None:
        self._sandbox = sandbox
        self._files = files
        self._limits = limits
        self._room = {sandbox.stdout: limits["output_bytes"], sandbox.stderr: limits["output_bytes"]}
        self._targets = {sandbox.stdout: files.stdout, sandbox.stderr: files.stderr}
        self._fed = b""
        self.cpu_s = 0.0  #: of all processes, as last seen
        self.resident_bytes = 0  #: of all processes together, the most that was seen
        self._started = time.monotonic()

    @property
    def wall_s(self) -> float:
        """Seconds since the program started."""
        return time.monotonic() - self._started

    def until_the_end(self) -> None:
        """Return when bubblewrap has ended.

        Raises:
            Stopped: a limit is reached, or the worker wants no more of it.
        """
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            look_at = self._started + _TICK_S
            while not processes.is_over(self._sandbox.pid):
                for key, _ in selector.select(max(0.0, look_at - time.monotonic())):
                    if not key.data(key.fd):
                        selector.unregister(key.fd)
                if time.monotonic() >= look_at:
                    self.look()
                    look_at = time.monotonic() + _TICK_S

    def _register(self, selector: selectors.BaseSelector) -> None:
        os.set_blocking(self._sandbox.stdin, False)
        selector.register(os.pidfd_open(self._sandbox.pid), selectors.EVENT_READ, lambda _: True)
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._give_up)
        selector.register(self._sandbox.stdin, selectors.EVENT_WRITE, self._feed)
        for source in self._room:
            selector.register(source, selectors.EVENT_READ, self._pass_on)

    def _give_up(self, _: int) -> bool:
        raise Stopped("killed", "the worker stopped it")

    def _feed(self, target: int) -> bool:
        """Write some of standard input; tell whether there is more."""
        self._fed = self._fed or os.read(self._files.stdin, _CHUNK_BYTES)
        with suppress(BrokenPipeError):
            if self._fed:
                self._fed = self._fed[os.write(target, self._fed) :]
                return True
        os.close(target)
        return False

    def _pass_on(self, source: int) -> bool:
        """Move some of the program's output to its file; tell whether there may be more."""
        chunk = os.read(source, _CHUNK_BYTES)
        kept = chunk[: self._room[source]]
        self._room[source] -= len(kept)
        with open(self._targets[source], "wb", closefd=False) as target:
            target.write(kept)
        if len(kept) < len(chunk):
            raise Stopped("output", f"it wrote more than {self._limits['output_bytes']} bytes to an output stream")
        return bool(chunk)

    def drain(self) -> None:
        """Take what is still in the pipes, once every process is dead."""
        for source in self._room:
            while self._pass_on(source):
                pass

    def measure(self) -> processes.Usage:
        """Return what the processes take now. The kernel forgets it when it kills them with their PID namespace."""
        used = processes.usage(self._sandbox.init)
        self.cpu_s = max(self.cpu_s, used.cpu_s)
        self.resident_bytes = max(self.resident_bytes, used.resident_bytes)
        return used

    def look(self) -> None:
        """Compare what is taken with the limits."""
        limits, used = self._limits, self.measure()
        if signal.SIGTERM in signal.sigpending():
            self._give_up(0)
        if self.wall_s > limits["wall_s"]:
            raise Stopped("wall-time", f"it ran for more than {limits['wall_s']} seconds")
        if used.cpu_s > limits["cpu_s"]:
            raise Stopped("cpu-time", f"its processes took more than {limits['cpu_s']} seconds of CPU time")
        if used.resident_bytes > limits["memory_bytes"]:
            raise Stopped("memory", f"its processes held more than {limits['memory_bytes']} bytes of memory")
        self.look_at_files()

    def look_at_files(self) -> None:
        """Compare the scratch folders with the limits; the kernel counts, whatever the program hides."""
        if not self._sandbox.has_room():
            raise Stopped("disk", f"it filled its working folder of {self._limits['disk_bytes']} bytes")
        if self._sandbox.files() > self._limits["files"]:
            raise Stopped("disk", f"it made more than {self._limits['files']} files")
