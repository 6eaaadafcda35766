"""What requirements.lock promises (hashes, no addresses, all that pyproject.toml asks for); a worker without web3."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK_TEXT = (ROOT / "requirements.lock").read_text(encoding="utf-8")
#: of the queues that the bench of the dispatcher installs in an environment of their own
RIVALS_TEXT = (ROOT / "tests" / "bench" / "rivals" / "requirements.txt").read_text(encoding="utf-8")


def entries_of(text: str) -> list[str]:
    """Return one logical line for each package that a lock pins."""
    return re.sub(r"\\\n\s*", "", text).splitlines()


ENTRIES = entries_of(LOCK_TEXT)
each_lock = pytest.mark.parametrize("text", [LOCK_TEXT, RIVALS_TEXT], ids=["project", "rivals"])

PLATFORMS = [
    pytest.param({"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}, id="linux"),
    pytest.param({"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"}, id="macos"),
    pytest.param({"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}, id="windows"),
]


def pins() -> dict[NormalizedName, list[Requirement]]:
    """Return the lock's pins by canonical name; a package may be pinned differently for each Python."""
    by_name = defaultdict(list)
    for entry in ENTRIES:
        pin = Requirement(entry.split(" --hash")[0])
        by_name[canonicalize_name(pin.name)].append(pin)
    return by_name


def direct_requirements() -> list[Requirement]:
    """Return all that pyproject.toml names: run time, extras, groups and the build backend."""
    project = PYPROJECT["project"]
    groups = [*project["optional-dependencies"].values(), *PYPROJECT["dependency-groups"].values()]
    texts = [
        *project["dependencies"],
        *PYPROJECT["build-system"]["requires"],
        *(text for group in groups for text in group),
    ]
    return [requirement for requirement in map(Requirement, texts) if requirement.name != "xwhep"]


def closure(extra: str, platform: dict[str, str]) -> set[str]:
    """Return the canonical names of all that `xwhep[extra]` installs on a platform."""
    project = PYPROJECT["project"]
    waiting = [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"][extra])]
    locked, seen = pins(), set[tuple[str, str]]()
    names = set[str]()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        names.add(name)
        for wanted in {"", *requirement.extras} if installed_here(locked[name]) else ():
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                environment = {**platform, "extra": wanted}
                needed = map(Requirement, metadata.requires(name) or ())
                waiting += [other for other in needed if other.marker is None or other.marker.evaluate(environment)]
    return names


def installed_here(locked: list[Requirement]) -> bool:
    """Tell whether the lock installs a package on the machine that runs the test, so that its metadata can be read."""
    return any(pin.marker is None or pin.marker.evaluate() for pin in locked)


@each_lock
def test_each_package_is_pinned_and_hashed(text: str) -> None:
    pinned = re.compile(r"[a-z0-9-]+==\S+( ; [^#]+?)?( --hash=sha256:[0-9a-f]{64})+")

    assert [entry for entry in entries_of(text) if not pinned.fullmatch(entry)] == []


@each_lock
def test_a_lock_holds_no_address_and_no_option(text: str) -> None:
    assert re.findall(r"://|^\s*-(?!-hash=).*| @ ", text, re.MULTILINE) == []


def test_the_lock_holds_the_build_backend_and_what_an_editable_install_wants() -> None:
    assert {"hatchling", "editables"} <= pins().keys()


@pytest.mark.parametrize("requirement", direct_requirements(), ids=str)
def test_the_lock_satisfies_what_pyproject_asks_for(requirement: Requirement) -> None:
    locked = pins()[canonicalize_name(requirement.name)]

    versions = [specifier.version for pin in locked for specifier in pin.specifier]

    assert versions
    assert all(requirement.specifier.contains(version, prereleases=True) for version in versions)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_workers_install_has_no_web3(platform: dict[str, str]) -> None:
    names = closure("worker", platform)

    assert {"aiohttp", "numba", "numpy", "pydantic-core", "yarl"} <= names
    assert {name for name in names if name.startswith(("web3", "eth-", "py-evm", "sqlalchemy", "sqlmodel"))} == set()


def test_an_oracles_install_has_web3_by_the_same_reckoning() -> None:
    assert {"web3", "eth-account", "sqlalchemy"} <= closure("oracle", {})
