"""The folder of compiled kernels that all searching processes of the tests share, so that each is compiled once.

To compile one takes ten seconds of a processor, and all of them take minutes. The folder lies in the tests' own home
(see tests/conftest.py), and stays for the next run. As on a volunteer's machine, the sources of the kernels name it.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Final

from worker.vanity.cache import compiling_alone, default_root, source_digest

#: the root of that folder; single tests name a home of their own
SHARED_ROOT: Final = default_root()


def share_kernels(home: Path) -> None:
    """Let a home use the kernels that were compiled before, where the platform has links."""
    kernels = home / "cache" / "kernels"
    if not kernels.exists():
        SHARED_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
        kernels.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            kernels.symlink_to(SHARED_ROOT, target_is_directory=True)


def copy_kernels(home: Path, *left_out: str) -> None:
    """Let a home have the kernels that were compiled before as its own, without files of these patterns."""
    name = source_digest()[:32]
    shared, own = SHARED_ROOT / name, home / "cache" / "kernels" / name
    shared.mkdir(mode=0o700, parents=True, exist_ok=True)
    with compiling_alone(shared):
        shutil.copytree(shared, own, ignore=shutil.ignore_patterns("*.lock", *left_out))


def forget_kernels(home: Path) -> None:
    """Let a home have the code that was compiled before, but no mark that it is whole, as after a compiler's death.

    So a search has to go the way of one that is not compiled, and takes a second for it.
    """
    copy_kernels(home, "*.compiled")
