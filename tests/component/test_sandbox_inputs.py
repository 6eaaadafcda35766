"""Many inputs, and deep ones: in their places soon, read-only, and never a machine's fault."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.contained import contained, limited
from tests.support.namespaces import needs_namespaces
from worker.sandbox.model import Reason

pytestmark = needs_namespaces

_WALK = """
found = [os.path.join(folder, name) for folder, _, names in os.walk('.') for name in names]
print(sorted(found) == sorted(f'./{path}' for path in sys.stdin.read().split()))
print({open(path).read() == os.path.basename(path) for path in found})
"""
_ALTER = """
acts = (os.unlink, lambda path: open(path, 'a'), lambda path: os.chmod(path, 0o777), lambda path: os.rename(path, 'x'),
        os.utime, lambda path: os.link(path, 'y'), lambda path: os.truncate(path, 0))
for path in ('a', 'b/c', 'b/d/e'):
    print(os.statvfs(path).f_flag & (os.ST_RDONLY | os.ST_NOSUID | os.ST_NODEV))
    for number, act in enumerate(acts):
        try: act(path); print(path, number, 'done!')
        except OSError: print('refused')
"""


def _inputs(folder: Path, *paths: str) -> dict[str, Path]:
    """Return files, each with its own name as content, as they lie in a worker's cache."""
    (cache := folder / "cache").mkdir()
    files = {path: cache / str(number) for number, path in enumerate(paths)}
    for path, file in files.items():
        file.write_text(path.rpartition("/")[2])
        file.chmod(0o444)
    return files


async def test_a_thousand_inputs_are_all_in_their_places(tmp_path: Path) -> None:
    paths = [f"{'folder/' * (number % 3)}file-{number}" for number in range(1000)]
    (listed := tmp_path / "listed").write_text("\n".join(paths))

    done = await contained(tmp_path, _WALK, inputs=_inputs(tmp_path, *paths), stdin=listed)

    assert (done.ended.reason, done.stdout) == (Reason.EXITED, "True\n{True}\n")


async def test_inputs_many_folders_deep_are_built(tmp_path: Path) -> None:
    paths = [f"{f'{number:x}/' * 40}{number}" for number in range(100)]

    done = await contained(tmp_path, "print(len(os.listdir()))", inputs=_inputs(tmp_path, *paths))

    assert (done.ended.reason, done.stdout) == (Reason.EXITED, "101\n")


async def test_no_input_can_be_altered_or_removed(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, "a", "b/c", "b/d/e")
    before = [file.stat() for file in inputs.values()]

    done = await contained(tmp_path, _ALTER, inputs=inputs)

    assert done.stdout.split() == [str(os.ST_RDONLY | os.ST_NOSUID | os.ST_NODEV), *["refused"] * 7] * 3
    assert [(then.st_mode, then.st_mtime_ns, then.st_size) for then in before] == [
        (now.st_mode, now.st_mtime_ns, now.st_size) for now in (file.stat() for file in inputs.values())
    ]


async def test_a_program_writes_beside_its_inputs(tmp_path: Path) -> None:
    text = "open('data/new', 'w').write(open('data/in').read()); print(open('data/new').read())"

    done = await contained(tmp_path, text, inputs=_inputs(tmp_path, "data/in"))

    assert done.stdout == "in\n"


async def test_inputs_are_no_files_that_the_program_made(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, *map(str, range(100)))

    done = await contained(tmp_path, "time.sleep(0.3); print('done')", inputs=inputs, limits=limited(files=100))

    assert (done.ended.reason, done.stdout) == (Reason.EXITED, "done\n")


async def test_nothing_of_the_inputs_is_kept_after_the_run(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, "a", "b/c")

    done = await contained(tmp_path, "print('done')", inputs=inputs)

    assert sorted(path.name for path in done.folder.iterdir()) == ["out", "stderr", "stdout"]
    assert all(file.exists() for file in inputs.values())
