"""Migrations of databases of older versions: whole or not at all, whatever happens on the way."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

import dispatcher.cli
import oracle.cli
from dispatcher.storage.schema import SCHEMA
from oracle.config import Folders
from oracle.ledger.file import Ledger
from oracle.ledger.progress import progress
from oracle.settlement.life import State
from tests.support.desk import poll_request
from tests.support.grid import a_grid
from tests.support.homes import BASELINES, content, migrated, old_installation, restore
from tests.support.kinds import NATIVE
from tests.support.tasks import SUBJECT
from xwhep.errors.installations import (
    DatabaseDamagedError,
    DatabaseMissingError,
    MigrationFailedError,
    SchemaMismatchError,
)
from xwhep.errors.jobs import UnavailableError
from xwhep.lifecycle import Status
from xwhep.lock import hold
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.rights import Role
from xwhep.sql.migrating import Migration
from xwhep.sql.schema import Schema
from xwhep.sql.sqlite import open_engine
from xwhep.world import REAL

ROOT = Path(__file__).parents[2]
each_baseline = pytest.mark.parametrize(("name", "schema"), BASELINES.items(), ids=BASELINES)


def silent(_part: float, _words: str) -> None:
    pass


def version_of(schema: Schema, file: Path) -> int | None:
    engine = open_engine(file)
    with engine.begin() as connection:
        found = schema.version(connection)
    engine.dispose()
    return found


def with_step(folder: Path, body: str) -> Schema:
    """Return the dispatcher's schema with one more migration, which does what `body` says."""
    migrations = folder / "100 % mine" / "migrations"
    shutil.copytree(SCHEMA.migrations, migrations)
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    (migrations / f"v{SCHEMA.newest + 1}_more.py").write_text(
        f'"""One more."""\nimport sqlalchemy as sa\nfrom alembic import op\n'
        f'revision = "{SCHEMA.newest + 1}"\ndown_revision = "{SCHEMA.newest}"\n\ndef upgrade():\n{lines}\n'
    )
    return replace(SCHEMA, migrations=migrations)


# --- what becomes of the rows


@each_baseline
def test_no_row_is_lost_and_every_one_can_be_read(name: str, schema: Schema, tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    restore(name, file)
    before = content(file)
    migrated(schema, file)
    after = content(file)
    engine = open_engine(file)
    with engine.begin() as connection:  # a value that is not of its column's type raises
        tables = schema.metadata().sorted_tables
        read = {table.name: len(connection.execute(select(table)).all()) for table in tables}
    engine.dispose()

    kept = before.keys() & after.keys() - {"sqlite_master"}
    assert {name: len(after[name]) for name in kept} == {name: len(before[name]) for name in kept}
    assert {name: read[name] for name in kept} == {name: len(before[name]) for name in kept}
    assert version_of(schema, file) == schema.newest


async def test_a_grid_goes_on_after_its_migration(tmp_path: Path) -> None:
    installation = old_installation(tmp_path)
    result = types(dispatcher.cli.program, tmp_path, "migrate", "--yes")
    async with a_grid(tmp_path) as grid, grid.host("newcomer") as host, grid.owner("ann", Role.ADMINISTRATOR) as ann:
        names = {user.name async for user in ann.users()}
        lease = await host.lease(poll_request(NATIVE))
        assert lease is not None
        await host.finish(lease.job_uid, lease.attempt, FinishAttempt(outcome=Outcome.FINISHED))

    assert result.exit_code == 0, result.output
    assert {"admin", "alice", "erin"} <= names
    with contextlib.closing(sqlite3.connect(installation.database)) as connection:
        (status,) = connection.execute("SELECT status FROM jobs WHERE uid = ?", (lease.job_uid.hex,)).fetchone()
    assert status == Status.COMPLETED


def test_a_ledger_goes_on_after_its_migration(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.base.mkdir()
    restore("oracle-1", folders.ledger)
    result = types(oracle.cli.program, tmp_path, "migrate", "--yes")
    with contextlib.closing(Ledger(folders.ledger)) as ledger:
        seen = ledger.run(progress)

    assert result.exit_code == 0, result.output
    assert seen is not None
    assert seen.counts == dict.fromkeys(State, 1) | {State.SETTLED: 3}


# --- whole or not at all


def test_the_copy_has_what_is_only_in_the_log(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    restore("dispatcher-4", file)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as held:
        held.execute("INSERT INTO match_classes (requirement) VALUES ('only in the log')")
        file_alone = (tmp_path / "file.sqlite", shutil.copyfile(file, tmp_path / "file.sqlite"))[0]
        before = content(file)
        migration = Migration(SCHEMA, file)
        plan = migration.plan(now=REAL.now())
        migration.run(plan, silent)

    assert plan.copy_file is not None
    assert content(Path(plan.copy_file)) == before != content(file_alone)
    assert Path(plan.copy_file).stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.glob("*-schema-*")] == [Path(plan.copy_file).name]


KILLED = """
import os, signal, sys
from functools import partial
from pathlib import Path
from dispatcher.storage.schema import SCHEMA
from xwhep.sql.migrating import Migration
from xwhep.world import REAL

def tell(told, moment, _part, _words):
    told.append(None)
    if len(told) == moment:
        os.kill(os.getpid(), signal.SIGKILL)

for moment, file in enumerate(sys.argv[1:], start=1):
    if os.fork() == 0:
        migration = Migration(SCHEMA, Path(file))
        migration.run(migration.plan(now=REAL.now()), partial(tell, [], moment))
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == -signal.SIGKILL
"""


def test_a_migration_that_was_killed_has_not_begun_or_is_done(tmp_path: Path) -> None:
    told: list[str] = []
    restore("dispatcher-4", tmp_path / "model.sqlite")
    old = content(tmp_path / "model.sqlite")
    model = Migration(SCHEMA, tmp_path / "model.sqlite")
    model.run(model.plan(now=REAL.now()), lambda _part, words: told.append(words))
    new = content(tmp_path / "model.sqlite")
    files = [tmp_path / f"killed-{moment}.sqlite" for moment in range(1, len(told) + 1)]
    for file in files:
        restore("dispatcher-4", file)

    subprocess.run([sys.executable, "-c", KILLED, *map(str, files)], cwd=ROOT, check=True)
    found = [content(file) for file in files]
    copies = [content(copy) for copy in tmp_path.glob("killed-*-schema-*.sqlite")]
    for file in files:
        migrated(SCHEMA, file)

    assert set(told) == {"copying", "migrating", "checking", "writing", "done"}
    assert found == [old] * (len(told) - 1) + [new]
    assert copies == [old] * (len(told) - told.count("copying"))
    assert [content(file) for file in files] == [new] * len(files)


def test_references_that_would_break_undo_the_migration(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    restore("dispatcher-4", file)
    before = content(file)

    with pytest.raises(MigrationFailedError, match="rows of attempts, faults, vanity_units would refer to none"):
        migrated(with_step(tmp_path, 'op.execute("DELETE FROM jobs")'), file)

    assert content(file) == before


def test_a_step_that_fails_undoes_those_before_it(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    restore("dispatcher-4", file)
    before = content(file)
    body = 'op.execute("UPDATE users SET name = \'x\'")\nop.execute("INSERT INTO tokens (digest) VALUES (NULL)")'

    with pytest.raises(MigrationFailedError, match="NOT NULL constraint failed") as caught:
        migrated(with_step(tmp_path, body), file)

    assert content(file) == before
    assert "was left as it was" in caught.value.text


def test_a_table_that_others_refer_to_is_made_anew_with_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    restore("dispatcher-4", file)
    body = (
        'with op.batch_alter_table("jobs") as jobs:\n'
        '    jobs.add_column(sa.Column("more", sa.BigInteger, nullable=False, server_default="7"))'
    )
    schema = with_step(tmp_path, body)
    migrated(SCHEMA, file)
    before = content(file)
    migrated(schema, file)
    after = content(file)
    (index,) = [parts for name, parts in after["sqlite_master"] if name == "ix_jobs_ready"]

    assert after["jobs"] == [(*row, 7) for row in before["jobs"]]
    assert after["attempts"] == before["attempts"]
    assert index[-1] == "WHERE attempts_wanted > 0"
    assert version_of(schema, file) == SCHEMA.newest + 1


def test_a_database_that_another_program_writes_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xwhep.sql.sqlite.BUSY_TIMEOUT_MS", 10)
    file = tmp_path / "old.sqlite"
    restore("dispatcher-4", file)
    before = content(file)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match=r"cannot be used now \(SQLITE_BUSY\)"):
            migrated(SCHEMA, file)
        other.execute("ROLLBACK")

    assert content(file) == before
    assert list(tmp_path.glob("*-schema-*")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_copy_that_finds_no_room_changes_nothing(tmp_path: Path) -> None:
    import resource

    file = tmp_path / "old.sqlite"
    restore("dispatcher-4", file)
    before = content(file)
    (tmp_path / ".old-schema-4-20200101T000000Z.sqlite").touch()  # of a migration that was killed
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, usual[1]))
    try:
        with pytest.raises(UnavailableError):
            migrated(SCHEMA, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    assert content(file) == before
    assert list(tmp_path.glob("*-schema-*")) == []


# --- what is refused


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite"
    restore("dispatcher-4", file)
    newer = with_step(tmp_path, 'op.execute("SELECT 1")')
    migrated(newer, file)

    with pytest.raises(SchemaMismatchError, match=f"{newer.newest} and this program needs {SCHEMA.newest}; use the"):
        Migration(SCHEMA, file).plan(now=REAL.now())


def test_a_database_older_than_all_migrations_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    restore("dispatcher-4", file)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE grid SET schema_version = 3")
        connection.commit()

    with pytest.raises(SchemaMismatchError, match=r"schema version 3 .* use the version of xwhep that made it"):
        Migration(SCHEMA, file).plan(now=REAL.now())


def test_what_holds_no_tables_is_not_migrated(tmp_path: Path) -> None:
    with pytest.raises(DatabaseMissingError):
        Migration(SCHEMA, tmp_path / "none.sqlite").plan(now=REAL.now())
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(DatabaseDamagedError, match="it has no tables"):
        Migration(SCHEMA, tmp_path / "empty.sqlite").plan(now=REAL.now())

    assert not (tmp_path / "none.sqlite").exists()


def test_tables_whose_maker_was_killed_count_as_the_oldest(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.base.mkdir()
    restore("oracle-1", folders.ledger)
    with contextlib.closing(sqlite3.connect(folders.ledger)) as connection:
        connection.execute("DELETE FROM book")
        connection.commit()
    result = types(oracle.cli.program, tmp_path, "migrate", "--yes")
    with contextlib.closing(Ledger(folders.ledger)) as ledger:
        ledger.bind(SUBJECT)

    assert result.exit_code == 0, result.output


# --- the commands


def types(program: object, home: Path, *words: str, stdin: str | None = None) -> Result:
    return CliRunner(env={"XWHEP_HOME": str(home)}).invoke(program, words, input=stdin)  # type: ignore[arg-type]


def old_ledger(home: Path) -> Path:
    Folders(home).base.mkdir()
    restore("oracle-1", Folders(home).ledger)
    return Folders(home).ledger


def test_a_dispatcher_that_meets_an_older_database_names_the_command(tmp_path: Path) -> None:
    old_installation(tmp_path)
    told = (
        f"xwhep-dispatcher: the database has schema version 4 and this program needs {SCHEMA.newest}; run"
        " `xwhep-dispatcher migrate`, which copies the database and then migrates it (schema-mismatch)\n"
    )

    for words in (("serve", "--port", "0"), ("token",), ("revoke", "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")):
        result = types(dispatcher.cli.program, tmp_path, *words)
        assert (result.exit_code, result.stderr) == (1, told)


def test_an_oracle_that_meets_an_older_ledger_names_the_command(tmp_path: Path) -> None:
    with contextlib.closing(Ledger(old_ledger(tmp_path))) as ledger:
        with pytest.raises(SchemaMismatchError, match="run `xwhep-oracle migrate`, which copies"):
            ledger.bind(SUBJECT)
        with pytest.raises(SchemaMismatchError, match="run `xwhep-oracle migrate`, which copies"):
            ledger.run(progress)


Home = Callable[[Path], object]
each_program = pytest.mark.parametrize(
    ("program", "home", "version"),
    [(dispatcher.cli.program, old_installation, 4), (oracle.cli.program, old_ledger, 1)],
    ids=["dispatcher", "oracle"],
)


@each_program
def test_migrate_shows_asks_and_does(program: object, home: Home, version: int, tmp_path: Path) -> None:
    home(tmp_path)
    declined = types(program, tmp_path, "migrate", stdin="n\n")
    agreed = types(program, tmp_path, "migrate", stdin="y\n")
    again = types(program, tmp_path, "migrate")

    assert (declined.exit_code, agreed.exit_code, again.exit_code) == (1, 0, 0)
    assert "nothing was changed" in declined.stderr
    assert f"schema version  {version}\n" in declined.stdout
    assert f"step to {version + 1} " in declined.stdout
    assert "The database has schema version" in agreed.stdout
    assert "nothing to do" in again.stdout
    assert "Migrate now?" not in again.stderr


@each_program
def test_migrate_prints_json(program: object, home: Home, version: int, tmp_path: Path) -> None:
    home(tmp_path)
    shown, done, again = (
        json.loads(types(program, tmp_path, "migrate", "--json", *words).stdout)
        for words in ((), ("--yes",), ("--yes",))
    )

    held = content(Path(done["copy_file"]))
    held.pop("sqlite_master")
    assert list(tmp_path.rglob("*-schema-*")) == [Path(done["copy_file"])]
    assert (shown["version"], shown["migrated"]) == (version, False)
    assert (done["version"], done["migrated"]) == (version, True)
    assert (again["version"], again["migrated"], again["copy_file"]) == (done["newest"], False, None)
    assert (shown["tables"], shown["rows"]) == (len(held), sum(len(rows) for rows in held.values()))
    assert [step["version"] for step in shown["steps"]] == list(range(version + 1, shown["newest"] + 1))


async def test_migrate_is_refused_while_the_dispatcher_serves(tmp_path: Path) -> None:
    async with a_grid(tmp_path):
        result = types(dispatcher.cli.program, tmp_path, "migrate", "--yes")

    assert result.exit_code == 1
    assert "(already-running)" in result.stderr


def test_migrate_is_refused_while_the_oracle_runs(tmp_path: Path) -> None:
    old_ledger(tmp_path)
    with hold(Folders(tmp_path).lock, "an oracle"):
        result = types(oracle.cli.program, tmp_path, "migrate", "--yes")

    assert result.exit_code == 1
    assert "(already-running)" in result.stderr


def test_nothing_loads_alembic_before_a_migration() -> None:
    script = (
        "import sys, dispatcher.server, oracle.ledger.file\n"
        "assert not [name for name in sys.modules if name.startswith(('alembic', 'mako'))]"
    )
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)

    assert loaded.returncode == 0
