"""The commands of `xwhep-dispatcher` beside a server, and on a folder whose database is not what it should be."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dispatcher.cli import program
from dispatcher.config import DispatcherSettings
from dispatcher.installation import Installation
from tests.support.grid import a_grid
from xwhep.client.enrolment import join
from xwhep.client.owner import OwnerClient
from xwhep.errors.identity import RevokedError
from xwhep.members import Kind
from xwhep.pki.identity import load_identity
from xwhep.pki.tokens import parse_token

SOMEBODY = "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d"
COMMANDS = (("serve", "--port", "0"), ("token",), ("revoke", SOMEBODY))

Harm = Callable[[Path], object]


def types(home: Path, *words: str) -> Result:
    """Return what a command printed and how it ended."""
    return CliRunner(env={"XWHEP_HOME": str(home)}).invoke(program, words)


async def test_tokens_and_revocations_work_beside_a_server(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        printed = await asyncio.to_thread(types, tmp_path, "token", "--kind", "user", "--json")
        token = parse_token(json.loads(printed.stdout)["token"])
        alice = await join(grid.url, token, Kind.USER, "alice", tmp_path / "alice")
        revoked = await asyncio.to_thread(types, tmp_path, "revoke", str(alice.member.uid))
        with pytest.raises(RevokedError):
            async with grid.connect(alice) as connection:
                await OwnerClient(connection).whoami()

    assert revoked.stdout.startswith("alice is revoked")


@pytest.mark.parametrize(("options", "serve"), [((), "serve`"), (("--port", "5123"), "serve --port 5123`")])
def test_init_says_how_to_serve_where_its_administrator_looks_for_it(
    tmp_path: Path, options: tuple[str, ...], serve: str
) -> None:
    made = types(tmp_path, "init", "--name", "localhost", *options)
    (url,) = re.findall(r"https://localhost:\d+", (tmp_path / "user" / "identity.json").read_text())

    assert f"Start it with `xwhep-dispatcher {serve};" in made.stdout
    assert url.endswith(options[1] if options else str(DispatcherSettings().port))


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    """Return a dispatcher's folder with a member."""
    for words in (("init", "--name", "localhost", "--admin", "ann"), ("token",)):
        assert types(tmp_path, *words).exit_code == 0
    return Installation(tmp_path / "dispatcher")


def truncated(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:5000])


def scribbled(database: Path) -> None:
    """Leave the head of the file as it was, and the schema in its first page."""
    content = database.read_bytes()
    database.write_bytes(content[:4096] + bytes(len(content) - 4096))


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize(
    "harm",
    [
        lambda database: database.write_bytes(b"no database at all" * 1000),
        lambda database: database.write_bytes(b""),
        truncated,
        scribbled,
    ],
    ids=["text", "empty", "truncated", "scribbled"],
)
def test_a_damaged_database_is_told_in_one_sentence(
    installed: Installation, words: tuple[str, ...], harm: Harm
) -> None:
    harm(installed.database)
    result = types(installed.folder.parent, *words)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"xwhep-dispatcher: the database {installed.database} is damaged (")
    assert result.stderr.endswith("restore its folder from a copy (database-damaged)\n")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_missing_database_is_not_made_anew(installed: Installation, words: tuple[str, ...]) -> None:
    installed.database.unlink()
    result = types(installed.folder.parent, *words)

    assert result.exit_code == 1
    assert result.stderr == (
        f"xwhep-dispatcher: the database {installed.database} is missing; restore its folder from a copy"
        " (database-missing)\n"
    )
    assert not installed.database.exists()


def test_the_only_administrator_is_not_revoked(installed: Installation) -> None:
    ann = load_identity(installed.folder.parent / "user", "xwhep-dispatcher init")
    result = types(installed.folder.parent, "revoke", str(ann.member.uid))

    assert result.exit_code == 1
    assert result.stderr.startswith(
        "xwhep-dispatcher: ann is the only administrator of this grid; let another one join"
    )
    assert result.stderr.endswith("(last-administrator)\n")
