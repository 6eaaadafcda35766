"""A program that ends with the one that started it: `python tied.py PROGRAM ARGUMENT...`, standard library alone.

Whoever starts this keeps the other end of its standard input open and writes nothing. Once that end is closed, be it by
intent or because its process was killed (the kernel closes what a process had open, on every platform), the program is
ended. It gets an empty home folder, which is removed with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading

STOP_S = 5.0


def main(command: list[str]) -> int:
    """Run a program until it ends or standard input does; return its exit status."""
    with tempfile.TemporaryDirectory(prefix="xwhep-chain-", ignore_cleanup_errors=True) as home:
        # no other process may hold our standard input open, or its end would not be seen
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env={**os.environ, "HOME": home})
        threading.Thread(target=_end_with_input, args=[process], daemon=True).start()
        return process.wait()


def _end_with_input(process: subprocess.Popen[bytes]) -> None:
    os.read(0, 1)
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
