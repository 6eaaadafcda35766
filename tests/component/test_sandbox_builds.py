"""Whose fault it is when a sandbox cannot be built: the program's, if another one can."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.contained import LIMITS, Done, attempt, limited, program
from tests.support.namespaces import needs_namespaces
from worker.sandbox.model import Reason
from worker.sandbox.runner import Bubblewrap, installed, run
from xwhep.errors.machines import CannotContainError

pytestmark = needs_namespaces

_OPTIONS = "/proc/self/fd/$2"  #: bwrap --args FD
_GO_ON = 'exec "$LD_LIBRARY_PATH/bwrap" "$@"'


def _bubblewrap(folder: Path, before: str) -> Bubblewrap:
    """Return this machine's bwrap behind a script that does something first."""
    real = installed()[0]
    (libraries := folder / "libraries").mkdir()
    if real.libraries is not None:
        shutil.copytree(real.libraries, libraries, dirs_exist_ok=True)
    shutil.copy(real.path, libraries / "bwrap")
    script = folder / "bwrap"
    script.write_text(f"#!/bin/sh\n{before}\n{_GO_ON}\n")
    script.chmod(0o755)
    return Bubblewrap(script, libraries)


@contextmanager
def _anybodys_folder() -> Iterator[Path]:
    """Return a folder that the program's user reaches: not below /tmp, which the supervisor covers."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


async def test_where_another_sandbox_can_be_built_it_is_the_programs_fault(tmp_path: Path) -> None:
    refuse = f"grep -q MARKED {_OPTIONS} && echo 'bwrap: Cannot mkdir /home/v/x: File name too long' >&2 && exit 1"
    bubblewrap = _bubblewrap(tmp_path, refuse)
    marked = program(tmp_path, "print('ran')", environment={"MARKED": ""})

    ended = await run(marked, LIMITS, attempt(tmp_path), [bubblewrap])
    other = Done(await run(program(tmp_path, "print('ran')"), LIMITS, own := attempt(tmp_path, "b"), [bubblewrap]), own)

    assert (ended.reason, ended.exit_status) == (Reason.NOT_STARTED, None)
    assert ended.detail == "its sandbox could not be built, where another could: File name too long"
    assert other.stdout == "ran\n"


async def test_a_sandbox_that_takes_too_long_to_build_is_the_programs_fault(tmp_path: Path) -> None:
    bubblewrap = _bubblewrap(tmp_path, f"grep -q MARKED {_OPTIONS} && exec sleep 60")
    marked = program(tmp_path, "print('ran')", environment={"MARKED": ""})

    ended = await run(marked, limited(start_s=0.5), attempt(tmp_path), [bubblewrap])

    assert (ended.reason, ended.detail) == (
        Reason.NOT_STARTED,
        "its sandbox could not be built, where another could: the sandbox was not built within 0.5 seconds",
    )


async def test_no_path_of_the_machine_is_told(tmp_path: Path) -> None:
    refuse = f"grep -q MARKED {_OPTIONS} && echo 'bwrap: cannot do /home/v/x' >&2 && exit 1"
    marked = program(tmp_path, "print('ran')", environment={"MARKED": ""})

    ended = await run(marked, LIMITS, attempt(tmp_path), [_bubblewrap(tmp_path, refuse)])

    assert ended.detail == "its sandbox could not be built, where another could: the worker's log says why"


async def test_what_failed_once_is_tried_again(tmp_path: Path) -> None:
    with _anybodys_folder() as folder:
        (once := folder / "once").mkdir()
        bubblewrap = _bubblewrap(tmp_path, f"rmdir {once} 2>/dev/null && exit 1")
        own = attempt(tmp_path)

        done = Done(await run(program(tmp_path, "print('ran')"), LIMITS, own, [bubblewrap]), own)

    assert (done.ended.reason, done.stdout) == (Reason.EXITED, "ran\n")


async def test_where_no_sandbox_can_be_built_it_is_the_machines_fault(tmp_path: Path) -> None:
    bubblewrap = _bubblewrap(tmp_path, "echo 'bwrap: No permissions' >&2; exit 1")

    with pytest.raises(CannotContainError, match="bwrap: No permissions"):
        await run(program(tmp_path, "print('ran')"), LIMITS, attempt(tmp_path), [bubblewrap])
