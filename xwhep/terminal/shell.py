"""What all our command lines share: how they end, how they say what went wrong, how they print data.

Exit status 0: done. 1: refused by the dispatcher or by this machine. 2: wrong on the command line alone. 130: Ctrl-C.
An error is one line on standard error, `program: text (code)`; data goes to standard output and nothing else does.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xwhep.errors.base import RemoteError, XwhepError
from xwhep.errors.installations import LocalFileError
from xwhep.extras import needing
from xwhep.terminal.display import document, safe

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from pydantic import BaseModel  # slow to load, and no help needs it

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

REFUSED = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_SUMMARY_WIDTH = 45  # characters beside a completed command, as click has them


class Command(click.Command):
    """A command whose help ends with an example; each has one."""

    def __init__(self, *args: Any, example: str, **options: Any) -> None:
        lines = "\n".join(f"  {line}" for line in example.splitlines())
        super().__init__(*args, **options | {"epilog": f"\b\nExample:\n{lines}"})


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command whose module is imported when it is typed, or its own help is asked for."""

    target: str  #: where it is, `module:name`
    summary: str  #: its line in the list of commands: the first sentence of its help

    def load(self) -> click.Command:
        """Return the command; its module is imported now."""
        module, name = self.target.split(":")
        command: click.Command = getattr(import_module(module), name)
        return command


class Group(click.Group):
    """A group of commands with examples, some of which may be loaded when they are typed.

    `extra` is the part of the distribution that brings the libraries of the lazy commands.
    """

    command_class = Command

    def __init__(
        self, *args: Any, lazy: Mapping[str, Lazy] | None = None, extra: str | None = None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.lazy = dict(lazy or {})
        self.extra = extra

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now if it is lazy; None if there is none of this name.

        Raises:
            MissingExtraError: a library that the command imports is not installed.
        """
        if cmd_name in self.lazy and cmd_name not in self.commands:
            with contextlib.nullcontext() if self.extra is None else needing(self.extra):
                self.add_command(self.lazy[cmd_name].load(), cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, importing none of them."""
        names = self.list_commands(ctx)
        room = formatter.width - 6 - max(map(len, names), default=0)
        rows = [(name, self._summary(ctx, name, room)) for name in names]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, importing none of them, or else the options."""
        from click.shell_completion import CompletionItem  # only a shell that completes needs it

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self._summary(ctx, name, _SUMMARY_WIDTH)) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def _summary(self, ctx: click.Context, name: str, room: int) -> str:
        lazy = self.lazy.get(name)
        command = click.Command(name, help=lazy.summary) if lazy else self.get_command(ctx, name)
        assert command is not None, "it is in the list"
        return command.get_short_help_str(room)


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
    from importlib import metadata  # slow to load, and this option alone needs it

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
