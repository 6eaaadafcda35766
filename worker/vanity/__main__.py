"""`python -m worker.vanity`: search the unit that standard input names; with --compile, only compile the kernel."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from worker.vanity import cache, pipe
from xwhep.vanity.errors import KernelCacheError


def main() -> int:
    """Run the child; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m worker.vanity", description=__doc__)
    parser.add_argument("--compile", action="store_true", help="only compile the kernel into the cache")
    parser.add_argument("--cache", type=Path, default=cache.default_root(), help="where compiled kernels are kept")
    parser.add_argument("--kernel", help="another kernel than this machine's fastest, for tests and measurements")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's matter; this process ends with its input
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads that nothing here uses

    # Unbuffered: a thread that waits in a buffer's lock would break the interpreter's end.
    with open(0, "rb", 0, closefd=False) as stdin, open(1, "wb", 0, closefd=False) as stdout:
        try:
            folder = cache.activate(options.cache)
        except KernelCacheError as error:
            stdout.write(pipe.render(pipe.Failed(code=error.code, text=error.text)))
            return 1
        from worker.vanity import child  # imports numba, which reads where its cache is

        if options.compile:
            return child.run_compiler(stdout, folder, options.kernel)
        return child.run(stdin, stdout, folder, options.kernel)


if __name__ == "__main__":
    sys.exit(main())
