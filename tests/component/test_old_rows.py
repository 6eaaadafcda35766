"""What becomes of each row of a database of version 4: columns that moved, and what follows from others."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dispatcher.storage.schema import SCHEMA
from tests.support.homes import migrated, restore
from xwhep.errors.installations import MigrationFailedError
from xwhep.lifecycle import Status

#: a job that has lost an attempt, and is at work in its second
AT_WORK = "01a21e1f95cb7c3384e56ef1847c08ea"
#: a unit of a search, at work, with a share claimed
UNIT = "f70c206e1a38810e98f56490f9cad017"
CLAIM = "146935d9b012f4e6f24c1cf22ad1c911197cf8532c5b853e6b85a804b468a9bb 1 -1"


def execute(file: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(";".join(statements))


def rows_of(file: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def changed_and_migrated(file: Path, *changes: str) -> None:
    restore("dispatcher-4", file)
    execute(file, *changes)
    migrated(SCHEMA, file)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a database of version 4 in which no two rows have the same numbers, and the same one migrated."""
    folder = tmp_path_factory.mktemp("homes")
    old, new = folder / "old.sqlite", folder / "new.sqlite"
    restore("dispatcher-4", old)
    execute(old, "UPDATE hosts SET proven_keys_per_s = rowid * 2.5", "UPDATE attempts SET keys_proven = rowid * 7")
    shutil.copyfile(old, new)
    migrated(SCHEMA, new)
    return old, new


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "SELECT uid, keys_per_s, proven_keys_per_s, shares, keys_proven FROM hosts ORDER BY uid",
            "SELECT host_uid, keys_per_s, proven_keys_per_s, shares, keys_proven FROM vanity_hosts ORDER BY host_uid",
        ),
        (
            "SELECT name, group_uid, os, cpu, false_results, joined_at, seen_at, revoked_at, NULL FROM hosts",
            "SELECT name, group_uid, os, cpu, false_results, joined_at, seen_at, revoked_at, owner_uid FROM hosts",
        ),
        (
            "SELECT digest, role, group_uid, uses_left, expires_at, NULL FROM tokens",
            "SELECT digest, role, group_uid, uses_left, expires_at, issuer_uid FROM tokens",
        ),
        (
            "SELECT name, kind, limits, kind = 'vanity', kind = 'vanity' FROM apps",
            "SELECT name, kind, limits, built_in, for_everybody FROM apps",
        ),
        (
            "SELECT job_uid, unit_number, keys_proven FROM attempts JOIN jobs ON uid = job_uid WHERE unit_number >= 0",
            "SELECT job_uid, number, keys_proven FROM vanity_units",
        ),
        (
            "SELECT uid, status, work, limits, unit_keys, attempts_made, attempts_allowed, match_class FROM jobs",
            "SELECT uid, status, work, limits, amount, attempts_made, attempts_allowed, match_class FROM jobs",
        ),
        (
            "SELECT job_uid, number, host_uid, status, fraction, keys_tried, keys_per_s, cpu_s, reason FROM attempts",
            "SELECT job_uid, number, host_uid, status, fraction, amount, amount_per_s, cpu_s, reason FROM attempts",
        ),
        (
            "SELECT job_uid, name, digest, size_bytes, 1 FROM job_outputs ORDER BY job_uid, name",
            "SELECT job_uid, name, digest, size_bytes, attempt FROM attempt_outputs ORDER BY job_uid, name",
        ),
        (
            "SELECT batch_uid, blinding, target, next_number, keys_tried, result_s, result_address FROM searches",
            "SELECT batch_uid, blinding, target, next_number, keys_tried, result_s, result_address FROM searches",
        ),
    ],
)
def test_each_value_is_where_it_belongs(before: str, after: str, homes: tuple[Path, Path]) -> None:
    old, new = homes

    moved = rows_of(new, after)
    assert sorted(moved, key=repr) == sorted(rows_of(old, before), key=repr) != []


def test_what_follows_from_the_statuses_is_written_down(homes: tuple[Path, Path]) -> None:
    _, new = homes

    assert set(rows_of(new, "SELECT status, blame FROM attempts")) == {
        ("leased", None),
        ("finished", None),
        ("failed", "job"),
        ("lost", "host"),
        ("revoked", "grid"),
    }
    assert set(rows_of(new, "SELECT status, attempts_wanted, result_attempt FROM jobs")) == {
        ("pending", 1, None),
        ("running", 0, None),
        ("completed", 0, 1),
        ("failed", 0, 1),
        ("error", 0, None),
        ("cancelled", 0, None),
    }


def test_the_jobs_of_each_batch_are_counted(homes: tuple[Path, Path]) -> None:
    _, new = homes
    counts = {
        status: rows_of(new, f"SELECT uid, jobs_{status} FROM batches WHERE jobs_{status} > 0")  # noqa: S608 - our names
        for status in Status
    }
    counted = sorted((uid, status.value, count) for status, found in counts.items() for uid, count in found)

    in_batches = "FROM jobs WHERE batch_uid IS NOT NULL GROUP BY batch_uid, status"
    assert counted == sorted(rows_of(new, f"SELECT batch_uid, status, count(*) {in_batches}")) != []


def test_claims_of_live_attempts_are_kept(homes: tuple[Path, Path]) -> None:
    _, new = homes

    assert rows_of(new, "SELECT job_uid, attempt, claim FROM attempt_claims") == [(UNIT, 1, CLAIM)]


def test_claims_become_a_row_each(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    changed_and_migrated(file, """UPDATE attempts SET claimed = '["a 1 1", "b 2 -1"]' WHERE ended_at IS NULL""")

    assert rows_of(file, "SELECT job_uid, attempt, claim FROM attempt_claims ORDER BY job_uid, claim") == [
        (AT_WORK, 2, "a 1 1"),
        (AT_WORK, 2, "b 2 -1"),
        (UNIT, 1, "a 1 1"),
        (UNIT, 1, "b 2 -1"),
    ]


OUTPUT_OF_AT_WORK = (
    "INSERT INTO job_outputs (size_bytes, job_uid, name, digest) SELECT size_bytes, uid, 'stdout', digest"
    " FROM jobs, blobs WHERE attempts_made = 2 AND size_bytes = 0"
)


def test_outputs_belong_to_the_attempt_that_left_them(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    changed_and_migrated(
        file,
        "UPDATE jobs SET status = 'completed' WHERE attempts_made = 2",
        "UPDATE attempts SET status = 'finished' WHERE number = 2 AND ended_at IS NULL",
        OUTPUT_OF_AT_WORK,
    )

    outputs = "SELECT uid, result_attempt, attempt, size_bytes FROM attempt_outputs JOIN jobs ON uid = job_uid"
    assert rows_of(file, f"{outputs} WHERE attempts_made = 2") == [(AT_WORK, 2, 2, 0)]


def test_outputs_that_no_attempt_left_are_not_lost_silently(tmp_path: Path) -> None:
    with pytest.raises(MigrationFailedError, match=r"NOT NULL constraint failed: attempt_outputs\.attempt"):
        changed_and_migrated(tmp_path / "old.sqlite", OUTPUT_OF_AT_WORK)


def test_only_the_app_of_the_dispatcher_is_built_in(tmp_path: Path) -> None:
    """An administrator could register others of its kind, which were for everybody too."""
    file = tmp_path / "old.sqlite"
    changed_and_migrated(file, "UPDATE apps SET kind = 'vanity' WHERE name = 'theirs'")

    assert set(rows_of(file, "SELECT name, built_in, for_everybody FROM apps")) == {
        ("vanity", 1, 1),
        ("theirs", 0, 1),
        ("hello", 0, 0),
    }
