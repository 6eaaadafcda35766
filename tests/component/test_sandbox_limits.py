"""What a contained program can take of the machine, at most."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.contained import MIB, contained, limited, processes_with
from tests.support.namespaces import needs_namespaces
from worker.sandbox.model import Reason

pytestmark = needs_namespaces


async def test_a_process_cannot_grow_beyond_its_memory(tmp_path: Path) -> None:
    text = "held = []\nwhile True: held.append(bytearray(8 * 2**20))"

    done = await contained(tmp_path, text, limits=limited(memory_bytes=128 * MIB))

    assert done.ended.exit_status == 1
    assert "MemoryError" in done.stderr
    assert done.ended.max_rss_bytes < 128 * MIB


async def test_many_processes_cannot_grow_beyond_the_memory_together(tmp_path: Path) -> None:
    text = """
for _ in range(8):
    if os.fork() == 0:
        held = b'x' * (64 * 2**20)
        time.sleep(60)
time.sleep(60)
"""

    done = await contained(tmp_path, text, limits=limited(memory_bytes=128 * MIB))

    assert (done.ended.reason, done.ended.exit_status) == (Reason.MEMORY, None)
    assert done.ended.detail == f"its processes held more than {128 * MIB} bytes of memory"


async def test_only_so_many_processes_can_be_made(tmp_path: Path) -> None:
    text = """
made = 1
try:
    while os.fork(): made += 1
    time.sleep(60)
except OSError as error: print(made, error.strerror)
"""

    done = await contained(tmp_path, text, limits=limited(processes=16))

    assert done.stdout == "16 Resource temporarily unavailable\n"


async def test_a_fork_bomb_ends_with_nothing_left(tmp_path: Path) -> None:
    text = """
while True:
    try: os.fork()
    except OSError: pass
"""
    mark = f"bomb-of-{tmp_path.name}"

    done = await contained(tmp_path, text, limits=limited(wall_s=0.5), arguments=(mark,))

    assert done.ended.reason is Reason.WALL_TIME
    assert processes_with(mark) == []


async def test_a_program_that_fills_its_folder_is_stopped(tmp_path: Path) -> None:
    text = """
written = 0
with open('out/big', 'wb', 0) as file:
    try:
        while True: written += file.write(bytes(2**16))
    except OSError: print(written, flush=True)
for number in range(100):
    with open(f'out/{number}', 'wb', 0) as file:
        try:
            while True: file.write(bytes(2**16))
        except OSError: pass
"""

    done = await contained(tmp_path, text)

    assert done.ended.reason is Reason.DISK
    assert int(done.stdout) <= 8 * MIB
    assert sum(map(len, done.out.values())) <= 8 * MIB


async def test_files_without_a_name_count_as_well(tmp_path: Path) -> None:
    text = """
held = []
for number in range(100):
    held.append(open('hidden', 'wb', 0))
    os.unlink('hidden')
    try: held[-1].write(bytes(2**20))
    except OSError: pass
time.sleep(60)
"""

    done = await contained(tmp_path, text)

    assert done.ended.reason is Reason.DISK


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
async def test_the_temporary_folders_are_small(tmp_path: Path, folder: str) -> None:
    text = f"""
room = os.statvfs({folder!r})
print(room.f_blocks * room.f_bsize)
try:
    for number in range(20):
        with open({folder!r} + f'/{{number}}', 'wb', 0) as file: file.write(bytes(2**20))
except OSError as error: print(number, error.strerror)
"""

    done = await contained(tmp_path, text)

    assert done.stdout.splitlines() == [str(16 * MIB), "16 No space left on device"]


async def test_a_program_that_makes_files_without_end_is_stopped(tmp_path: Path) -> None:
    text = "number = 0\nwhile True:\n    number += 1\n    open(f'/tmp/{number}', 'w').close()"

    done = await contained(tmp_path, text, limits=limited(files=1000))

    assert (done.ended.reason, done.ended.detail) == (Reason.DISK, "it made more than 1000 files")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_flood_of_output_is_cut_and_stopped(tmp_path: Path, stream: str) -> None:
    done = await contained(tmp_path, f"while True: sys.{stream}.write('x' * 1000)")

    assert done.ended.reason is Reason.OUTPUT
    assert (done.folder / stream).stat().st_size == 100_000


async def test_the_output_allowed_is_kept_to_the_last_byte(tmp_path: Path) -> None:
    done = await contained(tmp_path, "sys.stdout.write('x' * 100_000)")

    assert (done.ended.reason, len(done.stdout)) == (Reason.EXITED, 100_000)


async def test_an_endless_loop_ends_by_cpu_time(tmp_path: Path) -> None:
    done = await contained(tmp_path, "while True: pass", limits=limited(cpu_s=1))

    assert (done.ended.reason, done.ended.exit_status) == (Reason.CPU_TIME, None)
    assert 1 <= done.ended.cpu_s < 5


async def test_cpu_time_is_that_of_all_processes_ended_ones_included(tmp_path: Path) -> None:
    text = """
while True:
    if os.fork() == 0:
        end = time.process_time() + 0.2
        while time.process_time() < end: pass
        os._exit(0)
    os.wait()
"""

    done = await contained(tmp_path, text, limits=limited(cpu_s=1))

    assert done.ended.reason is Reason.CPU_TIME


async def test_a_program_that_waits_for_ever_ends_by_wall_time(tmp_path: Path) -> None:
    done = await contained(tmp_path, "time.sleep(60)", limits=limited(wall_s=0.2))

    assert (done.ended.reason, done.ended.detail) == (Reason.WALL_TIME, "it ran for more than 0.2 seconds")
    assert done.ended.wall_s < 30


async def test_a_stopped_program_keeps_what_it_wrote_before(tmp_path: Path) -> None:
    text = "open('out/part', 'w').write('half')\nprint('begun', flush=True)\ntime.sleep(60)"

    done = await contained(tmp_path, text, limits=limited(wall_s=1))

    assert (done.stdout, done.out) == ("begun\n", {"part": b"half"})


async def test_memory_that_no_limit_counts_is_refused(tmp_path: Path) -> None:
    text = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def tell(name, result): print(name, 'made' if result >= 0 else os.strerror(ctypes.get_errno()))
tell('memory file', libc.memfd_create(b'x', 0))
tell('secret memory', libc.syscall(447, 0))
tell('shared memory', libc.shmget(0, 2**20, 0o1600))
tell('messages', libc.msgget(0, 0o1600))
tell('semaphores', libc.semget(0, 32000, 0o1600))
"""

    done = await contained(tmp_path, text)

    assert done.stdout.splitlines() == [
        "memory file Operation not permitted",
        "secret memory Operation not permitted",
        "shared memory Operation not permitted",
        "messages Operation not permitted",
        "semaphores Operation not permitted",
    ]
