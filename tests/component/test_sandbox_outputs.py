"""What a hostile program leaves in out/ is taken without following anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.contained import contained, limited
from tests.support.namespaces import needs_namespaces
from worker.sandbox.model import Program, Reason
from worker.sandbox.outputs import MAX_NOTES, Budget, TooMuchError, collect
from xwhep.errors.requests import InvalidFieldError


@needs_namespaces
async def test_regular_files_come_out_with_their_folders(tmp_path: Path) -> None:
    text = """
os.makedirs('out/a/b'); open('out/a/b/c.txt', 'w').write('deep'); open('out/schön', 'wb').write(bytes([0, 255]))
open('outside', 'w')
"""

    done = await contained(tmp_path, text)

    assert done.out == {"a/b/c.txt": b"deep", "schön": b"\0\xff"}
    assert done.ended.refused == ()
    assert [(name, size) for name, _, size in collect(done.folder / "out", Budget(10, 100, 100))] == [
        ("a/b/c.txt", 4),
        ("schön", 2),
    ]


@needs_namespaces
async def test_nothing_but_regular_files_comes_out(tmp_path: Path) -> None:
    (secret := tmp_path / "secret").write_text("of the volunteer")
    text = """
import socket
os.symlink(sys.argv[1], 'out/link'); os.symlink('/', 'out/root'); os.symlink('..', 'out/up')
os.mkfifo('out/pipe'); socket.socket(socket.AF_UNIX).bind('out/socket')
for kind in (0o020000, 0o060000):
    try: os.mknod('out/device', kind | 0o666, os.makedev(1, 5)); print('made')
    except OSError: pass
open('out/closed', 'w').close(); os.chmod('out/closed', 0)
open('out/good', 'w').write('good')
"""

    done = await contained(tmp_path, text, arguments=(str(secret),))

    assert done.stdout == ""
    assert done.out == {"good": b"good"}
    assert set(done.ended.refused) == {
        "out/'closed': Permission denied",
        *(f"out/'{name}': not a regular file" for name in ("link", "pipe", "root", "socket", "up")),
    }


@needs_namespaces
async def test_names_that_break_listings_stay_behind(tmp_path: Path) -> None:
    text = r"""
for name in (b'new\nline', b'\x1b[2J', b'\xff', b'back\\slash', b'a' * 255, b'-rf', b'..x'):
    open(b'out/' + name, 'w').close()
"""

    done = await contained(tmp_path, text)

    assert sorted(done.out) == ["-rf", "..x", "a" * 255]
    assert len(done.ended.refused) == 4
    assert all(sentence.isprintable() for sentence in done.ended.refused)


@needs_namespaces
async def test_names_that_are_too_long_together_fail_the_job(tmp_path: Path) -> None:
    text = "for number in range(10): open(f'out/{number:0100}', 'w').close()"

    done = await contained(tmp_path, text, limits=limited(names_bytes=1039))

    assert (done.ended.reason, done.ended.detail) == (
        Reason.DISK,
        "the names of the files in out/ are too long together",
    )
    assert len(done.out) == 9


@needs_namespaces
async def test_a_tree_without_end_is_bounded(tmp_path: Path) -> None:
    text = """
os.chdir('out')
for _ in range(100): os.mkdir('d' * 255); os.chdir('d' * 255)
open('bottom', 'w')
"""

    done = await contained(tmp_path, text)

    assert done.ended.reason is Reason.EXITED
    assert done.out == {}
    assert [sentence.rpartition(": ")[2] for sentence in done.ended.refused] == ["too deep"]


@needs_namespaces
async def test_files_with_holes_are_not_blown_up_on_the_disk(tmp_path: Path) -> None:
    text = "for number in range(50): os.truncate(os.open(f'out/{number}', os.O_CREAT | os.O_RDWR), 4 * 2**20)"

    done = await contained(tmp_path, text)

    assert (done.ended.reason, done.ended.detail) == (Reason.DISK, "the files in out/ are too large")
    assert sum(map(len, done.out.values())) <= 8 * 2**20


@needs_namespaces
async def test_a_program_that_replaces_out_gives_nothing(tmp_path: Path) -> None:
    done = await contained(tmp_path, "os.rmdir('out'); os.symlink('/etc', 'out')")

    assert (done.ended.exit_status, done.out) == (0, {})
    assert len(done.ended.refused) == 1


@needs_namespaces
async def test_only_so_many_refusals_are_told(tmp_path: Path) -> None:
    done = await contained(tmp_path, "for n in range(100): os.symlink('x', f'out/{n}')", limits=limited(files=300))

    assert len(done.ended.refused) == MAX_NOTES


def test_collect_stops_at_its_bounds(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / str(number)).write_bytes(bytes(10))

    assert len(collect(tmp_path, Budget(3, 30, 15))) == 3
    with pytest.raises(TooMuchError, match="too many files"):
        collect(tmp_path, Budget(2, 30, 15))
    with pytest.raises(TooMuchError, match="too large"):
        collect(tmp_path, Budget(3, 29, 15))
    with pytest.raises(TooMuchError, match="too long together"):
        collect(tmp_path, Budget(3, 30, 14))


def test_collect_does_not_follow_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")

    with pytest.raises(OSError, match="link"):
        collect(tmp_path / "link", Budget(3, 29, 15))


@given(name=st.text(st.sampled_from("ab./\0 out"), max_size=8))
def test_an_accepted_input_lies_inside_the_working_folder_and_outside_out(name: str) -> None:
    try:
        Program(Path("x"), inputs={name: Path("x")})
    except InvalidFieldError:
        return

    inside = os.path.normpath(f"/job/{name}")
    assert inside == f"/job/{name}"
    assert inside.startswith("/job/")
    assert not f"{inside}/".startswith("/job/out/")


@pytest.mark.parametrize("name", ["", ".", "/etc/x", "../x", "a/../../x", "a//b", "a/", "out", "out/x", "a\0b"])
def test_an_input_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(InvalidFieldError):
        Program(Path("x"), inputs={name: Path("x")})


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([str(number) for number in range(1001)], "there are 1001; at most 1000 are allowed"),
        ([f"{f'{number:x}/' * 40}x" for number in range(1000)], "they lie in 40000 folders; at most 10000 are allowed"),
        (["a/b", "a"], "the path of one input is the folder of another"),
    ],
)
def test_inputs_that_are_too_many_or_collide_are_refused(names: list[str], why: str) -> None:
    with pytest.raises(InvalidFieldError, match=why):
        Program(Path("x"), inputs=dict.fromkeys(names, Path("x")))


@pytest.mark.parametrize(
    "given",
    [{"arguments": ("a\0b",)}, {"environment": {"A": "\0"}}, {"environment": {"A=B": ""}}, {"environment": {"": ""}}],
)
def test_texts_that_no_program_can_be_given_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(InvalidFieldError):
        Program(Path("x"), **given)  # type: ignore[arg-type] # the values are right, their union is too wide
