"""What a program sees: the options of bubblewrap that build its world. Pure but for looking at /usr's links.

The standard library alone: the supervisor runs without any other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

WORK = "/job"  #: the working folder: a tmpfs of limited size
OUT = f"{WORK}/out"
ENTRY = "/app"  #: the folder of the program's own file
_SMALL_BYTES = 16 * 2**20  #: size of /tmp and of /dev/shm
SCRATCH = (WORK, "/tmp", "/dev/shm")  # noqa: S108 - all places where a program can write; of its own world, not ours
_LOADER = ("/etc/ld.so.cache", "/etc/alternatives")  #: all that programs of /usr need of /etc
_ROOT_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": WORK, "LANG": "C.UTF-8"}


def options(
    entry: tuple[str, str], inputs: str, environment: Mapping[str, str], disk_bytes: int, mark: str
) -> list[str]:
    """Return bubblewrap's options, without those that name descriptors.

    Args:
        entry: name of the program's file inside `ENTRY`, and its path outside.
        inputs: the folder outside that holds the inputs.
        environment: the job's own variables; they win over PATH, HOME and LANG.
        disk_bytes: size of the working folder.
        mark: this unique path shows that the world is built; the folder of the inputs is there.
    """
    name, path = entry
    variables = [part for item in {**_ENVIRONMENT, **environment}.items() for part in ("--setenv", *item)]
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
        *("--die-with-parent", "--new-session", "--hostname", "job", "--clearenv", *variables),
        *("--ro-bind", "/usr", "/usr", *_root_folders(), "--proc", "/proc", "--dev", "/dev"),
        *(part for path in _LOADER for part in ("--ro-bind-try", path, path)),
        *("--size", str(_SMALL_BYTES), "--tmpfs", "/tmp"),  # noqa: S108 - inside
        *("--size", str(_SMALL_BYTES), "--tmpfs", "/dev/shm"),  # noqa: S108 - inside
        *("--size", str(disk_bytes), "--tmpfs", WORK, "--dir", OUT),
        *("--ro-bind", path, f"{ENTRY}/{name}", "--ro-bind", inputs, mark),
        # without these two the root and /dev are writable tmpfs without a bound
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK),
    ]


def _root_folders() -> list[str]:
    """Return the options that give /bin, /lib and their like as this machine has them."""
    found: list[str] = []
    for name in _ROOT_FOLDERS:
        path = f"/{name}"
        if os.path.islink(path):  # noqa: PTH114 - pathlib is slow to import, and this runs at each start
            found += ["--symlink", os.readlink(path), path]  # noqa: PTH115 - the same
        elif os.path.isdir(path):  # noqa: PTH112 - the same
            found += ["--ro-bind", path, path]
    return found
