"""What all our command lines share: how they end, how they say what went wrong, how they print data.

Exit status 0: done. 1: refused by the dispatcher or by this machine. 2: wrong on the command line alone. 130: Ctrl-C.
An error is one line on standard error, `program: text (code)`; data goes to standard output and nothing else does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import wraps
from importlib import metadata
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
from pydantic import BaseModel

from xwhep import config
from xwhep.cli.display import document, safe
from xwhep.client.owner import OwnerClient
from xwhep.errors import LocalFileError, RemoteError, XwhepError
from xwhep.session import open_owner

P = ParamSpec("P")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

REFUSED = 1
USER_FOLDER = "user"  # the user's identity, in the home folder
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Command(click.Command):
    """A command whose help ends with an example; each has one."""

    def __init__(self, *args: Any, example: str, **options: Any) -> None:
        lines = "\n".join(f"  {line}" for line in example.splitlines())
        super().__init__(*args, **options | {"epilog": f"\b\nExample:\n{lines}"})


class Group(click.Group):
    """A group of commands with examples."""

    command_class = Command


class Program(Group):
    """The root of a command line: the one place where errors become a line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; see the module for how it ends."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            click.echo(err=True)
            ctx.exit(INTERRUPTED)
        except XwhepError as error:
            ctx.exit(self._report(error))
        except OSError as error:
            if error.filename is None:
                raise  # not about a file that somebody named: a closed pipe, or a fault of ours
            ctx.exit(self._report(LocalFileError(str(error.filename), error.strerror or type(error).__name__)))

    def _report(self, error: XwhepError) -> int:
        code = error.remote_code if isinstance(error, RemoteError) else error.code
        click.echo(f"{self.name}: {safe(error.text)} ({safe(code)})", err=True)
        return REFUSED if error.remote else error.exit_status


def run(program: Program) -> None:
    """Run a program as a process; a text that the terminal cannot show is written out rather than failing."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # both are TextIOWrapper in a process
    program(prog_name=program.name)


class Split(click.ParamType):  # type: ignore[type-arg] # generic in newer versions of click only
    """A value in several parts, written as one word; the function takes it apart or raises ValueError."""

    def __init__(self, function: Callable[[str], Any]) -> None:
        self.name = "text"
        self._function = function

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the parts."""
        try:
            return self._function(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def version_option(command: FunctionT) -> FunctionT:
    """Add `--version`, which names the program and the version of the distribution."""
    return click.option(
        "--version", is_flag=True, expose_value=False, is_eager=True, callback=_tell_version, help="Show the version."
    )(command)


def _tell_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if not wanted:
        return
    try:
        click.echo(f"{ctx.find_root().info_name} {metadata.version('xwhep')}")
    except metadata.PackageNotFoundError:
        click.echo(f"{ctx.find_root().info_name}, from a folder of sources")
    ctx.exit()


def json_option(command: FunctionT) -> FunctionT:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a text.")(command)


def show(value: BaseModel | Sequence[BaseModel], text: str, *, as_json: bool) -> None:
    """Print data: the text for people, or the JSON document for programs."""
    click.echo(document(value) if as_json else text)


def remark(text: str) -> None:
    """Say something to the person at the terminal that is not data."""
    click.echo(text, err=True)


def remark_once() -> Callable[[str], None]:
    """Return what remarks the first text that it is given, and no other."""
    said = False

    def say(text: str) -> None:
        nonlocal said
        if not said:
            said = True
            remark(text)

    return say


def utc_now() -> datetime:
    """Return the time: command lines are shells, which may read the clock."""
    return datetime.now(UTC)


def on_grid(
    command: Callable[Concatenate[OwnerClient, P], Coroutine[Any, Any, None]],
) -> Callable[P, None]:
    """Make a command of a coroutine that talks to the grid: it is given a client opened with the user's identity."""

    @wraps(command)
    def run_on_grid(*args: P.args, **options: P.kwargs) -> None:
        async def talk() -> None:
            async with open_owner(config.home() / USER_FOLDER, utc_now()) as client:
                await command(client, *args, **options)

        asyncio.run(talk())

    return run_on_grid
