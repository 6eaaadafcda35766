"""A change of a table comes with its migration: a migrated database has the tables of a fresh one."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tests.support.homes import BASELINES, migrated, restore
from xwhep.sql.migrating import steps
from xwhep.sql.schema import Schema
from xwhep.sql.sqlite import open_engine, tables_as_text

each_baseline = pytest.mark.parametrize(("name", "schema"), BASELINES.items(), ids=BASELINES)


def text_of(file: Path) -> dict[str, list[str]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return tables_as_text(connection)


def fresh(schema: Schema, file: Path) -> Path:
    engine = open_engine(file)
    with engine.begin() as connection:
        schema.create(connection)
    engine.dispose()
    return file


@each_baseline
def test_a_migrated_database_has_the_tables_of_a_fresh_one(name: str, schema: Schema, tmp_path: Path) -> None:
    restore(name, tmp_path / "old.sqlite")
    migrated(schema, tmp_path / "old.sqlite")

    assert text_of(tmp_path / "old.sqlite") == text_of(fresh(schema, tmp_path / "new.sqlite")), (
        f"write the migration that belongs to the change of a table; {schema.migrations}/__init__.py says how"
    )


@each_baseline
def test_each_version_has_one_migration_with_a_summary(name: str, schema: Schema) -> None:
    found = steps(schema, schema.oldest)

    assert schema.oldest == int(name.rpartition("-")[2])
    assert [step.version for step in found] == list(range(schema.oldest + 1, schema.newest + 1))
    assert all(step.summary.endswith(".") for step in found)


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX ix_jobs_owner_uid_status_submitted_at_uid",
        "DROP INDEX ix_attempts_live; CREATE INDEX ix_attempts_live ON attempts (lease_ends_at) WHERE ended_at > 0",
        "DROP INDEX ix_data_owner_uid_digest; CREATE INDEX ix_data_owner_uid_digest ON data (digest, owner_uid)",
        "ALTER TABLE tokens ADD COLUMN note VARCHAR",
        "ALTER TABLE tokens RENAME COLUMN uses_left TO uses",
        "DROP TABLE attempt_outputs; CREATE TABLE attempt_outputs (job_uid CHAR(32) NOT NULL)",
        "CREATE TABLE more (id INTEGER)",
    ],
)
def test_the_comparison_sees_each_difference(change: str, tmp_path: Path) -> None:
    file = fresh(BASELINES["dispatcher-4"], tmp_path / "new.sqlite")
    before = text_of(file)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(change)

    assert text_of(file) != before


def test_the_comparison_does_not_see_how_a_table_was_made() -> None:
    written = ("CREATE TABLE a (b INTEGER, c VARCHAR(3))", 'CREATE TABLE "a"(\n  c VARCHAR(3),\n  "b" INTEGER\n)')
    found = []
    for statement in written:
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.execute(statement).close()
            found.append(tables_as_text(connection))

    assert found[0] == found[1]
