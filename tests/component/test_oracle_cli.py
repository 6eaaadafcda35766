"""The command line of the oracle: what `init` makes, what a bad start says, what `status` shows."""

from __future__ import annotations

import asyncio
import json
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from oracle import daemon
from oracle.cli import program
from oracle.config import Folders
from oracle.ledger.file import Ledger
from tests.support.dapps import PASSWORD, account
from tests.support.grid import GridUnderTest, a_grid
from tests.support.oracles import a_world, an_oracle
from tests.support.tasks import APP_UID, SUBJECT, a_task
from tests.support.workers import PATIENCE_S
from xwhep.chain.deployment import Deployment
from xwhep.errors.base import XwhepError
from xwhep.errors.chain import DeploymentFileError, KeystoreError, NoCodeError, WrongChainError
from xwhep.errors.identity import NotJoinedError
from xwhep.errors.installations import ConfigurationError
from xwhep.errors.ledgers import ForeignLedgerError
from xwhep.errors.machines import AlreadyRunningError
from xwhep.lock import hold
from xwhep.rights import Role

#: a deployment on a chain that nobody runs
DEPLOYMENT = {
    "chain_id": 31337,
    "genesis_hash": "0x" + "00" * 32,
    "block": 1,
    "confirmations": 1,
    "rlc": "0x" + "11" * 20,
    "hub": "0x" + "22" * 20,
    "apps": {"vanity": 1},
    "contracts": {},
}


@dataclass(slots=True)
class Keeper:
    """Types commands of the oracle; has a home folder."""

    home: Path

    async def does(self, *words: object, stdin: str | None = None, **environment: str) -> Result:
        """Return what a command printed and how it ended."""
        runner = CliRunner(env={"XWHEP_HOME": str(self.home), "XWHEP_KEYSTORE_PASSWORD": PASSWORD, **environment})
        return await asyncio.to_thread(runner.invoke, program, [str(word) for word in words], input=stdin)

    async def joins(self, grid: GridUnderTest, *options: object) -> Result:
        """Type `init`, with the keystore of an account that opens fast."""
        self.home.mkdir(exist_ok=True)
        keystore = self.home / "fast.json"
        if not keystore.exists():
            account(keystore)
        token = f"{await grid.token(Role.SERVICE)}\n"
        return await self.does("init", grid.url, "--token", "-", "--keystore", keystore, *options, stdin=token)


async def test_init_joins_makes_an_account_and_writes_the_section(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        keeper = Keeper(tmp_path / "home")
        token = f"{await grid.token(Role.SERVICE)}\n"
        app = f"wordcount={APP_UID}"
        made = await keeper.does(
            "init", grid.url, "--token", "-", "--rpc", "http://127.0.0.1:1", "--app", app, stdin=token
        )
        status = await keeper.does("status")

    address = made.stdout.strip()
    assert made.exit_code == 0, made.output
    assert address.startswith("0x")
    assert len(address) == 42
    assert "ORACLE_ROLE" in made.stderr
    assert (keeper.home / "oracle" / "keystore.json").stat().st_mode & 0o077 == 0
    written = tomllib.loads((keeper.home / "config.toml").read_text())["oracle"]
    assert written == {"rpc_url": "http://127.0.0.1:1", "apps": {"vanity": "search", "wordcount": str(APP_UID)}}
    assert address in status.stdout
    assert "nothing yet" in status.stdout


async def test_init_again_keeps_the_account_and_leaves_the_configuration_alone(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        keeper = Keeper(tmp_path / "home")
        first = await keeper.joins(grid)
        before = (keeper.home / "config.toml").read_text()
        second = await keeper.joins(grid, "--rpc", "http://127.0.0.1:1")

    assert second.exit_code == 0
    assert second.stdout == first.stdout
    assert (keeper.home / "config.toml").read_text() == before
    assert 'rpc_url = "http://127.0.0.1:1"' in second.stderr


async def test_a_password_in_the_nodes_url_is_refused_as_an_argument(tmp_path: Path) -> None:
    result = await Keeper(tmp_path).does("run", "--rpc", "http://me:secret@example.org")

    assert result.exit_code == 2
    assert "XWHEP_ORACLE__RPC_URL" in result.stderr
    assert "secret@" not in result.stderr


async def test_an_oracle_that_never_joined_says_how(tmp_path: Path) -> None:
    for command in ("run", "status"):
        result = await Keeper(tmp_path).does(command)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert "xwhep-oracle init" in result.stderr
        assert NotJoinedError.code in result.stderr


async def test_a_bad_start_is_one_sentence_and_a_code(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        keeper = Keeper(tmp_path / "home")
        await keeper.joins(grid)
        no_file = await keeper.does("run")
        Deployment.model_validate(DEPLOYMENT).write(keeper.home / "deployment.json")
        no_password = await keeper.does("run", XWHEP_KEYSTORE_PASSWORD="wrong")
        no_uid = await keeper.does("run", XWHEP_ORACLE__APPS='{"vanity": "sudo"}')

    for result, error in ((no_file, DeploymentFileError), (no_password, KeystoreError), (no_uid, ConfigurationError)):
        assert result.exit_code == error.exit_status
        assert result.stderr.count("\n") == 1
        assert result.stderr.endswith(f" ({error.code})\n")


async def test_an_oracle_starts_only_for_the_chain_the_hub_and_the_apps_that_it_is_about(tmp_path: Path) -> None:
    changes: list[tuple[dict[str, Any], type[XwhepError]]] = [
        ({"chain_id": 1}, WrongChainError),
        ({"genesis_hash": "0x" + "ab" * 32}, WrongChainError),
        ({"apps": {"poetry": 1}}, ConfigurationError),
        ({"hub": "0x" + "12" * 20}, NoCodeError),
    ]
    async with a_world(tmp_path) as world:
        for change, error in changes:
            world.folders.ledger.unlink(missing_ok=True)
            place = replace(world.place(), deployment=world.market.deployment.model_copy(update=change))
            with pytest.raises(error):
                await daemon.serve(place, asyncio.Event())
        with pytest.raises(ForeignLedgerError):  # it is about the hub that is not there
            await daemon.serve(world.place(), asyncio.Event())
        with hold(world.folders.lock, "an oracle"), pytest.raises(AlreadyRunningError):
            await daemon.serve(world.place(), asyncio.Event())


async def test_an_oracle_says_at_the_start_what_it_lacks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_world(tmp_path) as world:
        place = replace(world.place(), account=account(tmp_path / "poor.json"))
        async with an_oracle(place):
            async with asyncio.timeout(PATIENCE_S):
                while "ORACLE_ROLE" not in caplog.text:  # noqa: ASYNC110 - the log tells nobody
                    await asyncio.sleep(0.01)

    assert "has no ether" in caplog.text


async def test_status_shows_the_open_tasks(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        keeper = Keeper(tmp_path / "home")
        await keeper.joins(grid)
        ledger = Ledger(Folders(keeper.home).ledger)
        ledger.bind(SUBJECT)
        ledger.run(lambda session: session.add_all([a_task(7, batch_open=True), a_task(8)]))
        ledger.close()
        shown = await keeper.does("status")
        document = json.loads((await keeper.does("status", "--json")).stdout)

    assert "not running" in shown.stdout
    assert "tasks seen" in shown.stdout
    assert document["running"] is False
    assert document["progress"]["counts"] == {"seen": 2}
    first, second = document["progress"]["open_tasks"]
    assert (first["id"], first["state"], first["transaction"], second["batch_uid"]) == (7, "seen", None, None)
    assert len(first["batch_uid"]) == 36
