"""The contracts: what is shipped is what the sources say, it keeps its rules, and it costs what the table says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import chain_tools

ROOT = Path(__file__).parents[2]
ABI = ROOT / "xwhep" / "chain" / "abi"
SHIPPED = sorted(path.stem for path in ABI.glob("*.json"))


def run(*command: str | Path, home: Path, **variables: str) -> str:
    """Run a tool in the folder of the contracts and return what it printed, which is the failure's text if it fails."""
    environment = chain_tools.environment(home) | variables
    done = subprocess.run(
        command,
        cwd=chain_tools.CONTRACTS,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the build writes, made from the sources now."""
    folder = tmp_path_factory.mktemp("rebuilt")
    run(chain_tools.node(), "build.mjs", folder / "root", home=folder)
    return folder / "root"


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what forge has compiled (`out`) and measured (`snapshots`), after all its tests have passed."""
    folder = tmp_path_factory.mktemp("tested")
    places = ("--out", folder / "out", "--cache-path", folder / "cache")
    measuring = {"FOUNDRY_GAS_SNAPSHOT_EMIT": "true", "FOUNDRY_SNAPSHOTS": str(folder / "snapshots")}
    printed = run(chain_tools.forge(), "test", *places, home=folder, **measuring)
    assert " 0 failed, 0 skipped" in printed, printed
    return folder


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_is_checked_in_is_what_the_sources_say_byte_for_byte(rebuilt: Path) -> None:
    written = files_below(rebuilt)

    assert {path for path in written if (rebuilt / path).read_bytes() != (ROOT / path).read_bytes()} == set()
    assert {f"xwhep/chain/abi/{name}.json" for name in SHIPPED} <= written


def test_the_contracts_keep_their_rules(tested: Path) -> None:
    assert files_below(tested)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_code_that_is_shipped_is_the_code_that_was_tested(name: str, tested: Path) -> None:
    shipped: dict[str, Any] = json.loads((ABI / f"{name}.json").read_text(encoding="utf-8"))
    by_forge = json.loads((tested / "out" / f"{name}.sol" / f"{name}.json").read_text(encoding="utf-8"))

    assert shipped["bytecode"] == by_forge["bytecode"]["object"]


def test_each_call_costs_what_the_table_says(tested: Path) -> None:
    measured = json.loads((tested / "snapshots" / "gas.json").read_text(encoding="utf-8"))

    assert measured == json.loads((chain_tools.CONTRACTS / "snapshots" / "gas.json").read_text(encoding="utf-8"))


def test_the_sources_are_formatted(tmp_path: Path) -> None:
    run(chain_tools.forge(), "fmt", "--check", home=tmp_path)


def test_the_lock_pins_each_package_with_its_hash_and_no_address() -> None:
    lock = json.loads((chain_tools.CONTRACTS / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


def test_no_contract_is_long() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in chain_tools.CONTRACTS.glob("src/*.sol")}

    assert {name: length for name, length in lengths.items() if length >= 250} == {}


def test_the_page_on_dapps_shows_the_dapp_that_is_tested() -> None:
    page = (ROOT / "docs" / "how-to" / "write-a-dapp.md").read_text(encoding="utf-8")
    source = (chain_tools.CONTRACTS / "test" / "PiTask.sol").read_text(encoding="utf-8")

    assert f"```solidity\n{source}```" in page
