"""How the demonstration tells: each command that it types, each thing to know, in lines that fit a terminal."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, Final

from xwhep.demo.processes import Part, Stage

WIDTH: Final = 80
_INDENT: Final = "   "
_TIED: Final = "\N{NO-BREAK SPACE}"

Say = Callable[[str], None]


class Teller:
    """Tells what happens on a stage while it makes it happen."""

    def __init__(self, stage: Stage, say: Say) -> None:
        self.stage = stage
        self._say = say
        self._step = 0

    def head(self, text: str) -> None:
        """Begin a step of the story."""
        self._step += 1
        number = f"{self._step}. "
        self._say("\n" + textwrap.fill(number + text, WIDTH, subsequent_indent=" " * len(number)))

    def note(self, text: str) -> None:
        """Say what there is to know."""
        self._say(_filled(self._named(text), _INDENT, ""))

    def show(self, command: Sequence[str]) -> None:
        """Show a command as somebody would type it."""
        line = self._named(" ".join(command))
        kept = re.sub(r"(--[a-z-]+) (?!--)", rf"\1{_TIED}", line)  # an option and its value stay together
        self._say(_filled(kept, f"{_INDENT}$ ", " \\").replace(_TIED, " "))

    def start(self, name: str, home: str, command: Sequence[str]) -> Part:
        """Show a command and start a part of the grid with it, which keeps running."""
        self.show(command)
        return self.stage.start(name, home, command)

    def run(self, home: str, command: Sequence[str], *, stdin: str = "") -> str:
        """Show a command, run it to its end, and return what it printed."""
        self.show(command)
        return self.stage.run(home, command, stdin=stdin).strip()

    def run_json(self, home: str, command: Sequence[str]) -> Any:
        """Show a command, run it to its end, and return the JSON document that it printed."""
        return json.loads(self.run(home, [*command, "--json"]))

    def _named(self, text: str) -> str:
        """Return a text in which the demonstration's folder has its short name."""
        return text.replace(str(self.stage.folder), "DEMO")


def _filled(text: str, begin: str, end: str) -> str:
    """Return a text in lines that fit, of which all but the last have an `end`; a long word stays whole."""
    width = WIDTH - len(end)
    indent = " " * len(begin) + ("  " if end else "")
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=begin,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return (end + "\n").join(lines)
