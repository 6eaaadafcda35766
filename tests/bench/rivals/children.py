"""Processes that a rival needs beside its client."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import psutil

TIMEOUT_S: Final = 60


@contextlib.contextmanager
def running(
    command: Sequence[str], *, end: signal.Signals = signal.SIGTERM, **options: Any
) -> Iterator[psutil.Process]:
    """Run a program until the context ends."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(end)
            process.wait(TIMEOUT_S)


def until_it_answers(ask: Callable[[], object], refused: type[Exception]) -> None:
    """Ask a server that has just been started until it answers.

    Raises:
        Exception: `refused`, its last refusal, after a minute.
    """
    end = time.monotonic() + TIMEOUT_S
    while True:
        try:
            ask()
        except refused:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
