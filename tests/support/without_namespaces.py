"""Run a command where this machine refuses user namespaces: python -m tests.support.without_namespaces COMMAND...

Containers, chroots and Ubuntu's restriction of unprivileged user namespaces are like that. A filter of system calls
makes any Linux such a machine, for the command and for all that it starts. It answers `unshare` and `clone` with
CLONE_NEWUSER by EPERM. It cannot read the flags of `clone3`, so it says that this kernel has no such call, and the C
library takes `clone`. The filter needs no right, and changes nothing on the machine.

Exit status: the command's, or 69 (service unavailable) with a sentence where no filter can be had.

Sources: seccomp(2); Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{prctl,seccomp,audit}.h of
Linux.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from typing import Final, NamedTuple, NoReturn

UNAVAILABLE: Final = 69  #: EX_UNAVAILABLE of sysexits.h
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_NEW_USER: Final = 0x10000000
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16  #: offsets in struct seccomp_data; the argument's low half


class _Processor(NamedTuple):
    audit_arch: int
    clone: int
    unshare: int
    clone3: int


_PROCESSORS: Final = {
    "x86_64": _Processor(0xC000003E, clone=56, unshare=272, clone3=435),
    "aarch64": _Processor(0xC00000B7, clone=220, unshare=97, clone3=435),
}


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_user_namespaces() -> str | None:
    """Refuse user namespaces to this process and to all that it starts; return None, or why that cannot be done."""
    processor = _PROCESSORS.get(os.uname().machine)
    if sys.platform != "linux" or processor is None:
        return f"no filter of system calls is known for {sys.platform} on {os.uname().machine}"
    instructions = _filter(processor)
    libc = ctypes.CDLL(None, use_errno=True)
    program = ctypes.byref(_Program(len(instructions) // 8, instructions))
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, _MODE_FILTER, program):
        return f"the kernel takes no filter of system calls: {os.strerror(ctypes.get_errno())}"
    return None


def _filter(processor: _Processor) -> bytes:
    """Return the filter; jumps count the instructions that they leave out."""
    return b"".join(
        [
            _instruction(_LOAD, _ARCH_AT),
            _instruction(_JUMP_IF_EQUAL, processor.audit_arch, 1, 0),
            _instruction(_RETURN, _ALLOW),
            _instruction(_LOAD, _NUMBER_AT),
            _instruction(_JUMP_IF_EQUAL, processor.clone3, 0, 1),
            _instruction(_RETURN, _ERROR | errno.ENOSYS),
            _instruction(_JUMP_IF_EQUAL, processor.unshare, 2, 0),
            _instruction(_JUMP_IF_EQUAL, processor.clone, 1, 0),
            _instruction(_RETURN, _ALLOW),
            _instruction(_LOAD, _ARGUMENT_AT),
            _instruction(_JUMP_IF_SET, _NEW_USER, 0, 1),
            _instruction(_RETURN, _ERROR | errno.EPERM),
            _instruction(_RETURN, _ALLOW),
        ]
    )


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def main(command: list[str]) -> NoReturn:
    """Become the command, without user namespaces."""
    if not command:
        sys.exit("which command shall run? python -m tests.support.without_namespaces COMMAND...")
    if why := refuse_user_namespaces():
        print(f"user namespaces cannot be refused here: {why}", file=sys.stderr)  # noqa: T201
        sys.exit(UNAVAILABLE)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
