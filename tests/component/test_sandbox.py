"""What a contained program sees and what it is given."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from pathlib import Path

import pytest

from tests.support.contained import (
    LIMITS,
    Done,
    attempt,
    contained,
    eventually,
    processes_with,
    program,
)
from tests.support.namespaces import needs_namespaces
from worker.sandbox import processes
from worker.sandbox.model import Program, Reason
from worker.sandbox.runner import UNPRIVILEGED_UID, Bubblewrap, installed, probe, run
from xwhep.errors.machines import CannotContainError

pytestmark = needs_namespaces


def test_the_probe_tells_whether_this_machine_contains_programs() -> None:
    assert probe() is None
    assert "bwrap) was not found" in str(probe([]))
    assert "/usr/bin/false: " in str(probe([Bubblewrap(Path("/usr/bin/false"))]))


async def test_a_program_gives_its_exit_status_and_both_streams(tmp_path: Path) -> None:
    done = await contained(tmp_path, "print('good'); print('bad', file=sys.stderr); sys.exit(7)")

    assert (done.ended.reason, done.ended.exit_status) == (Reason.EXITED, 7)
    assert (done.stdout, done.stderr) == ("good\n", "bad\n")
    assert done.ended.cpu_s > 0
    assert done.ended.max_rss_bytes > 2**20


async def test_a_shell_script_and_an_executable_run_as_well(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho $# $0\n")

    of_script = Done(await run(Program(script, ("a b",)), LIMITS, attempt(tmp_path)), tmp_path / "attempt")
    (other := tmp_path / "other").mkdir()
    of_binary = Done(await run(Program(Path("/usr/bin/printf"), ("%s", "x")), LIMITS, other), other)

    assert of_script.stdout == "1 /app/script\n"
    assert of_binary.stdout == "x"


async def test_death_by_a_signal_is_told_as_a_shell_does(tmp_path: Path) -> None:
    done = await contained(tmp_path, "os.kill(os.getpid(), 11)")

    assert (done.ended.reason, done.ended.exit_status) == (Reason.EXITED, 128 + 11)


async def test_arguments_reach_the_program_verbatim(tmp_path: Path) -> None:
    arguments = ("--ro-bind", "/", "/x", "--", "; rm -rf /", "$(id)", "", "two\nlines", "schön", "\udcff")

    done = await contained(tmp_path, "print(ascii(sys.argv[1:]))", arguments=arguments)

    assert done.stdout.strip() == ascii(list(arguments))


async def test_the_environment_is_the_jobs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XWHEP_SECRET", "of the volunteer")
    environment = {"LD_PRELOAD": "", "WORD": "a=b --bind / /"}

    done = await contained(tmp_path, "import json; print(json.dumps(dict(os.environ)))", environment=environment)

    own = json.loads(done.stdout)
    own.pop("LC_CTYPE", None)  # Python's own doing (PEP 538)
    expected = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/job", "LANG": "C.UTF-8", "PWD": "/job"}
    assert own == {**expected, **environment}


async def test_standard_input_comes_from_its_file_and_ends(tmp_path: Path) -> None:
    (given := tmp_path / "given").write_bytes(b"line\n" * 100_000)

    done = await contained(tmp_path, "print(len(sys.stdin.buffer.read()))", stdin=given)
    (other := tmp_path / "other").mkdir()
    without = Done(await run(program(tmp_path, "print(sys.stdin.read() == '')"), LIMITS, other), other)

    assert done.stdout == "500000\n"
    assert without.stdout == "True\n"


async def test_a_program_that_does_not_read_its_input_ends_well(tmp_path: Path) -> None:
    (given := tmp_path / "given").write_bytes(bytes(2**20))

    done = await contained(tmp_path, "os.close(0); print('done')", stdin=given)

    assert (done.ended.exit_status, done.stdout) == (0, "done\n")


async def test_inputs_are_read_only(tmp_path: Path) -> None:
    (given := tmp_path / "given").write_text("precious")
    given.chmod(0o600)
    text = """
print(open('data/in.txt').read())
for act in (lambda: open('data/in.txt', 'a'), lambda: os.unlink('data/in.txt'), lambda: os.chmod('data/in.txt', 0o777),
            lambda: os.rename('data/in.txt', 'x'), lambda: open('/proc/self/fd/%d' % os.open('data/in.txt', 0), 'w')):
    try:
        act(); print('done!')
    except OSError: print('refused')
"""

    done = await contained(tmp_path, text, inputs={"data/in.txt": given})

    assert done.stdout.split() == ["precious"] + ["refused"] * 5
    assert given.read_text() == "precious"


async def test_of_the_volunteers_files_nothing_is_there(tmp_path: Path) -> None:
    (secret := tmp_path / "secret").write_text("of the volunteer")
    secret.chmod(0o644)
    text = f"""
print(sorted(name for name in os.listdir('/') if name[0] != '.' and not name.startswith('lib')))
print(os.listdir('/etc'), os.listdir('/tmp'), os.listdir('/dev/shm'), os.listdir('/job'))
print([path for path in {[str(secret), os.environ.get("HOME", "/root"), str(Path(__file__))]} if os.path.exists(path)])
"""

    done = await contained(tmp_path, text)

    root, folders, volunteers = done.stdout.splitlines()
    assert root == "['app', 'bin', 'dev', 'etc', 'job', 'proc', 'sbin', 'tmp', 'usr']"
    assert set(folders.replace("'ld.so.cache', 'alternatives'", "'alternatives', 'ld.so.cache'").split("] ")) <= {
        "['alternatives', 'ld.so.cache'",
        "['ld.so.cache'",
        "[",
        "['out']",
    }
    assert volunteers == "[]"


async def test_nothing_can_be_written_but_the_working_and_temporary_folders(tmp_path: Path) -> None:
    text = """
for path in ('/x', '/dev/x', '/usr/x', '/app/x', '/etc/x', '/proc/sys/kernel/core_pattern', '/app/program.py'):
    try:
        open(path, 'w'); print('wrote', path)
    except OSError: pass
for path in ('/tmp/x', '/dev/shm/x', 'x', 'out/x'): open(path, 'w').write('.')
"""

    done = await contained(tmp_path, text)

    assert (done.ended.exit_status, done.stdout) == (0, "")


async def test_no_descriptor_of_the_host_comes_along(tmp_path: Path) -> None:
    done = await contained(tmp_path, "print([os.readlink(f'/proc/self/fd/{n}')[:5] for n in range(3)])\nos.fstat(3)")

    assert done.stdout == "['pipe:', 'pipe:', 'pipe:']\n"
    assert "Bad file descriptor" in done.stderr


async def test_no_network_is_reachable(tmp_path: Path) -> None:
    text = """
import socket
def reach(family, kind, address):
    try:
        with socket.socket(family, kind) as s:
            s.settimeout(5); s.connect(address); print('reached')
    except OSError as error: print(error.strerror)
reach(socket.AF_INET, socket.SOCK_STREAM, ('1.1.1.1', 53))
reach(socket.AF_INET, socket.SOCK_DGRAM, ('1.1.1.1', 53))
reach(socket.AF_INET6, socket.SOCK_STREAM, ('2606:4700:4700::1111', 53))
reach(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', int(sys.argv[1])))
reach(socket.AF_UNIX, socket.SOCK_STREAM, '\\0' + sys.argv[2])
reach(socket.AF_NETLINK, socket.SOCK_RAW, (0, 0))
reach(socket.AF_VSOCK, socket.SOCK_STREAM, (2, 1))
"""
    name = f"xwhep-test-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{name}")
        abstract.listen()

        done = await contained(tmp_path, text, arguments=(str(server.getsockname()[1]), name))

    unreachable, refused, no_family = "Network is unreachable", "Connection refused", "Address family not supported"
    assert done.stdout.splitlines() == [
        *(unreachable, unreachable, unreachable, refused, refused),
        *(f"{no_family} by protocol", f"{no_family} by protocol"),
    ]


async def test_the_kernel_refuses_what_computing_does_not_need(tmp_path: Path) -> None:
    text = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for name, arguments in (('ptrace', (0, 0, 0, 0)), ('unshare', (0x10000000,)), ('mount', (0, b'/', 0, 0, 0)),
                        ('syscall', (250, 0, 0, 0)), ('syscall', (425, 1, 0)), ('setns', (0, 0))):
    print(libc[name](*arguments), ctypes.get_errno())
print([line for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd', 'NoNew', 'Seccomp:'))])
"""

    done = await contained(tmp_path, text)

    *calls, status = done.stdout.splitlines()
    numbered_for_this_processor = os.uname().machine == "x86_64"
    assert calls[:3] + calls[5:] == ["-1 1"] * 4
    assert not numbered_for_this_processor or calls[3:5] == ["-1 1"] * 2
    assert status.replace("\\t", "").replace("\\n", "") == (
        "['CapEff:0000000000000000', 'CapBnd:0000000000000000', 'NoNewPrivs:1', 'Seccomp:2']"
    )


async def test_no_user_namespace_can_be_made_by_clone_either(tmp_path: Path) -> None:
    text = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
clone, new_user, sigchld = {'x86_64': 56, 'aarch64': 220}[os.uname().machine], 0x10000000, 17
made = libc.syscall(clone, new_user | sigchld, 0, 0, 0, 0)
print(made, os.strerror(ctypes.get_errno()))
"""

    done = await contained(tmp_path, text)

    assert done.stdout == "-1 No space left on device\n"  # user_namespaces(7): over the bound on their number


def _users(pid: int) -> set[int]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {int(word) for line in lines if line.startswith(("Uid:", "Gid:")) for word in line.split()[1:]}


async def test_seen_from_outside_the_program_is_no_root(tmp_path: Path) -> None:
    mark = f"mark-{os.urandom(8).hex()}"
    own = attempt(tmp_path)
    task = asyncio.create_task(run(program(tmp_path, "time.sleep(60)", arguments=(mark,)), LIMITS, own))
    await eventually(lambda: len(processes_with(mark)) >= 3)

    users = {user for pid in processes_with(mark) for user in _users(pid)}
    task.cancel()
    await asyncio.wait([task])

    expected = {UNPRIVILEGED_UID} if os.geteuid() == 0 else {os.getuid(), os.getgid()}
    assert users == expected


def _command_lines_of_supervised() -> list[list[str]]:
    """Return the command lines of the supervisor that this process has started, and of what that has started."""
    lines = {pid: _command_line(pid) for child in processes.children(os.getpid()) for pid in processes.tree(child)}
    (supervisor,) = [pid for pid, line in lines.items() if any(part.endswith("supervisor.py") for part in line)]
    return [lines[pid] for pid in processes.tree(supervisor)]


def _command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")


async def test_command_lines_show_the_arguments_and_nothing_else_of_a_job(tmp_path: Path) -> None:
    argument, variable, name = (f"{kind}-{os.urandom(8).hex()}" for kind in ("argument", "variable", "name"))
    (given := tmp_path / "given").write_text("content")
    own = attempt(tmp_path)
    waiting = program(
        tmp_path,
        "print('begun', flush=True)\ntime.sleep(60)",
        arguments=(argument,),
        environment={"WORD": variable},
        inputs={name: given},
        stdin=given,
    )
    task = asyncio.create_task(run(waiting, LIMITS, own))
    await eventually(lambda: (own / "stdout").exists() and (own / "stdout").read_text() == "begun\n")

    lines = _command_lines_of_supervised()
    task.cancel()
    await asyncio.wait([task])

    with_arguments = [line for line in lines if argument in line]
    bubblewraps = [line for line in with_arguments if line[0] == "bwrap"]
    assert (len(lines), len(with_arguments), len(bubblewraps)) == (4, 3, 2)  # supervisor, bwrap, its init, the program
    assert all(line[1] == "--args" and line[3:] == ["--", "/app/program.py", argument] for line in bubblewraps)
    assert not [text for line in lines for text in line for secret in (variable, name, str(own)) if secret in text]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"echo pwned\n", "program is neither an ELF executable nor a script with a #! line"),
        (b"", "program is neither an ELF executable nor a script with a #! line"),
        (struct.pack("<4sBBB9xHH", b"\x7fELF", 1, 2, 1, 2, 8), "program is an executable for another processor"),
        (b"#!/no/such/interpreter\n", "the program cannot be executed: No such file or directory"),
    ],
)
async def test_a_file_that_cannot_be_executed_is_told_clearly(tmp_path: Path, content: bytes, why: str) -> None:
    (entry := tmp_path / "program").write_bytes(content)

    ended = await run(Program(entry), LIMITS, attempt(tmp_path))

    assert (ended.reason, ended.exit_status, ended.detail) == (Reason.NOT_STARTED, None, why)


async def test_arguments_that_are_too_long_are_told_clearly(tmp_path: Path) -> None:
    done = await contained(tmp_path, "print('ran')", arguments=("x" * 2**20,))

    assert (done.ended.reason, done.ended.detail) == (Reason.NOT_STARTED, "the program's arguments are too long")


async def test_without_bubblewrap_a_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotContainError, match=r"bwrap\) was not found; install"):
        await run(program(tmp_path, "print('ran unprotected')"), LIMITS, attempt(tmp_path), [])

    assert not (tmp_path / "attempt" / "stdout").exists()


def _executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


async def test_a_bubblewrap_that_cannot_build_the_sandbox_gives_way_to_the_next(tmp_path: Path) -> None:
    broken = [Bubblewrap(Path("/usr/bin/false")), Bubblewrap(Path("/no/bwrap"))]
    old = _executable(tmp_path / "old-bwrap", "#!/bin/sh\necho bwrap: Unknown option --disable-userns >&2; exit 1\n")

    with pytest.raises(CannotContainError, match="Unknown option --disable-userns"):
        await run(program(tmp_path, "print('ran')"), LIMITS, attempt(tmp_path), [*broken, Bubblewrap(old)])
    own = attempt(tmp_path, "another")
    done = Done(await run(program(tmp_path, "print('ran')"), LIMITS, own, [*broken, *installed()]), own)

    assert done.stdout == "ran\n"


def test_bubblewrap_is_found_on_the_path_before_the_python_package(tmp_path: Path) -> None:
    _executable(tmp_path / "bwrap", "#!/bin/sh\n")

    first, *others = installed(str(tmp_path))

    assert first.path == tmp_path / "bwrap"
    assert others == installed(search_path="/var/empty")
