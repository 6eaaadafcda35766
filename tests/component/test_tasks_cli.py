"""`xwhep tasks` and `xwhep chain deploy` against real chains: what people type, what they read, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from click.testing import CliRunner, Result

from tests.support.chains import each_kind_measured_once, running_chain
from tests.support.dapps import BLOCK_S, PASSWORD, Market, a_market, account, search
from xwhep.chain.deployment import Deployment
from xwhep.chain.parameters import decode_vanity_parameters
from xwhep.chain.values import RLC, SubmittedTask, TaskStatus
from xwhep.cli.program import program
from xwhep.devchain.start import Kind
from xwhep.fast_secp256k1 import public_key_of
from xwhep.vanity.addresses import address, key_hash
from xwhep.vanity.wif import decode_wif


class User:
    """Types commands about one chain, with alice's account."""

    def __init__(self, home: Path, url: str, **settings: object) -> None:
        self.home = home
        given = {name: str(value) for name, value in settings.items() if value is not None}
        self._environment = {
            "XWHEP_HOME": str(home),
            "XWHEP_KEYSTORE_PASSWORD": PASSWORD,
            "XWHEP_CHAIN__RPC": url,
            **{f"XWHEP_CHAIN__{name.upper()}": value for name, value in given.items()},
        }

    @classmethod
    def of(cls, market: Market, home: Path) -> User:
        return cls(home, market.chain.url, deployment=market.deployment_file, keystore=market.alice_keystore)

    def types(self, *words: object, stdin: str | None = None, **environment: str | None) -> Result:
        runner = CliRunner(env=self._environment | environment)
        return runner.invoke(program, [str(word) for word in words], input=stdin)

    async def does(self, *words: object, stdin: str | None = None, **environment: str | None) -> Result:
        return await asyncio.to_thread(self.types, *words, stdin=stdin, **environment)

    async def gets(self, *words: object, stdin: str | None = None) -> Any:
        result = await self.does(*words, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def starts(self, *words: object) -> asyncio.Task[Result]:
        return asyncio.create_task(self.does(*words))


def private_file(path: str) -> tuple[str, int, str]:
    """Return a file's name, mode and content."""
    return Path(path).name, stat.S_IMODE(Path(path).stat().st_mode), Path(path).read_text()


@each_kind_measured_once
async def test_an_address_is_paid_for_found_and_made_a_key(kind: Kind, tmp_path: Path) -> None:
    async with a_market(kind, tmp_path) as market:
        alice = User.of(market, tmp_path / "home")
        submitted = await alice.gets("tasks", "submit", "vanity", "1L")
        number = submitted["task_id"]
        pending = await alice.gets("tasks", "show", number)
        watching = alice.starts("tasks", "watch", number, "--json")
        events = await market.hub.history(number, await market.node.head())
        assert isinstance(events[0], SubmittedTask)
        await market.finish(number, search(decode_vanity_parameters(events[0].params).public_key, "1L"))
        watched = await watching
        shown = await alice.gets("tasks", "show", number)

    assert (pending["status"], pending["price"], pending["address"]) == ("pending", RLC, None)
    found = json.loads(watched.stdout)
    name, mode, whole = private_file(found["key_file"])
    key = decode_wif(tomllib.loads(whole)["wif"]).secret
    assert address(key_hash(public_key_of(key))) == found["address"]
    assert found["address"].startswith("1L")
    assert (name, mode) == (f"{found['address']}.key", 0o600)
    assert private_file(submitted["key_file"])[:2] == (f"task-1-{submitted['public_key'][2:18]}.key", 0o600)
    assert (found["status"], found["confirmed"], found["settled_in"][:2]) == ("done", True, "0x")
    assert (shown["address"], shown["key_file"]) == (found["address"], None)


@contextlib.asynccontextmanager
async def a_lying_node(url: str) -> AsyncIterator[str]:
    """Yield the URL of a node that passes all on to another, and says of each transaction that it was refused."""

    async def relay(request: web.Request) -> web.Response:
        asked = await request.json()
        async with ClientSession() as session, session.post(url, json=asked) as reply:
            answer = await reply.json()
        if asked["method"] == "eth_sendRawTransaction":
            answer = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32000, "message": "insufficient funds"}}
        return web.json_response(answer)

    application = web.Application()
    application.router.add_post("/", relay)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_a_key_that_was_paid_for_is_kept_whatever_the_node_says(tmp_path: Path) -> None:
    async with a_market(Kind.PY_EVM, tmp_path) as market, a_lying_node(market.chain.url) as liar:
        alice = User.of(market, tmp_path / "home")
        refused = await alice.does("tasks", "submit", "vanity", "1L", "--rpc", liar)
        while (await market.hub.task(1)).status is TaskStatus.NONE:
            await market.chain.controls.mine()
        events = await market.hub.history(1, await market.node.head())
        assert isinstance(events[0], SubmittedTask)
        await market.finish(1, search(decode_vanity_parameters(events[0].params).public_key, "1L"))
        found = await alice.gets("tasks", "watch", 1)

    assert refused.exit_code == 1
    assert refused.stderr.endswith("(no-ether)\n")
    assert private_file(found["key_file"])[0] == f"{found['address']}.key"


async def test_who_has_not_the_key_still_sees_a_checked_address(tmp_path: Path) -> None:
    async with a_market(Kind.PY_EVM, tmp_path) as market:
        alice = User.of(market, tmp_path / "home")
        part = tmp_path / "my.key"
        submitted = await alice.does("tasks", "submit", "vanity", "1L", "--key-file", part)
        events = await market.hub.history(1, await market.node.head())
        assert isinstance(events[0], SubmittedTask)
        await market.finish(1, search(decode_vanity_parameters(events[0].params).public_key, "1L"))
        other = await User.of(market, tmp_path / "elsewhere").does("tasks", "watch", 1)
        own = await alice.does("tasks", "watch", 1, "--key-file", part)

    assert (submitted.exit_code, submitted.stdout) == (0, "1\n")
    assert "price       1 RLC" in submitted.stderr
    assert "it has      1,000 RLC, 100 ETH for gas" in submitted.stderr
    assert "difficulty  22.9 keys on average" in submitted.stderr
    assert other.exit_code == 0
    assert other.stdout.startswith("1L")
    assert "your part of the key is not here" in other.stderr
    assert (tmp_path / f"{own.stdout.strip()}.key").exists()


async def test_a_false_result_makes_no_key(tmp_path: Path) -> None:
    async with a_market(Kind.PY_EVM, tmp_path) as market:
        alice = User.of(market, tmp_path / "home")
        await alice.gets("tasks", "submit", "vanity", "1Lo")
        await market.finish(1, search(public_key_of(5), "1Lo"))
        watched = await alice.does("tasks", "watch", 1)

    assert watched.exit_code == 1
    assert watched.stderr.startswith("xwhep: the result was refused: its public key is ")
    assert watched.stderr.endswith("whose address was not asked for (false-result)\n")
    assert not list((tmp_path / "home" / "keys").glob("1*.key"))


@each_kind_measured_once
async def test_words_are_counted_and_what_comes_from_the_chain_is_harmless(kind: Kind, tmp_path: Path) -> None:
    async with a_market(kind, tmp_path) as market:
        alice = User.of(market, tmp_path / "home")
        text = tmp_path / "text"
        text.write_bytes(b"x" * 2048)
        first = await alice.gets("tasks", "submit", "wordcount", text, "--deadline", "30m")
        second = await alice.gets("tasks", "submit", "wordcount", "-", stdin="$(rm -rf /)")
        await market.finish(first["task_id"], b"3 words\n\x1b[31mred\xff")
        await market.finish(second["task_id"], b"too-hard\x1b[2J", TaskStatus.FAILED)
        done = await alice.does("tasks", "watch", first["task_id"])
        failed = await alice.does("tasks", "watch", second["task_id"])
        paid = await alice.gets("tasks", "withdraw")

    assert done.exit_code == 0
    assert done.stdout.endswith("\n\n3 words\n\\x1b[31mred\ufffd\n")
    assert failed.exit_code == 1
    assert "reason      too-hard\\x1b[2J" in failed.stdout
    assert "take it out with `xwhep tasks withdraw`" in failed.stderr
    assert (paid["account"], paid["amount"]) == (market.alice.address, RLC // 10)


@each_kind_measured_once
async def test_a_price_comes_back_after_the_deadline(kind: Kind, tmp_path: Path) -> None:
    async with a_market(kind, tmp_path) as market:
        alice = User.of(market, tmp_path / "home")
        number = (await alice.gets("tasks", "submit", "wordcount", "-", "--deadline", "10m", stdin="words"))["task_id"]
        early = await alice.does("tasks", "refund", number)
        watching = alice.starts("tasks", "watch", number)
        await market.chain.controls.advance(3600)
        watched = await watching
        refunded = await alice.gets("tasks", "refund", number)
        again = await alice.does("tasks", "refund", number)
        seen = await alice.does("tasks", "watch", number)
        withdrawn = await alice.does("tasks", "withdraw")
        empty = await alice.does("tasks", "withdraw")

    assert early.exit_code == 1
    assert f"task {number} may still be done: it can be refunded after 20" in early.stderr
    assert early.stderr.endswith("(task-not-refundable-yet)\n")
    assert watched.exit_code == 1
    assert watched.stderr.endswith(f"get its price back with `xwhep tasks refund {number}` (task-expired)\n")
    assert (refunded["account"], refunded["amount"]) == (market.alice.address, RLC // 10)
    assert again.stderr == f"xwhep: task {number} is refunded already (task-settled)\n"
    assert seen.exit_code == 1
    assert "status      refunded\n" in seen.stdout
    assert withdrawn.stdout == f"0.1 RLC for {market.alice.address}\n"
    assert "nothing to withdraw (account 0x" in empty.stderr


async def test_an_account_is_made_once_and_its_password_confirmed(tmp_path: Path) -> None:
    user = User(tmp_path, "http://127.0.0.1:1")
    no_password = {"XWHEP_KEYSTORE_PASSWORD": None}
    other = await user.does("tasks", "init", stdin="one\ntwo\n", **no_password)
    made = await user.does("tasks", "init", stdin="secret words\nsecret words\n", **no_password)
    again = await user.does("tasks", "init")

    keystore = tmp_path / "keystore.json"
    assert other.exit_code == 130
    assert made.exit_code == 0
    assert made.stdout.startswith("0x")
    assert "secret words" not in made.output + keystore.read_text()
    assert stat.S_IMODE(keystore.stat().st_mode) == 0o600
    assert json.loads(keystore.read_text())["crypto"]["kdfparams"]["n"] == 2**18
    assert again.exit_code == 1
    assert "it exists already, and may hold the only copy of a key" in again.stderr


@each_kind_measured_once
async def test_contracts_are_deployed_with_one_command(kind: Kind, tmp_path: Path) -> None:
    admin, alice = account(tmp_path / "admin.json"), account(tmp_path / "alice.json")
    async with running_chain(kind, [admin.address], BLOCK_S, measured=False) as chain:
        user = User(tmp_path, chain.url, keystore=tmp_path / "admin.json")
        words = ["--oracle", alice.address, "--grant", alice.address, "--output", tmp_path / "d.json"]
        deployed = await user.does("chain", "deploy", *words, "--json")
        nowhere = await user.does("chain", "deploy", "--output", tmp_path / "no" / "d.json")

    assert deployed.exit_code == 0, deployed.output
    printed = json.loads(deployed.stdout)
    written = Deployment.read(tmp_path / "d.json")
    assert Deployment.model_validate(printed["deployment"]) == written
    assert (written.chain_id, written.confirmations) == (chain.chain_id, 1)
    assert written.apps == {"vanity": 1, "wordcount": 2}
    assert set(written.contracts) == {"VanityTask", "WordcountTask"}
    assert printed["gas_used"] > 4_000_000
    assert f"1,000 RLC for {alice.address}: " in deployed.stderr
    assert nowhere.stderr.endswith("there is no such folder (local-file)\n")


async def test_each_mistake_is_one_sentence(tmp_path: Path) -> None:
    async with a_market(Kind.PY_EVM, tmp_path) as market:
        poor = account(tmp_path / "poor.json")
        await market.does(market.alice, market.hub.transfer(poor.address, RLC))
        other_chain = market.deployment.model_copy(update={"chain_id": 5})
        other_chain.write(tmp_path / "other.json")
        market.deployment.model_copy(update={"hub": poor.address}).write(tmp_path / "empty.json")
        (tmp_path / "broken.json").write_text('{"chain_id": "one"}')
        (tmp_path / "text.json").write_text("no keystore")
        (tmp_path / "wrong").write_text("another password\n")
        alice = User.of(market, tmp_path / "home")
        order = ("tasks", "submit", "vanity", "1L")
        url = market.chain.url
        for words, status, sentence in (
            (
                (*order, "--rpc", "http://127.0.0.1:1/v3/key"),
                1,
                "node at http://127.0.0.1:1 is of no use: no connection",
            ),
            ((*order, "--rpc", "http://me:secret@localhost/"), 2, "a user name or password in an argument"),
            ((*order, "--rpc", "localhost:8545"), 2, "is written as in http://127.0.0.1:8545 (invalid-field)"),
            ((*order, "--deployment", tmp_path / "other.json"), 1, "the deployment file says 5; give the node"),
            ((*order, "--deployment", tmp_path / "empty.json"), 1, f"no contract at {poor.address}, where the hub"),
            ((*order, "--deployment", tmp_path / "broken.json"), 1, "cannot be used: chain_id: input should be"),
            ((*order, "--deployment", tmp_path / "none.json"), 1, "no such file or directory; `xwhep chain deploy`"),
            ((*order, "--keystore", tmp_path / "none.json"), 1, "cannot be used: no such file or directory (bad-key"),
            ((*order, "--keystore", tmp_path / "text.json"), 1, "it is no Web3 keystore (bad-keystore)"),
            ((*order, "--password-file", tmp_path / "wrong"), 1, "the password is wrong (bad-keystore)"),
            ((*order, "--password-file", tmp_path / "none"), 1, "no such file or directory (local-file)"),
            ((*order, "--keystore", tmp_path / "poor.json"), 1, f"{poor.address} has not enough ether to pay for gas"),
            ((*order, "--deadline", "2020-01-01"), 2, "it lies in the past; give a span"),
            ((*order, "--deadline", "31d"), 2, "the hub takes none more than 30 days ahead"),
            ((*order, "--deadline", "soon"), 2, "it is no time"),
            (("tasks", "submit", "vanity", "1l"), 2, "addresses have no 0, O, I or l"),
            (("tasks", "submit", "vanity", "1"), 2, "the contract takes 2 to 20 letters (impossible-pattern)"),
            (("tasks", "submit", "wordcount", "/dev/null"), 2, "there is no text in it (invalid-field)"),
            (("tasks", "show", 7), 1, "there is no task 7 at the hub"),
            (("tasks", "watch", 7), 1, "(no-such-task)"),
            (("tasks", "refund", 2**63 - 1), 1, "(no-such-task)"),
            (("tasks", "show", 2**63), 2, "is not in the range"),
            (("chain", "deploy", "--rlc", poor.address, "--rpc", url), 1, "where the RLC token should be; look"),
            (("chain", "deploy", "--oracle", "0x12"), 2, "40 hexadecimal digits (invalid-field)"),
        ):
            result = await alice.does(*words)
            last = result.stderr.splitlines()[-1]
            assert result.exit_code == status, (words, result.output)
            assert sentence in last, (words, result.output)
            assert "Traceback" not in result.output
            assert "secret" not in result.output
            assert "v3/key" not in result.output
        assert not list((tmp_path / "home").rglob("*.key"))
        assert await market.node.next_nonce(poor.address) == 0


async def test_without_rlc_nothing_is_sent_and_no_key_is_made(tmp_path: Path) -> None:
    async with a_market(Kind.PY_EVM, tmp_path) as market:
        await market.does(market.alice, market.hub.transfer(market.admin.address, 1000 * RLC))
        alice = User.of(market, tmp_path / "home")
        refused = await alice.does("tasks", "submit", "vanity", "1L")

    assert refused.exit_code == 1
    assert refused.stderr.endswith("has 0 RLC and the task costs 1 RLC; send it the rest (no-rlc)\n")
    assert not list((tmp_path / "home").rglob("*.key"))


def process(code: str, *words: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"XWHEP_HOME": str(home), "XWHEP_KEYSTORE_PASSWORD": "x"}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


MAIN = "from xwhep.cli.program import main; main()"


@pytest.mark.parametrize("words", [("tasks", "withdraw"), ("chain", "deploy", "--oracle", "0x" + "0" * 40)])
def test_what_is_not_installed_is_named(words: tuple[str, ...], tmp_path: Path) -> None:
    ended = process("import sys; sys.modules['web3'] = None; " + MAIN, *words, home=tmp_path)

    assert ended.returncode == 1
    assert ended.stderr == (
        "xwhep: this command needs web3, which is not installed; run `pip install 'xwhep[oracle]'` (missing-extra)\n"
    )


def test_commands_without_a_chain_load_none_of_its_libraries(tmp_path: Path) -> None:
    report = "import atexit, sys; atexit.register(lambda: print(sorted({m.partition('.')[0] for m in sys.modules})));"
    ended = process(report + MAIN, "tasks", "submit", "vanity", "--help", home=tmp_path)

    assert ended.returncode == 0
    assert "xwhep" in ended.stdout
    assert not {"'web3'", "'eth_abi'", "'eth_account'", "'eth_utils'"} & set(ended.stdout.replace(",", " ").split())


def test_a_node_that_is_away_is_one_line_of_a_process(tmp_path: Path) -> None:
    account(tmp_path / "keystore.json")
    (tmp_path / "password").write_text(PASSWORD + "\n")
    deployment = Deployment(
        chain_id=1, genesis_hash="0x" + "0" * 64, block=0, confirmations=12, rlc="0x" + "1" * 40, hub="0x" + "2" * 40,
        apps={}, contracts={},
    )  # fmt: skip
    deployment.write(tmp_path / "d.json")
    words = ("tasks", "withdraw", "--rpc", "http://127.0.0.1:1", "--deployment", str(tmp_path / "d.json"))
    ended = process(MAIN, *words, "--password-file", str(tmp_path / "password"), home=tmp_path)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("xwhep: the chain's node at http://127.0.0.1:1 is of no use: no connection (")
    assert ended.stderr.endswith("(no-rpc)\n")
    assert ended.stderr.count("\n") == 1
