"""The command `xwhep demo`: sets the stage, has the story told, and clears everything away in the end."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from xwhep.demo.processes import Stage
from xwhep.demo.story import tell
from xwhep.terminal.shell import Command, remark
from xwhep.vanity.errors import PatternError
from xwhep.vanity.patterns import parse_pattern

#: keys on average that a search of the demonstration may take: what its oracle takes too
HARDEST: Final = 10**12


@click.command(cls=Command, example="xwhep demo\nxwhep demo 1Grid --keep")
@click.argument("pattern", default="1LoVE")
@click.option("--keep", is_flag=True, help="Keep the folder of the demonstration, with its logs and the key found.")
def demo(pattern: str, *, keep: bool) -> None:
    """Show everything at work on this machine, from nothing: a grid, an Ethereum chain, and an oracle between them.

    You pay contracts in RLC, and two volunteers compute for you: they count words, and search for an address that
    begins with PATTERN, 1LoVE by default. Everything happens in a temporary folder, which is removed in the end; the
    last line is one JSON object.
    """
    wanted = parse_pattern(pattern)
    if wanted.difficulty > HARDEST:
        why = f"it takes {float(wanted.difficulty):.1e} keys on average, and this machine would search for days"
        raise PatternError(pattern, f"{why}; show a shorter one")
    with _folder(keep=keep) as folder, _terminable():
        stage = Stage(folder)
        try:
            told = tell(stage, wanted, click.echo)
        finally:
            stage.stop()
    click.echo("")
    click.echo(json.dumps(told))


@contextlib.contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="xwhep-demo-"))
    click.echo(f"A grid on this machine, from nothing. Everything is in {folder}, below called DEMO.")
    try:
        yield folder
    finally:
        if keep:
            remark(f"\nKept: {folder}, with the logs of all parts and the key.")
        else:
            shutil.rmtree(folder)
            remark("\nAll processes are stopped, and the folder is removed, the key with it; --keep keeps it.")


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let a request to terminate end the demonstration as Ctrl-C does: in order."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
