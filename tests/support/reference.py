"""The reference pages, made from the code that they describe: `python -m tests.support.reference` writes them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import click
from pydantic_core import PydanticUndefined

import dispatcher.cli
import oracle.cli
import worker.cli
import xwhep.cli.program
from dispatcher.config import DispatcherSettings
from oracle.config import OracleSettings
from tests.support.catalogue import CATALOGUE
from tests.support.documented import comments, first_line
from tests.support.http_reference import http
from worker.config import WorkerSettings
from xwhep.chain.settings import ChainSettings
from xwhep.config import Settings, variable
from xwhep.errors.base import XwhepError

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PROGRAMS: tuple[click.Group, ...] = (
    xwhep.cli.program.program,
    dispatcher.cli.program,
    worker.cli.program,
    oracle.cli.program,
)
SETTINGS: tuple[type[Settings], ...] = (ChainSettings, DispatcherSettings, OracleSettings, WorkerSettings)


COMMAND_LINE = """\
# Command line

Every command ends with exit status 0 (done), 1 (refused by the dispatcher, the chain or this machine), 2 (wrong on the
command line alone) or 130 (Ctrl-C). What went wrong is one line on standard error, with a code that [Errors](errors.md)
explains. `--json` prints one JSON document on standard output."""

ERRORS = """\
# Errors

On the wire an error is a problem document (RFC 9457) of type `urn:xwhep:error:<code>`, with the members `code` and,
where one field of the request is at fault, `field`. A code never changes its meaning. The command line ends with the
exit status given here; with 1 where the dispatcher found the fault.

| code | HTTP status | exit status | meaning |
|---|---|---|---|"""

CONFIGURATION = """\
# Configuration

A flag wins over the environment, that over `config.toml`, that over the default. A section or a key
that nobody knows is an error, in the file as in the environment. In the environment, what has several parts is written
as JSON. The file is in the platform's folder for a user's configuration (on Linux `~/.config/xwhep`).

| variable | meaning |
|---|---|
| `XWHEP_HOME` | one folder for keys, databases, caches and `config.toml`, in place of the platform's |
| `XWHEP_SECRET` | the secret of `xwhep vanity combine`, 64 hexadecimal digits, in place of a file |
| `XWHEP_KEYSTORE_PASSWORD` | the password of a keystore for `xwhep tasks` and `xwhep chain`, in place of a prompt |"""


def command_line() -> str:
    """Return the page on all commands."""
    parts = [COMMAND_LINE]
    for program in PROGRAMS:
        parts += _helps(program, click.Context(program, info_name=program.name, terminal_width=80), 2)
    return "\n\n".join(parts) + "\n"


def _helps(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    yield f"{'#' * level} {context.command_path}"
    yield f"```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _helps(inner, click.Context(inner, context, info_name=name, terminal_width=80), 3)


def error_codes() -> str:
    """Return the page on all codes of errors."""
    rows = [
        f"| `{error.code}` | {error.http_status} | {error.exit_status} | {_meaning(error)} |"
        for error in sorted((e for e in CATALOGUE if "code" in vars(e)), key=lambda error: error.code)
    ]
    return "\n".join([ERRORS, *rows, ""])


def _meaning(error: type[XwhepError]) -> str:
    return "A fault of the program itself; its log says more." if error is XwhepError else first_line(error)


def configuration() -> str:
    """Return the page on all settings."""
    parts = [CONFIGURATION]
    for settings in SETTINGS:
        parts += [f"## [{settings.section}]", first_line(settings), _keys(settings)]
    return "\n\n".join(parts) + "\n"


def _keys(settings: type[Settings]) -> str:
    meanings = comments(inspect.getsource(settings))
    rows = ["| key | variable | default | meaning |", "|---|---|---|---|"]
    for name, field in settings.model_fields.items():
        default = _default(field.default)
        rows.append(f"| `{name}` | `{variable(settings.section, name)}` | {default} | {meanings.get(name, '')} |")
    return "\n".join(rows)


def _default(default: object) -> str:
    if default is None:
        return "not set"
    return "of the machine" if default is PydanticUndefined else f"`{_written(default)}`"


def _written(default: object) -> str:
    """Return a default as the environment takes it."""
    if isinstance(default, frozenset):
        return json.dumps(sorted(default))
    if isinstance(default, tuple | dict):
        return json.dumps(default)
    return str(default)


PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"cli.md": command_line, "errors.md": error_codes, "configuration.md": configuration, "http.md": http}
)


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
