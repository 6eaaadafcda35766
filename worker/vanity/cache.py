"""Where compiled kernels are kept: a folder for each state of their sources.

numba's disk cache looks at the file of a compiled function alone, and would run stale code after an edit of what that
function calls. So the folder is named by the digest of all sources that make a kernel; it must be set before numba is
imported, which this module never does. The files in it are executed: the folder is the user's alone.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from xwhep import secp256k1
from xwhep.errors.machines import AlreadyRunningError
from xwhep.folders import home
from xwhep.lock import hold
from xwhep.vanity import bech32, endings, units
from xwhep.vanity.errors import KernelCacheError

#: modules of this package from which nothing is compiled: commands, processes, and what they say to each other
NOT_COMPILED: Final = frozenset(
    {"__init__", "__main__", "bench", "cache", "child", "local_commands", "local_search", "pipe", "process"}
)
#: the others of this package, and the modules whose constants are compiled into its kernels
SOURCES: Final = (
    *(path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem not in NOT_COMPILED),
    *(Path(str(module.__file__)) for module in (secp256k1, units, bech32, endings)),
)
#: how often a process looks whether another one has compiled what it waits for, seconds
LOOK_S: Final = 0.1


def default_root() -> Path:
    """Return where kernels are kept if nobody says otherwise."""
    return home() / "cache" / "kernels"


def source_digest(sources: Iterable[Path] = SOURCES) -> str:
    """Return the SHA-256, hexadecimal, over the names and contents of Python files."""
    digest = sha256()
    for path in sources:
        for part in (path.name.encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def activate(root: Path) -> Path:
    """Make numba keep its kernels below `root`, and return the folder; to be called before numba is imported.

    Raises:
        KernelCacheError: the folder cannot be made or written.
    """
    assert "numba" not in sys.modules, "numba has already read its settings"
    folder = root / source_digest()[:32]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise KernelCacheError(folder, error.strerror or str(error)) from error
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder


def is_cold(folder: Path, kernel: str) -> bool:
    """Tell whether a kernel, named so, has not been compiled into the folder yet."""
    return not _mark(folder, kernel).exists()


def mark_warm(folder: Path, kernel: str) -> None:
    """Keep in mind that a kernel, named so, has been compiled into the folder."""
    _mark(folder, kernel).touch()


@contextlib.contextmanager
def compiling_alone(folder: Path) -> Iterator[None]:
    """Wait until no other process compiles into the folder, and be the one that does.

    As many as there are slots may find a kernel missing at the same moment, and to compile it takes a processor and
    twice the memory of a search.
    """
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(hold(folder / "compiling.lock", "a compiler"))
                break
            except AlreadyRunningError:
                time.sleep(LOOK_S)  # Windows has no lock of a file that can be waited for without end
        yield


def _mark(folder: Path, kernel: str) -> Path:
    return folder / f"{kernel}.compiled"
