"""What the command line alone decides: help, exit statuses, what is wrong before anybody is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.support.person import Person, every_command
from xwhep.errors.base import XwhepError, from_problem
from xwhep.errors.jobs import UnavailableError
from xwhep.errors.requests import InvalidFieldError
from xwhep.terminal.shell import Command, Program

COMMANDS = list(every_command())
POINT_OFF_CURVE = "02" + "00" * 31 + "05"


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path / "home")


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_each_command_has_help_with_an_example(words: tuple[str, ...], command: click.Command, person: Person) -> None:
    result = person.types(*words, "--help")

    assert isinstance(command, Command)
    assert result.exit_code == 0
    assert f"Example:\n    {'echo' if words == ('batches', 'submit') else 'xwhep ' + ' '.join(words)}" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines() if not line.startswith("    ")) <= 80


def test_no_command_takes_a_secret_as_an_argument() -> None:
    names = {option for _, command in COMMANDS for option in command.params if "secret" in str(option.name)}

    assert not names


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["vanity", "search", "--ignore-case"],
            "give a PATTERN, a file of them with --patterns, a --suffix or a --regex",
        ),
        (
            ["vanity", "search", "--regex", "0xC0ffee"],
            "such addresses are matched in lower case; write the expression so",
        ),
        (["login", "http://grid:1", "--token", "nonsense"], "(token-malformed)"),
        (["jobs", "show", "not-a-uid"], "not a valid UUID"),
        (["jobs", "submit", "app", "--limit", "wall=1"], "there is no limit 'wall'"),
        (["jobs", "submit", "app", "--limit", "wall_s=0"], "limits: wall_s: input should be greater"),
        (["jobs", "submit", "app", "--env", "A"], "has not the form KEY=VALUE"),
        (["jobs", "submit", "app", "--input", "there/is/none"], "there is no file there/is/none"),
        (["jobs", "submit", "app", "--input", "a=../b"], "must be a plain relative path"),
        (["groups", "create", "no spaces"], "(invalid-field)"),
        (["nonsense"], "No such command"),
    ],
)
def test_what_the_command_line_shows_to_be_wrong_ends_with_two(words: list[str], says: str, person: Person) -> None:
    result = person.types(*words)

    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert result.stdout == ""


def test_without_an_identity_a_command_says_how_to_log_in(person: Person) -> None:
    result = person.types("jobs", "list")

    assert result.exit_code == 1
    assert result.stderr == (
        f"xwhep: there is no identity in {person.home / 'user'}; run `xwhep login URL --token TOKEN`"
        " with a token first (not-joined)\n"
    )


def test_a_password_in_an_address_is_refused_and_not_repeated(person: Person) -> None:
    token = "xw1-" + "a" * 112

    result = person.types("login", "https://me:hunter2@grid", "--token", token)

    assert result.exit_code == 2
    assert "hunter2" not in result.output


def failing_with(error: BaseException) -> Program:
    def fail(**_: Any) -> None:
        raise error

    return Program("xwhep", commands={"fail": Command("fail", callback=fail, example="xwhep fail")})


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (
            UnavailableError("the dispatcher \x1b[31mis away"),
            1,
            "xwhep: the dispatcher \\x1b[31mis away; try again later (unavailable)\n",
        ),
        (InvalidFieldError("name", "too long"), 2, "xwhep: name: too long (invalid-field)\n"),
        (from_problem("invalid-field", "name: too long", 422), 1, "xwhep: name: too long (invalid-field)\n"),
        (from_problem("quota", "too much", 429), 1, "xwhep: too much (quota)\n"),
        (
            PermissionError(13, "Permission denied", "/etc/shadow"),
            1,
            "xwhep: /etc/shadow: permission denied (local-file)\n",
        ),
        (KeyboardInterrupt(), 130, "\n"),
    ],
)
def test_an_error_is_one_line_and_a_status(error: BaseException, status: int, line: str) -> None:
    result = CliRunner().invoke(failing_with(error), ["fail"])

    assert (result.exit_code, result.stderr.removeprefix("\n") or "\n") == (status, line)
    assert result.stdout == ""


def test_a_fault_of_ours_is_not_dressed_up() -> None:
    result = CliRunner().invoke(failing_with(ZeroDivisionError()), ["fail"])

    assert isinstance(result.exception, ZeroDivisionError)


def test_an_error_of_another_process_is_a_refusal() -> None:
    error = from_problem("impossible-pattern", "no search", 422)

    assert isinstance(error, XwhepError)
    assert error.remote


def test_the_module_runs_as_a_process(tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", "-m", "xwhep.cli"]
    environment = os.environ | {"XWHEP_HOME": str(tmp_path)}

    helped = subprocess.run([*words, "--help"], capture_output=True, text=True, timeout=60, check=False)
    refused = subprocess.run(
        [*words, "whoami"], capture_output=True, text=True, timeout=60, check=False, env=environment
    )

    assert helped.stdout.startswith("Usage: xwhep [OPTIONS] COMMAND")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr


def test_the_version_is_told() -> None:
    from xwhep.cli.program import program

    assert CliRunner().invoke(program, ["--version"], prog_name="xwhep").stdout.startswith("xwhep")
