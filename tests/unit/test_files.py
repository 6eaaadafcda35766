import os
import stat
from pathlib import Path

import pytest

from xwhep.files import PRIVATE, make_private_folder, replace_file

posix = pytest.mark.skipif(os.name == "nt", reason="Windows keeps no file modes")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_and_written_over(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"old")
    replace_file(tmp_path / "file", b"new\r\n")

    assert (tmp_path / "file").read_bytes() == b"new\r\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@posix
def test_a_private_file_is_private_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    fsync = os.fsync

    def look(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    umask = os.umask(0)
    try:
        replace_file(tmp_path / "key", b"secret", PRIVATE)
    finally:
        os.umask(umask)

    assert seen[0] == 0o600
    assert mode_of(tmp_path / "key") == 0o600


@posix
def test_a_private_file_replaces_a_public_one_with_its_own_mode(tmp_path: Path) -> None:
    replace_file(tmp_path / "key", b"public")
    replace_file(tmp_path / "key", b"secret", PRIVATE)

    assert mode_of(tmp_path / "key") == 0o600


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(tmp_path / "file", b"old")

    def disk_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@posix
def test_a_private_folder_is_private_with_what_is_missing_above_it(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        make_private_folder(tmp_path / "home" / "host")
    finally:
        os.umask(umask)

    assert mode_of(tmp_path / "home") == 0o700
    assert mode_of(tmp_path / "home" / "host") == 0o700


@posix
def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o750)
    before = mode_of(tmp_path / "home")

    make_private_folder(tmp_path / "home")

    assert mode_of(tmp_path / "home") == before
