"""The chain's part of the story: accounts, a chain, contracts, and the oracle between chain and grid."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from xwhep.demo.grid_story import DEVELOPER, START_S, Grid, token
from xwhep.demo.processes import Part, Stage
from xwhep.demo.telling import Teller
from xwhep.files import PRIVATE, replace_file
from xwhep.world import REAL

ORACLE: Final = "oracle"
YOU: Final = "you"
#: py-evm loads slowly
CHAIN_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain with the contracts on it, and the oracle that watches them."""

    name: str  #: what it runs on
    id: int
    oracle: Part


def tell_chain(teller: Teller, grid: Grid) -> Chain:
    """Start a chain, deploy the contracts, and start the oracle."""
    teller.head("Three get an account on Ethereum: the developer, the oracle, and you.")
    password = teller.stage.folder / "password"
    replace_file(password, REAL.token_bytes(16).hex().encode(), PRIVATE)
    developer = teller.run(DEVELOPER, ["xwhep", "tasks", "init", "--password-file", str(password)])
    oracle = _oracle_joins(teller, grid, password)
    you = teller.run(YOU, ["xwhep", "tasks", "init", "--password-file", str(password)])
    teller.note("each key is in a keystore file under a password; the oracle is a member of the grid as well")

    teller.head("A chain starts on this machine; for whoever uses it, it is like any other.")
    fund = [option for address in (developer, oracle, you) for option in ("--fund", address)]
    node = teller.start("chain", "chain", ["xwhep", "chain", "up", "--port", "0", *fund])
    found = node.wait_for(r"Chain (\d+) at (http://\S+) \((.+)\)", CHAIN_S)
    url = found[2]
    teller.note(f"it runs on {found[3]}, and makes a block each second")
    for home in (DEVELOPER, YOU):
        _configure(teller.stage, home, url, password)

    teller.head("The developer deploys the contracts: RLC, the hub that holds payments, and two dapps.")
    deploy = ["xwhep", "chain", "deploy", "--oracle", oracle, "--grant", you]
    teller.run(DEVELOPER, [*deploy, "--output", str(_deployment(teller.stage))])
    teller.note("you were given 1,000 RLC to try it with")

    teller.head("The oracle starts: it reads what the hub is asked, and takes it to the grid.")
    part = teller.start("oracle", ORACLE, ["xwhep-oracle", "run", "--rpc", url])
    part.wait_for(r"for the hub 0x", START_S)
    return Chain(found[3], int(found[1]), part)


def _oracle_joins(teller: Teller, grid: Grid, password: Path) -> str:
    """Return the address of the oracle's account."""
    command = ["xwhep-oracle", "init", grid.url, "--token", "-", "--password-file", str(password)]
    command += ["--deployment", str(_deployment(teller.stage))]
    if grid.app_uid is not None:
        command += ["--app", f"wordcount={grid.app_uid}"]
    return teller.run(ORACLE, command, stdin=token(teller, "service"))


def _deployment(stage: Stage) -> Path:
    return stage.folder / "deployment.json"


def _configure(stage: Stage, home: str, url: str, password: Path) -> None:
    """Write down where the chain is, so that commands need not say it."""
    settings = {"rpc": url, "deployment": str(_deployment(stage)), "password_file": str(password)}
    lines = ["[chain]", *(f"{name} = {json.dumps(value)}" for name, value in settings.items())]
    replace_file(stage.home(home) / "config.toml", ("\n".join(lines) + "\n").encode(), PRIVATE)
