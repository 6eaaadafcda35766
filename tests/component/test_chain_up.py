"""`xwhep chain up` as people run it: what it prints, how it ends, what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

from tests.support.chains import ROOT, connected, each_kind, path_with_anvil, running_chain
from xwhep.cli.program import program
from xwhep.devchain.local_node import LocalNode
from xwhep.devchain.py_evm import check_hashes, running_py_evm
from xwhep.devchain.start import Kind
from xwhep.errors.chain import DevelopmentChainError

SOMEBODY = "0x90F8bf6A479f320ead074411a4B0e7944Ea8c9C1"
READY = re.compile(r"Chain (\d+) at (http://127\.0\.0\.1:(\d+)) \((anvil|py-evm)\)\n")
PATIENCE_S = 60.0

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


def types(*words: str, path: Path | None = None) -> Result:
    """Return how a command ends that starts no chain; `path` is the only folder of programs, where it is given."""
    environment = {} if path is None else {"PATH": str(path)}
    return CliRunner(env=environment).invoke(program, ["chain", "up", *words])


@contextlib.asynccontextmanager
async def chain_up(kind: Kind, *options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, re.Match[str]]]:
    """Run the command and give its process and its first line."""
    path = path_with_anvil() if kind is Kind.ANVIL else ""  # where nothing is found
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "xwhep.cli", "chain", "up", "--port", "0", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            first = READY.fullmatch((await process.stdout.readline()).decode())
        assert first is not None
        yield process, first
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@each_kind
async def test_the_first_line_says_where_the_chain_is_and_from_then_on_it_answers(kind: Kind) -> None:
    async with chain_up(kind, "--fund", SOMEBODY) as (_, first), connected(first[2]) as web3:
        assert (int(first[1]), first[4]) == (await web3.eth.chain_id, kind)
        assert await web3.eth.get_balance(web3.to_checksum_address(SOMEBODY)) == 100 * 10**18


@posix
@each_kind
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_clean_when_it_is_told_to(kind: Kind, number: signal.Signals) -> None:
    async with chain_up(kind) as (process, _):
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, number)  # as a terminal does it
        async with asyncio.timeout(PATIENCE_S):
            _, said = await process.communicate()

        assert process.returncode == 0
        assert said == b"It runs until you press Ctrl-C.\nStopping.\n"
        assert not [child for child in children if child.is_running()]


@posix
async def test_a_killed_chain_leaves_no_anvil_and_no_folder_behind() -> None:
    async with chain_up(Kind.ANVIL) as (process, _):
        children = psutil.Process(process.pid).children(recursive=True)
        anvil = next(child for child in children if child.name() == "anvil")
        home = Path(anvil.environ()["HOME"])
        was_there = await asyncio.to_thread(home.is_dir)
        process.kill()

        _, alive = await asyncio.to_thread(psutil.wait_procs, children, PATIENCE_S)

    assert alive == []
    assert (was_there, await asyncio.to_thread(home.exists)) == (True, False)


@posix
async def test_when_anvil_dies_the_command_says_so_and_ends() -> None:
    async with chain_up(Kind.ANVIL) as (process, _):
        children = psutil.Process(process.pid).children(recursive=True)
        next(child for child in children if child.name() == "anvil").kill()
        async with asyncio.timeout(PATIENCE_S):
            _, said = await process.communicate()

    assert process.returncode == 1
    assert b"no development chain can run here: anvil ended with exit status" in said


def test_a_program_that_is_called_anvil_and_is_none_is_told(tmp_path: Path) -> None:
    false = shutil.which("false")
    assert false is not None
    (tmp_path / "anvil").symlink_to(false)

    result = types("--port", "0", path=tmp_path)

    assert result.exit_code == 1
    assert "anvil ended before it listened; try --backend py-evm (no-development-chain)" in result.stderr


def test_without_anvil_it_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    result = types("--backend", "anvil", "--port", "0", path=tmp_path)

    assert result.exit_code == 1
    assert "there is no anvil on the PATH; install Foundry, or try --backend py-evm" in result.stderr


@pytest.mark.parametrize("library", ["eth_tester", "web3", "eth_utils"])
def test_a_library_that_is_not_installed_is_told_with_how_to_install_it(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = ("xwhep.devchain.", "xwhep.chain.transport", f"{library}.")
    for module in [name for name in sys.modules if name.startswith(loaded)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    command = {"web3": ["--rpc", "http://127.0.0.1:1"], "eth_utils": ["--fund", SOMEBODY]}

    result = types("--backend", "py-evm", "--port", "0", *command.get(library, []))

    assert result.exit_code == 1
    assert f"this command needs {library}" in result.stderr
    assert "pip install 'xwhep[devchain]'" in result.stderr


def test_a_python_without_ripemd_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def new(name: str, *_: object, **__: object) -> None:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", new)

    with pytest.raises(DevelopmentChainError, match="RIPEMD-160 and this Python's OpenSSL has none") as refused:
        check_hashes()
    assert refused.value.text.endswith("install anvil")


async def test_a_chain_that_makes_no_block_any_more_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(_: LocalNode) -> None:
        raise MemoryError

    monkeypatch.setattr(LocalNode, "mine", mine)
    async with running_py_evm([], 0.01) as (chain, _), asyncio.timeout(PATIENCE_S):
        with pytest.raises(DevelopmentChainError, match="py-evm made no block any more"):
            await chain.ended()


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        result = types("--port", port)

    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in result.stderr
    assert "(port-taken)" in result.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0x90F8bf6A479f320ead074411a4B0e7944Ea8c9c1", "do not check"),
        ("0x90F8bf6A479f320ead074411a4B0e7944Ea8c9", "40 hexadecimal digits"),
        ("90F8bf6A479f320ead074411a4B0e7944Ea8c9C1", "40 hexadecimal digits"),
        ("0x" + "g" * 40, "40 hexadecimal digits"),
        ("alice.eth", "40 hexadecimal digits"),
        ("", "40 hexadecimal digits"),
    ],
)
def test_what_is_no_address_is_refused(text: str, why: str) -> None:
    result = types("--fund", text)

    assert result.exit_code == 2
    assert why in result.stderr


@each_kind
async def test_a_chain_that_runs_already_is_looked_at(kind: Kind) -> None:
    async with running_chain(kind) as chain:
        result = await asyncio.to_thread(types, "--rpc", chain.url)

    assert result.exit_code == 0
    assert re.fullmatch(rf"Chain {chain.chain_id} at {chain.url} \({kind}/v[\d.a-z]+\)\n", result.stdout)


def test_a_node_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"

    result = types("--rpc", url + "/secret-path?key=secret")

    assert result.exit_code == 1
    assert "(no-rpc)" in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.parametrize("url", ["http://me:secret@127.0.0.1:8545", "ftp://127.0.0.1", "nonsense", "http://"])
def test_a_password_in_an_argument_is_refused_and_so_is_what_is_no_url(url: str) -> None:
    result = types("--rpc", url)

    assert result.exit_code == 2
    assert "secret" not in result.stderr


def test_ether_can_be_had_only_where_the_chain_is_started() -> None:
    result = types("--rpc", "http://127.0.0.1:8545", "--fund", SOMEBODY)

    assert result.exit_code == 2
    assert "--fund is for a chain that is started here" in result.stderr
