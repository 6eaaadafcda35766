"""Where compiled kernels are kept."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from worker.vanity import cache
from xwhep.vanity.errors import KernelCacheError


@pytest.fixture(autouse=True)
def without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these tests run after others that imported numba; and put back what they set."""
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "unset")


def test_numba_is_told_a_folder_of_the_users_own(tmp_path: Path) -> None:
    folder = cache.activate(tmp_path / "kernels")

    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)
    assert folder.parent == tmp_path / "kernels"
    assert os.name != "posix" or folder.stat().st_mode & 0o777 == 0o700


def test_any_edit_of_a_source_makes_another_folder(tmp_path: Path) -> None:
    source, renamed = tmp_path / "field.py", tmp_path / "field2.py"
    source.write_text("x = 1")
    before = cache.source_digest([source])

    source.write_text("x = 2")
    after_an_edit = cache.source_digest([source])
    source.rename(renamed)

    assert len({before, after_an_edit, cache.source_digest([renamed])}) == 3


def test_all_sources_of_a_kernel_count() -> None:
    names = {path.name for path in cache.SOURCES}

    assert {"vectors.py", "field26.py", "hashes.py", "search.py", "engine.py", "secp256k1.py", "units.py"} <= names


def test_what_compiles_nothing_does_not_count() -> None:
    assert cache.NOT_COMPILED.isdisjoint(path.stem for path in cache.SOURCES)


def test_no_kernel_is_made_of_what_does_not_count() -> None:
    """The compiled functions, and all of the package that the modules with compiled functions import, count."""
    folder = Path(cache.__file__).parent
    counted = {path.stem for path in cache.SOURCES}
    with_compiled = {path.stem for path in folder.glob("*.py") if "@compiled" in path.read_text()}

    assert with_compiled <= counted
    for module in counted & {path.stem for path in folder.glob("*.py")}:
        source = (folder / f"{module}.py").read_text()
        names = re.findall(r"worker\.vanity(?:\.(\w+) import| import (.*))", source)
        assert set(re.findall(r"\w+", " ".join(map(" ".join, names)))) <= counted, module


def test_the_same_sources_keep_their_folder(tmp_path: Path) -> None:
    assert cache.activate(tmp_path) == cache.activate(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(KernelCacheError, match=r"compiled kernels cannot be kept in .*file"):
        cache.activate(tmp_path / "file")


def test_a_cache_is_cold_for_each_kernel_until_it_is_compiled(tmp_path: Path) -> None:
    assert cache.is_cold(tmp_path, "field52-p2wpkh")

    cache.mark_warm(tmp_path, "field52-p2wpkh")

    assert not cache.is_cold(tmp_path, "field52-p2wpkh")
    assert cache.is_cold(tmp_path, "field52-p2sh-p2wpkh")


def test_the_home_folder_decides_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))
    at_home = cache.default_root()
    monkeypatch.delenv("XWHEP_HOME")

    assert at_home == tmp_path / "cache" / "kernels"
    assert cache.default_root().is_absolute()


def test_what_the_daemon_uses_imports_no_numba() -> None:
    modules = "worker.runs.vanity, worker.vanity.local_commands, worker.vanity.cache, worker.vanity.reference"
    program = f"import sys, {modules}; sys.exit(any(name in sys.modules for name in ('numba', 'llvmlite', 'numpy')))"

    finished = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)

    assert finished.returncode == 0
