"""The command line against a real dispatcher: what people type, what they read, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import sys
import tomllib
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.grid import GridUnderTest, a_grid
from tests.support.person import Person, logged_in, work_once
from xwhep.client.connection import Connection
from xwhep.client.owner import OwnerClient
from xwhep.client.waiting import jobs_ended
from xwhep.fast_secp256k1 import public_key_of
from xwhep.lifecycle import Status
from xwhep.pki.contexts import client_context
from xwhep.pki.identity import load_identity
from xwhep.rights import Role
from xwhep.secp256k1 import N
from xwhep.vanity.addresses import Form, address, key_hash
from xwhep.vanity.key_files import read_part
from xwhep.vanity.wif import decode_wif

APP = """
name = "echo"
version = "1.0"
kind = "native"

[[targets]]
os = "linux"
cpu = "any"
file = "echo.sh"

[limits]
wall_s = 60
"""


@pytest.fixture
def app_toml(tmp_path: Path) -> Path:
    folder = tmp_path / "echo"
    folder.mkdir()
    (folder / "echo.sh").write_text("#!/bin/sh\necho $@\n")
    path = folder / "app.toml"
    path.write_text(APP)
    return path


def administrator(grid: GridUnderTest) -> Person:
    home = grid.folder / "administrator"
    shutil.copytree(grid.folder / "admin", home / "user")
    (home / "user" / "identity.json").write_text(json.dumps({"dispatcher": grid.url}))
    return Person(home)


def contents(folder: Path, pattern: str) -> list[str]:
    return sorted(path.read_text().removesuffix("\x1b[31m\n") for path in folder.glob(pattern))


def private_key(file: str) -> tuple[str, int]:
    path = Path(file)
    return tomllib.loads(path.read_text())["wif"], stat.S_IMODE(path.stat().st_mode)


async def test_a_token_makes_a_user(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        alice = Person(tmp_path / "home")
        token = str(await grid.token(Role.USER))
        login = await alice.does("login", grid.url, "--token", "-", "--name", "alice", stdin=f"{token}\n")
        me = await alice.gets("whoami")
        again = await alice.does("login", grid.url, "--token", token)

    assert login.exit_code == 0, login.output
    assert "you are alice" in login.stderr
    assert token not in login.output
    assert (me["name"], me["role"]) == ("alice", "user")
    assert again.exit_code == 1
    assert "say --force to replace it (local-file)" in again.stderr


async def test_a_token_is_good_once(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        token = str(await grid.token(Role.USER))
        await Person(tmp_path / "first").does("login", grid.url, "--token", token)
        second = await Person(tmp_path / "second").does("login", grid.url, "--token", token)

    assert second.exit_code == 1
    assert second.stderr == (
        "xwhep: the join token is unknown, used up or expired; ask for a new one (token-refused)\n"
    )


async def test_an_app_is_registered_run_and_its_outputs_fetched(tmp_path: Path, app_toml: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        alice = await logged_in(grid, tmp_path / "home")
        app = await alice.gets("apps", "register", app_toml)
        text = tmp_path / "text.txt"
        text.write_text("some words\n")
        working = asyncio.create_task(work_once(bob, tmp_path))
        submitted = await alice.does(
            "jobs", "submit", "echo", "--input", f"{text}=in/words.txt", "--env", "A=1=2", "--limit", "wall_s=5",
            "--wait", "--json", "--", "--flag", "a b",
        )  # fmt: skip
        await working
        job = json.loads(submitted.stdout)
        output = await alice.does("jobs", "output", job["uid"])
        fetched = await alice.does("jobs", "fetch", job["uid"], "-o", tmp_path / "results")
        again = await alice.does("jobs", "fetch", job["uid"], "-o", tmp_path / "results")
        shown = await alice.does("jobs", "show", job["uid"])

    assert app["targets"][0]["entry"] == "echo.sh"
    assert submitted.exit_code == 0, submitted.output
    assert (job["status"], job["limits"]["wall_s"], job["environment"]) == ("completed", 5, {"A": "1=2"})
    assert [item["path"] for item in job["inputs"]] == ["in/words.txt"]
    assert output.stdout_bytes == b"--flag a b\x1b[31m\n"
    assert fetched.exit_code == 0, fetched.output
    assert (tmp_path / "results" / "out" / "environment.txt").read_text() == "[('A', '1=2')]"
    assert again.exit_code == 1
    assert "it exists already" in again.stderr
    assert "1        finished  -" in shown.stdout


async def test_a_job_that_failed_ends_the_waiting_with_status_one(tmp_path: Path, app_toml: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        alice = await logged_in(grid, tmp_path / "home")
        await alice.gets("apps", "register", app_toml)
        uid = (await alice.does("jobs", "submit", "echo:1.0")).stdout.strip()
        await work_once(bob, tmp_path, exit_status=3)
        waited = await alice.does("jobs", "wait", uid)

    assert waited.exit_code == 1
    assert "failed" in waited.stdout


async def test_a_job_that_waits_says_why(tmp_path: Path, app_toml: Path) -> None:
    async with a_grid(tmp_path) as grid:
        alice = await logged_in(grid, tmp_path / "alice")
        await alice.does("apps", "register", app_toml)
        submitted = await alice.gets("jobs", "submit", "echo")
        shown = await alice.does("jobs", "show", submitted["uid"])

    assert "no host that fits was heard of lately" in shown.output
    assert "waiting    since 20" in shown.output


async def test_a_job_is_cancelled_once_and_for_all(tmp_path: Path, app_toml: Path) -> None:
    async with a_grid(tmp_path) as grid:
        alice = await logged_in(grid, tmp_path / "home")
        await alice.gets("apps", "register", app_toml)
        uid = (await alice.does("jobs", "submit", "echo")).stdout.strip()
        results = [await alice.does("jobs", "cancel", uid) for _ in range(2)]
        listed = await alice.gets("jobs", "list", "--status", "cancelled")

    assert [result.stdout for result in results] == [f"{uid} cancelled\n"] * 2
    assert [job["uid"] for job in listed] == [uid]


async def test_an_app_is_registered_once(tmp_path: Path, app_toml: Path) -> None:
    async with a_grid(tmp_path) as grid:
        alice = await logged_in(grid, tmp_path / "home")
        await alice.gets("apps", "register", app_toml)
        second = await alice.does("apps", "register", app_toml)
        stored = await alice.gets("data", "list")

    assert second.exit_code == 1
    assert second.stderr.endswith("(name-taken)\n")
    assert len(stored) == 1, "the same content is not stored twice"


async def test_content_comes_back_as_it_was(tmp_path: Path) -> None:
    content = bytes(range(256)) * 2000
    (tmp_path / "a b.bin").write_bytes(content)
    async with a_grid(tmp_path) as grid:
        alice = await logged_in(grid, tmp_path / "home")
        stored = await alice.gets("data", "put", tmp_path / "a b.bin")
        ways = [stored["name"], stored["uid"], stored["digest"]]
        got = [await alice.does("data", "get", which, "-o", tmp_path / str(i)) for i, which in enumerate(ways)]
        refused = await alice.does("data", "get", ways[0], "-o", tmp_path / "0")
        missing = await alice.does("data", "get", "nothing")

    assert stored["name"] == "a-b.bin"
    assert [result.exit_code for result in got] == [0, 0, 0]
    assert [(tmp_path / str(i)).read_bytes() for i in range(3)] == [content] * 3
    assert refused.exit_code == 1
    assert missing.stderr == "xwhep: there is no data nothing, or it is not yours (not-found)\n"


async def test_a_batch_of_lines_is_submitted_waited_for_and_fetched(tmp_path: Path, app_toml: Path) -> None:
    sweep = tmp_path / "sweep.jsonl"
    sweep.write_text("\n".join(json.dumps({"app": "echo", "arguments": [str(seed)]}) for seed in range(3)))
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        alice = await logged_in(grid, tmp_path / "home")
        await alice.gets("apps", "register", app_toml)
        batch = await alice.gets("batches", "submit", sweep)
        for _ in range(3):
            await work_once(bob, tmp_path)
        waited = await alice.does("batches", "wait", batch["uid"])
        fetched = await alice.does("batches", "fetch", batch["uid"], "-o", tmp_path / "results")

    assert (batch["name"], batch["jobs"]["pending"]) == ("sweep", 3)
    assert waited.exit_code == 0, waited.output
    assert "3 completed" in waited.stdout
    assert fetched.exit_code == 0, fetched.output
    assert contents(tmp_path, "results/*/stdout") == ["0", "1", "2"]


async def test_a_search_gives_an_address_whose_key_only_the_file_has(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        alice = await logged_in(grid, tmp_path / "home")
        working = asyncio.create_task(work_once(bob, tmp_path))
        result = await alice.does("vanity", "search", "1L", "--json")
        await working
        found = json.loads(result.stdout)
        verified = await alice.gets("vanity", "verify", found["batch_uid"], "--public-key", found["public_key"])
        combined = await alice.gets("vanity", "combine", found["batch_uid"], "--output", tmp_path / "again")

    wif, mode = private_key(found["key_file"])
    assert result.exit_code == 0, result.output
    assert found["address"].startswith("1L")
    assert address(key_hash(public_key_of(decode_wif(wif).secret))) == found["address"]
    assert wif not in result.output
    assert mode == 0o600
    assert verified == {"address": found["address"], "public_key": found["public_key"], "verified": True}
    assert private_key(combined["key_file"]) == (wif, mode)


async def test_of_a_plain_search_anybody_who_adds_two_numbers_can_make_the_key(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        alice = await logged_in(grid, tmp_path / "home")
        made = await alice.gets("vanity", "keygen", "--key-file", tmp_path / "my.key")
        wish = ("0xa", "--suffix", "7", "--plain", "--public-key", made["public_key"])
        working = asyncio.create_task(work_once(bob, tmp_path))
        found = await alice.gets("vanity", "search", *wish)
        await working
        combined = await alice.does("vanity", "combine", found["batch_uid"], "--key-file", tmp_path / "my.key")

    key = (read_part(tmp_path / "my.key").secret + int(found["s"], 16)) % N
    assert found["address"] == address(key_hash(public_key_of(key), Form.ETHEREUM), Form.ETHEREUM)
    assert (found["form"], found["patterns"]) == ("ethereum", ["0xa...7"])
    assert combined.stdout == f"{found['address']}\n"
    assert f"the private key is the secret plus {found['s']}, modulo the order of secp256k1" in combined.stderr


async def test_a_search_for_the_public_key_of_somebody_else_needs_no_secret(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        alice = await logged_in(grid, tmp_path / "home")
        made = await alice.gets("vanity", "keygen", "--key-file", tmp_path / "my.key")
        working = asyncio.create_task(work_once(bob, tmp_path))
        found = await alice.gets("vanity", "search", "1L", "--public-key", made["public_key"])
        await working
        again = await alice.does("vanity", "search", "1L", "--public-key", made["public_key"])
        batch = await alice.gets("batches", "show", found["batch_uid"])
        hit = batch["details"]["result"]
        by_hand = ("--s", hit["s"], "--e", hit["e"], "--sign", hit["sign"])
        offline = await alice.gets("vanity", "combine", "--key-file", tmp_path / "my.key", "--pattern", "1L", *by_hand)
        other = await alice.does("vanity", "combine", found["batch_uid"], "--key-file", tmp_path / "none.key")

    assert found["key_file"] is None
    assert again.exit_code == 1
    assert again.stderr.endswith("(key-used)\n")
    assert offline["address"] == found["address"]
    assert other.exit_code == 1


async def test_one_search_is_for_many_patterns_of_a_form(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("bc1qx\n# and\nbc1qy\nbc1qyyyyyy\n")
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        alice = await logged_in(grid, tmp_path / "home")
        working = asyncio.create_task(work_once(bob, tmp_path))
        found = await alice.gets("vanity", "search", "BC1QZ", "--patterns", tmp_path / "words.txt", "--ignore-case")
        await working
        verified = await alice.gets("vanity", "verify", found["batch_uid"])
        combined = await alice.gets("vanity", "combine", found["batch_uid"], "--output", tmp_path / "again")
        shown = await alice.does("batches", "show", found["batch_uid"])

    wif, _ = private_key(found["key_file"])
    key = decode_wif(wif).secret
    assert found["address"][:5] in {"bc1qx", "bc1qy", "bc1qz"}
    assert found["patterns"][-1].lower() == found["address"][:5]
    assert address(key_hash(public_key_of(key)), Form.P2WPKH) == found["address"] == combined["address"]
    assert verified["address"] == found["address"]
    assert "BC1QZ and 3 more, in any case" in shown.stdout
    assert "p2wpkh on the main network" in shown.stdout


async def test_a_refused_search_leaves_no_key_behind(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        identity = await grid.member(Role.HOST, "bob")
        shutil.copytree(identity.folder, tmp_path / "home" / "user")
        bob = Person(tmp_path / "home")
        refused = await bob.does("vanity", "search", "1L", "--key-file", tmp_path / "part.key")

    assert refused.exit_code == 1
    assert refused.stderr.endswith("(forbidden)\n")
    assert not (tmp_path / "part.key").exists()


async def test_nobody_waits_longer_than_told(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        alice = await logged_in(grid, tmp_path / "home")
        result = await alice.does("vanity", "search", "1L", "--timeout", "0.5")
        uid = result.stderr.split("xwhep vanity combine ")[1].split()[0]
        early = await alice.does("vanity", "combine", uid)
        cancelled = await alice.does("batches", "cancel", uid)

    assert result.exit_code == 1
    assert f"xwhep batches cancel {uid}" in result.stderr
    assert result.stdout == ""
    assert "has found no address" in early.stderr
    assert cancelled.stdout == f"{uid} cancelled\n"


async def test_an_administrator_manages_members(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        admin = administrator(grid)
        identity = await grid.member(Role.HOST, "bob")
        host = str(identity.member.uid)
        group = await admin.gets("groups", "create", "physics")
        token = await admin.gets("tokens", "create", "--role", "user", "--group", "physics")
        alice = Person(tmp_path / "home")
        await alice.does("login", grid.url, "--token", token["token"], "--name", "alice")
        user = next(user for user in await admin.gets("users", "list") if user["name"] == "alice")
        forbidden = await alice.does("hosts", "list")
        revoked = [await admin.does("hosts", "revoke", host), await admin.does("users", "revoke", user["uid"])]
        shut_out = await alice.does("whoami")
        shown = await admin.gets("hosts", "show", host)
        groups = await admin.gets("groups", "list")

    assert user["group_uid"] == group["uid"]
    assert [item["name"] for item in groups] == ["physics"]
    assert forbidden.stderr.endswith("(forbidden)\n")
    assert [result.exit_code for result in revoked] == [0, 0]
    assert shut_out.stderr.endswith("(revoked)\n")
    assert UUID(shown["uid"]) == identity.member.uid
    assert shown["revoked_at"] is not None


async def test_a_dispatcher_that_is_away_is_one_line_and_status_one(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        alice = await logged_in(grid, tmp_path / "home")
    result = await alice.does("whoami")

    assert result.exit_code == 1
    assert result.stderr.startswith("xwhep: the dispatcher at https://127.0.0.1:")
    assert result.stderr.endswith("(unavailable)\n")
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
async def test_ctrl_c_leaves_the_search_running_and_says_how_to_go_on(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        alice = await logged_in(grid, tmp_path / "home")
        words = [sys.executable, "-m", "xwhep.cli", "vanity", "search", "1LoVE"]
        environment = os.environ | {"XWHEP_HOME": str(alice.home)}
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
        )
        assert process.stderr is not None
        first = await asyncio.wait_for(process.stderr.readline(), 60)
        process.send_signal(signal.SIGINT)
        output, errors = await asyncio.wait_for(process.communicate(), 60)
        (batch,) = await alice.gets("batches", "list")

    assert first.decode().startswith(f"search {batch['uid']} for 1LoVE: one key in 4.48 M matches")
    assert process.returncode == 130
    assert f"the search goes on; watch it: xwhep batches wait {batch['uid']}" in errors.decode()
    assert "Traceback" not in errors.decode()
    assert output == b""
    assert batch["status"] == "running"


async def test_lists_are_tables_that_fit_a_terminal(tmp_path: Path, app_toml: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.host("bob") as bob:
        admin = administrator(grid)
        await admin.gets("apps", "register", app_toml)
        await admin.gets("groups", "create", "physics")
        job = (await admin.does("jobs", "submit", "echo")).stdout.strip()
        search = (await admin.does("vanity", "search", "1L", "--no-wait")).stdout.strip()
        await work_once(bob, tmp_path)
        lists = ["apps", "data", "jobs", "batches", "hosts", "users", "groups"]
        tables = {name: (await admin.does(name, "list")).stdout for name in lists}
        shown = [await admin.does("apps", "show", "echo"), await admin.does("batches", "show", search)]

    assert all(len(line) <= 80 for text in tables.values() for line in text.splitlines())
    assert {name: text.split()[0] for name, text in tables.items()} == dict.fromkeys(lists, "UID")
    assert job in tables["jobs"]
    assert "joined" in tables["hosts"]
    assert "KEYS PROVEN" in tables["hosts"]
    assert "administrator" in tables["users"]
    assert "60 s on the clock" in shown[0].stdout
    assert "difficulty" in shown[1].stdout


async def test_waiting_goes_on_when_the_dispatcher_comes_back(tmp_path: Path, app_toml: Path) -> None:
    seen: asyncio.Queue[int] = asyncio.Queue()
    async with a_grid(tmp_path) as grid:
        port = grid.dispatcher.port
        alice = await logged_in(grid, tmp_path / "home")
        await alice.gets("apps", "register", app_toml)
        uid = UUID((await alice.does("jobs", "submit", "echo")).stdout.strip())
        identity = load_identity(alice.home / "user", "")
    async with Connection(grid.url, client_context(identity)) as connection:
        client = OwnerClient(connection)
        async with a_grid(tmp_path, port=port):
            waiting = asyncio.create_task(jobs_ended(client, [uid], lambda jobs: seen.put_nowait(len(jobs))))
            await seen.get()
        async with a_grid(tmp_path, port=port):
            await alice.does("jobs", "cancel", uid)
            (job,) = await asyncio.wait_for(waiting, 60)

    assert job.status is Status.CANCELLED
