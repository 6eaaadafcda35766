"""The inputs of a program, put into its working folder while it waits at the gate.

bubblewrap shows the folder that holds them, read only, at one place of the program's world. From there each is bound to
its path, by a process that enters that world for this alone. Bubblewrap could bind them itself; but it reads the table
of all mounts again after each one, so that 400 inputs took it six seconds. The standard library alone: the supervisor
runs without any other.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence

from worker.sandbox import processes


def place(init: int, work: int, names: Sequence[str], *, source: str, target: str) -> None:
    """Show `names` below the folder `target` of a world, read only; `source` disappears from it.

    Args:
        init: a process of that world, which was made by this user; no program runs in it yet.
        work: a descriptor of the folder `target`.
        names: paths inside the folder.
        source: a read-only mount in that world, with a file for each of the names, called by its number.
        target: a folder of that world.

    Raises:
        OSError: a name cannot be, or this machine does not let the world be entered.
    """
    for folder in sorted({name[:at] for name in names for at, letter in enumerate(name) if letter == "/"}):
        os.mkdir(folder, 0o755, dir_fd=work)  # a folder sorts before what is in it
    for name in names:
        os.mknod(name, stat.S_IFREG | 0o444, dir_fd=work)

    def bind() -> None:
        processes.enter_mounts(init)
        for number, name in enumerate(names):
            processes.bind_read_only(f"{source}/{number}", f"{target}/{name}")
        processes.unmount(source)

    _in_a_child(bind)


def _in_a_child(act: Callable[[], None]) -> None:
    """Do something in a process of its own, since who enters another world does not come back.

    Raises:
        OSError: it failed.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()
            status = 0
        except OSError as error:
            os.write(writing, str(error).encode(errors="replace"))
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        why = pipe.read().decode()
    if os.waitpid(pid, 0)[1] != 0:
        raise OSError(why or "the process that binds the inputs was killed")
