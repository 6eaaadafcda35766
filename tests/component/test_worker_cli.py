"""The command line `xwhep-worker`, through click's runner."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from click.testing import CliRunner, Result

from tests.support.grid import a_grid
from tests.support.kernels import share_kernels
from worker.cli import program
from worker.config import Folders
from worker.status import RunView, WorkerStatus, write_status
from xwhep.fast_secp256k1 import public_key_of
from xwhep.lock import hold
from xwhep.pki.identity import load_identity
from xwhep.rights import Role
from xwhep.vanity.addresses import address, key_hash
from xwhep.vanity.split_key import Hit, combine, keygen
from xwhep.vanity.wanted import want_patterns
from xwhep.vanity.wif import decode_wif
from xwhep.world import REAL

PATTERN = "1L"


ROOT = Path(__file__).parents[2]


def invoke(*arguments: str, home: Path | None = None, typed: str | None = None) -> Result:
    environment = {"XWHEP_WORKER__NICE": "0"}  # these commands run in this process, which could not take it back
    if home is not None:
        environment["XWHEP_HOME"] = str(home)
    return CliRunner().invoke(program, list(arguments), env=environment, input=typed)


async def joined(tmp_path: Path) -> Result:
    """Join a grid with the token on standard input; return what the command said."""
    async with a_grid(tmp_path) as grid:
        token = str(await grid.token(Role.HOST))
        arguments = ("join", grid.url, "--token", "-", "--name", "bob")
        return await asyncio.to_thread(invoke, *arguments, home=tmp_path / "home", typed=token)


async def test_a_machine_joins_with_a_token_from_standard_input(tmp_path: Path) -> None:
    result = await joined(tmp_path)

    assert result.exit_code == 0
    assert "this machine is the host bob" in result.stderr
    identity = load_identity(Folders(tmp_path / "home").identity, "join")
    assert identity.name == "bob"
    if os.name != "nt":
        assert identity.key_path.stat().st_mode & 0o777 == 0o600


def test_what_is_no_token_is_wrong_on_the_command_line_alone(tmp_path: Path) -> None:
    result = invoke("join", "https://127.0.0.1:1", "--token", "nonsense", home=tmp_path)

    assert result.exit_code == 2
    assert "this is not a join token" in result.stderr


def test_a_worker_that_has_not_joined_is_told_how_to(tmp_path: Path) -> None:
    niceness = psutil.Process().nice()

    for command in ("run", "status"):
        result = invoke(command, home=tmp_path)

        assert result.exit_code == 1
        assert "run `xwhep-worker join` with a token first (not-joined)" in result.stderr
    assert psutil.Process().nice() == niceness, "the tests that follow would be slow"


def test_a_setting_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[worker]\nslot = 2\n")

    result = invoke("run", home=tmp_path)

    assert result.exit_code == 2
    assert "configuration key worker.slot" in result.stderr


async def test_pause_and_resume_leave_a_mark_that_the_worker_heeds(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "xwhep-worker join" in invoke("pause", home=home).stderr
    await joined(tmp_path)

    for _ in range(2):
        assert invoke("pause", home=home).exit_code == 0
        assert Folders(home).paused.exists()
    for _ in range(2):
        assert invoke("resume", home=home).exit_code == 0
        assert not Folders(home).paused.exists()


async def test_status_says_what_the_worker_does(tmp_path: Path) -> None:
    await joined(tmp_path)
    folders = Folders(tmp_path / "home")
    run = RunView(
        job_uid=UUID(int=5), attempt=2, kind="vanity", measure="keys", fraction=0.5, amount=7, amount_per_s=2e6
    )
    status = WorkerStatus(
        pid=1234,
        dispatcher="https://grid.example.org:4321",
        host_uid=UUID(int=1),
        name="bob",
        connected=False,
        stopping=False,
        slots=4,
        kinds={"vanity": {"keys_proven": 4_476_343}, "rare": {"note": "says a word"}},
        running=[run, RunView(job_uid=UUID(int=6), attempt=1, kind="rare", measure="numbers", amount=9000)],
        undelivered=3,
        updated_at=REAL.now(),
    )

    assert (silent := invoke("status", home=tmp_path / "home")).exit_code == 1
    assert "no worker is running here" in silent.stderr
    with hold(folders.lock, "a worker"):
        write_status(folders.status, status)
        text = invoke("status", home=tmp_path / "home")
        document = invoke("status", "--json", home=tmp_path / "home")

    assert "https://grid.example.org:4321, away" in text.stdout
    assert "2 of 4" in text.stdout
    assert re.search(r"vanity: keys proven +4.48 M\b", text.stdout)
    assert re.search(r"rare: note +says a word\b", text.stdout)
    assert f"job {UUID(int=5)}, attempt 2 50.0 %, 2 M keys/s" in text.stdout
    assert f"job {UUID(int=6)}, attempt 1, 9 k numbers" in text.stdout
    assert WorkerStatus.model_validate_json(document.stdout) == status


def test_a_search_here_writes_the_private_key_into_a_private_file_and_nowhere_else(tmp_path: Path) -> None:
    key_file = tmp_path / "my.key"

    result = invoke("search", PATTERN, "--local", "--key-file", str(key_file), "--slots", "1", "--json")

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    kept = tomllib.loads(key_file.read_text())
    assert found["address"] == kept["address"] == address(key_hash(public_key_of(decode_wif(kept["wif"]).secret)))
    assert found["address"].startswith(PATTERN)
    assert kept["wif"] not in result.output
    if os.name != "nt":
        assert key_file.stat().st_mode & 0o777 == 0o600


def test_a_search_for_somebody_elses_key_prints_what_only_they_can_use() -> None:
    secret, public_key = keygen()

    result = invoke("search", PATTERN, "--local", "--public-key", public_key.hex(), "--slots", "1", "--json")

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    hit = Hit(int(found["s"], 16), found["e"], found["sign"])
    key, _ = combine(secret, hit, want_patterns([PATTERN]).find)
    assert address(key_hash(public_key_of(key))) == found["address"]


def test_a_key_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    key_file = tmp_path / "my.key"
    key_file.write_text("dear")

    result = invoke("search", PATTERN, "--local", "--key-file", str(key_file))

    assert result.exit_code == 1
    assert "it exists already" in result.stderr
    assert key_file.read_text() == "dear"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("1O", "--local", "--key-file", "k"), "addresses have no 0, O, I or l"),
        (("--suffix", "L0", "--local", "--key-file", "k"), "character 2 is '0'"),
        (("--regex", ".*LoVE", "--local", "--key-file", "k"), "would have to be written out"),
        (("1L", "mL", "--local", "--key-file", "k"), "are not found by one search"),
        (("--local", "--key-file", "k"), "give a PATTERN, a file of them with --patterns, a --suffix or a --regex"),
        ((PATTERN, "--local"), "give either --key-file, for a fresh key, or --public-key"),
        ((PATTERN, "--key-file", "k"), "Missing option '--local'"),
        ((PATTERN, "--local", "--public-key", "02" + "00" * 32), "the public key cannot be used"),
        ((PATTERN, "--local", "--public-key", "xyz"), "it is not written in hexadecimal digits"),
    ],
)
def test_what_the_command_line_alone_shows_to_be_wrong_is_exit_status_2(arguments: tuple[str, ...], text: str) -> None:
    result = invoke("search", *arguments)

    assert result.exit_code == 2
    assert text in result.stderr


@pytest.mark.parametrize("command", sorted(program.lazy))
def test_every_command_shows_an_example(command: str) -> None:
    result = invoke(command, "--help")

    assert result.exit_code == 0
    assert f"xwhep-worker {command}" in result.stdout.partition("Example:")[2]


def test_the_bench_says_which_kernel_how_fast_and_how_near_to_the_bound(tmp_path: Path) -> None:
    share_kernels(tmp_path)
    measured = invoke("bench", "--threads", "2", "--seconds", "0.5", "--json", home=tmp_path)
    told = invoke("bench", "--threads", "1", "--seconds", "0.5", home=tmp_path)

    result = json.loads(measured.stdout)
    assert result["kernel"].startswith("field")
    assert result["threads"] == 2
    assert result["keys_per_s_of_one"] > 0
    assert result["keys_per_s"] == pytest.approx(2 * result["keys_per_s_of_each"])
    assert result["keys_per_cpu_s"] < 1.5 * result["bound_keys_per_cpu_s"]
    assert result["example"] == "1LoVE"
    assert "of which this is" in told.stdout


def test_the_bench_leaves_numba_to_its_children(tmp_path: Path) -> None:
    share_kernels(tmp_path)
    alone = "import sys; from worker.cli import program; program(sys.argv[1:], standalone_mode=False);"
    command = [sys.executable, "-c", f"{alone} sys.exit('numba' in sys.modules)", "bench", "--seconds", "0.5"]
    environment = {**os.environ, "XWHEP_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}

    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
