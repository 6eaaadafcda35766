"""The deployment file: written, read, and refused where it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xwhep.chain.deployment import Deployment
from xwhep.errors.chain import DeploymentFileError

ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
FIELDS: dict[str, Any] = {
    "chain_id": 31337,
    "genesis_hash": "0x" + "ab" * 32,
    "block": 3,
    "confirmations": 1,
    "rlc": ADDRESS,
    "hub": ADDRESS.lower(),
    "apps": {"vanity": 1},
    "contracts": {"VanityTask": ADDRESS},
}


def test_a_deployment_is_read_as_it_was_written(tmp_path: Path) -> None:
    deployment = Deployment.model_validate(FIELDS)
    deployment.write(tmp_path / "d.json")

    assert Deployment.read(tmp_path / "d.json") == deployment
    assert (deployment.hub, deployment.genesis) == (ADDRESS, b"\xab" * 32)
    assert deployment.on_development_chain
    assert (deployment.app("vanity"), deployment.contract("VanityTask")) == (1, ADDRESS)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"chain_id": 0}, "chain_id"),
        ({"chain_id": 2**63}, "chain_id"),
        ({"chain_id": "1"}, "chain_id"),
        ({"genesis_hash": "0x" + "AB" * 32}, "genesis_hash"),
        ({"genesis_hash": "0x"}, "genesis_hash"),
        ({"block": -1}, "block"),
        ({"confirmations": 10**6}, "confirmations"),
        ({"hub": "0x" + "0" * 40}, "hub"),
        ({"rlc": ADDRESS.replace("5aAe", "5aae")}, "rlc"),
        ({"apps": {"vanity": 0}}, "apps.vanity"),
        ({"contracts": {"a\x1b": ADDRESS}}, "contracts."),
        ({"more": 1}, "more"),
    ],
)
def test_a_file_with_a_fault_is_refused_and_the_fault_named(change: dict[str, Any], where: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(json.dumps(FIELDS | change))

    with pytest.raises(DeploymentFileError, match=f"cannot be used: {where}"):
        Deployment.read(tmp_path / "d.json")


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", " " * 70_000, "[" * 50_000])
def test_what_is_no_deployment_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(text)

    with pytest.raises(DeploymentFileError, match="`xwhep chain deploy` writes one"):
        Deployment.read(tmp_path / "d.json")


def test_what_a_deployment_lacks_is_named() -> None:
    deployment = Deployment.model_validate(FIELDS)

    with pytest.raises(DeploymentFileError, match="it has no app chess"):
        deployment.app("chess")
    with pytest.raises(DeploymentFileError, match="it has no contract ChessTask"):
        deployment.contract("ChessTask")
