"""The filter of system calls: kernel parts that computing does not need, refused with EPERM.

A second wall behind the namespaces: most ways out of a container went through one of these calls, and some sockets
(AF_VSOCK, AF_ALG, AF_NETLINK) reach past a network namespace or into rarely tested code. Files in memory and the shared
memory, queues and semaphores of System V are memory that lies in no process and in no folder, where no limit of a job
would count it (memfd_create(2), sysvipc(7)): a program has its working folder instead. The filter is a program for
the kernel's classic BPF machine. It is short enough to be written here: no maintained library builds it without a
system library that a volunteer's PC may lack.

Sources: Linux Documentation/userspace-api/seccomp_filter.rst; include/uapi/linux/{seccomp,audit,bpf_common}.h; numbers
from arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import errno
import struct

#: AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

#: name -> (x86_64, aarch64); None where the processor has no such call
_REFUSED: dict[str, tuple[int, int | None]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_FAMILIES = (1, 2, 10)  #: AF_UNIX, AF_INET, AF_INET6: the namespaces confine them
_X32_BIT = 0x40000000  #: x86_64's second table of calls

_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16  #: offsets in struct seccomp_data; the argument's low half
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL_PROCESS, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000


def supports(machine: str) -> bool:
    """Tell whether a filter is known for a processor, named as `os.uname().machine` does."""
    return machine in _AUDIT_ARCH


def filter_program(machine: str) -> bytes:
    """Return the filter for a processor as an array of struct sock_filter.

    Raises:
        KeyError: no filter is known for it; see `supports`.
    """
    column = list(_AUDIT_ARCH).index(machine)
    numbers = sorted(numbers[column] or 0 for numbers in _REFUSED.values() if numbers[column] is not None)
    return b"".join(
        [
            _instruction(_LOAD, _ARCH_AT),
            *_unless(_JUMP_IF_EQUAL, _AUDIT_ARCH[machine], _KILL_PROCESS),
            _instruction(_LOAD, _NUMBER_AT),
            *_when(_JUMP_IF_AT_LEAST, _X32_BIT, _ERROR | errno.EPERM),
            *(part for number in numbers for part in _when(_JUMP_IF_EQUAL, number, _ERROR | errno.EPERM)),
            *_unless(_JUMP_IF_EQUAL, _SOCKET[machine], _ALLOW),
            _instruction(_LOAD, _ARGUMENT_AT),
            *(part for family in _FAMILIES for part in _when(_JUMP_IF_EQUAL, family, _ALLOW)),
            _instruction(_RETURN, _ERROR | errno.EAFNOSUPPORT),
        ]
    )


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _when(test: int, value: int, verdict: int) -> tuple[bytes, bytes]:
    return _instruction(test, value, 0, 1), _instruction(_RETURN, verdict)


def _unless(test: int, value: int, verdict: int) -> tuple[bytes, bytes]:
    return _instruction(test, value, 1, 0), _instruction(_RETURN, verdict)
