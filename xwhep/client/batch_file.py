"""A file with the jobs of a batch: TOML with `name` and `[[jobs]]`, or one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from xwhep.client.app_file import read_toml
from xwhep.client.contents import plain_name
from xwhep.client.specifications import JobSpecification, check_name, parse_job
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.jobs import MAX_JOBS_A_REQUEST


def read_batch(path: Path) -> tuple[str, list[JobSpecification]]:
    """Return the name of a batch and its jobs; without a name in the file, that is the file's.

    Raises:
        InvalidFieldError: the line or the key at fault.
        OSError: the file cannot be read.
    """
    name, written = (
        _from_toml(path) if path.suffix == ".toml" else (plain_name(path.stem, "batch"), list(_from_lines(path)))
    )
    if not 1 <= len(written) <= MAX_JOBS_A_REQUEST:
        raise InvalidFieldError(
            path.name, f"a batch has 1 to {MAX_JOBS_A_REQUEST:,} jobs and this has {len(written):,}"
        )
    base = path.absolute().parent
    return name, [parse_job(values, where, base) for where, values in written]


def _from_toml(path: Path) -> tuple[str, list[tuple[str, object]]]:
    table = read_toml(path)
    name, jobs = table.pop("name", plain_name(path.stem, "batch")), table.pop("jobs", [])
    if table:
        raise InvalidFieldError(f"{path.name}: {next(iter(table))}", "nobody knows this key; known are name and jobs")
    if not isinstance(jobs, list) or not isinstance(name, str):
        raise InvalidFieldError(path.name, "write the name as a text, and each job as a table [[jobs]]")
    return check_name(name), [(f"{path.name}: job {number}", job) for number, job in enumerate(jobs, start=1)]


def _from_lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                where = f"{path.name}: line {number}"
                yield where, _json(line, where)


def _json(line: str, where: str) -> object:
    try:
        return from_json(line)  # it knows a limit of its own to the depth, whatever that of the interpreter is
    except ValueError as error:
        raise InvalidFieldError(where, f"this is not JSON ({error})") from error
