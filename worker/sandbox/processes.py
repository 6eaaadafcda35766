"""Processes and mounts by the kernel's own door: what the supervisor needs and Python's library lacks. Linux only.

The standard library alone. Sources: prctl(2), unshare(2), setns(2), ioctl_ns(2), mount(2), umount(2), proc(5),
credentials(7).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_NS_GET_USERNS = 0xB701
_MNT_DETACH = 2
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def die_with(parent: int) -> None:
    """Be sent SIGTERM when the thread that started this process ends; end now if process `parent` is gone already."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0), "prctl")
    if os.getppid() != parent:
        sys.exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies.

    Raises:
        OSError: the kernel does not tell who is whose child, so that none could be found.
    """
    Path(f"/proc/self/task/{os.getpid()}/children").read_bytes()
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def become(uid: int) -> None:
    """Stop being root, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def stage(sources: Mapping[str, str], place: str) -> dict[str, str]:
    """Show files at paths that any user can reach, to this process alone; needs root.

    A root's files lie behind folders that only root may enter. In a mount namespace of its own the process covers
    `place` with a tmpfs and binds them there. Returns name -> path for each name -> file in `sources`.
    """
    _checked(_libc.unshare(_CLONE_NEWNS), "unshare")
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    # opened first: they may lie below the place that is about to be covered
    opened = {name: os.open(path, os.O_PATH | os.O_CLOEXEC) for name, path in sources.items()}
    _mount("tmpfs", place, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")
    for name, descriptor in opened.items():
        target = Path(place, name)
        target.mkdir() if os.path.isdir(f"/proc/self/fd/{descriptor}") else target.touch()  # noqa: PTH112 - a magic link
        _mount(f"/proc/self/fd/{descriptor}", str(target), None, _MS_BIND)
        os.close(descriptor)
    return {name: str(Path(place, name)) for name in sources}


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    _checked(_libc.mount(*encoded[:3], ctypes.c_ulong(flags), encoded[3]), f"mount {target}")


def enter_mounts(pid: int) -> None:
    """See the files that a process sees, for good, with every right over what is mounted there.

    Its mounts must belong to a user namespace that this process' user has made.

    Raises:
        OSError: they do not, or this machine does not allow it.
    """
    mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    # the namespace's own root can be another for a moment: pivot_root(2) covers the new root with the old one
    root = os.open(f"/proc/{pid}/root", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    owner = fcntl.ioctl(mounts, _NS_GET_USERNS)
    _checked(_libc.setns(owner, _CLONE_NEWUSER), "setns")
    _checked(_libc.setns(mounts, _CLONE_NEWNS), "setns")
    os.fchdir(root)
    os.chroot(".")


def bind_read_only(source: str, target: str) -> None:
    """Show a file of a read-only mount at another path; a bind has the restrictions of the mount it comes from.

    Raises:
        OSError: it cannot be bound, or could be written there.
    """
    _mount(source, target, None, _MS_BIND)
    if not os.statvfs(target).f_flag & os.ST_RDONLY:
        raise OSError(f"{target} would not be read-only")


def unmount(place: str) -> None:
    """Take away what is mounted at a place."""
    _checked(_libc.umount2(os.fsencode(place), _MNT_DETACH), f"umount {place}")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree of processes has taken; a process that the kernel no longer shows counts through its parent."""

    cpu_s: float
    resident_bytes: int  #: pages that several processes share count once for each


def usage(root: int) -> Usage:
    """Return what process `root` and its descendants have taken."""
    ticks = pages = 0
    for pid in tree(root):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            # the name, in parentheses, may hold anything; after it: utime 11, stime 12, cutime 13, cstime 14, rss 21
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(map(int, fields[11:15]))
            pages += int(fields[21])
    return Usage(ticks / _TICKS, pages * _PAGE_BYTES)


def tree(root: int) -> Iterator[int]:
    """Give process `root` and its descendants."""
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children(pid)


def children(pid: int) -> list[int]:
    """Return the children of a process, those of all its threads."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, (task / "children").read_bytes().split())
    return found


def is_over(pid: int) -> bool:
    """Tell whether a child has ended; its remains are left."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill_children() -> None:
    """Kill every child, and those that are adopted meanwhile, until none is left; needs `adopt_orphans`."""
    with suppress(ChildProcessError):
        while True:
            for pid in children(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.002)  # the kernel may list children incompletely while some of them end: look again
