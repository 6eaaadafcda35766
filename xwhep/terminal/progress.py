"""Progress on a terminal: a bar on standard error for what lasts, and nothing where nobody watches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import click

from xwhep.terminal.display import safe
from xwhep.world import REAL

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar  # what click.progressbar returns has no public name

#: what ends sooner leaves no trace, seconds
PATIENCE_S: Final = 1.0
BAR_WIDTH: Final = 8  #: characters: beside it, the longest words of a search still fit on a line of 80
_STEPS: Final = 1000

#: called with how much is done by now
Advance = Callable[[float], None]


@contextlib.contextmanager
def bar(label: str, length: float) -> Iterator[Advance]:
    """Show a bar until the block ends; call what is yielded with how much of `length` is done."""
    with described_bar(label) as advance:
        yield lambda done: advance(done / length if length else 1.0, "")


@contextlib.contextmanager
def described_bar(label: str) -> Iterator[Callable[[float, str], None]]:
    """Show a bar until the block ends; call what is yielded with the part that is done and a few words beside it.

    The bar never goes back. Words take the place of the estimate of the time left, which misleads where progress is a
    matter of luck.
    """
    started = REAL.monotonic()
    words = ""
    shown: ProgressBar[str] | None = None
    with contextlib.ExitStack() as stack:

        def advance(part: float, description: str) -> None:
            nonlocal words, shown
            words = safe(description)
            if shown is None and sys.stderr.isatty() and REAL.monotonic() - started > PATIENCE_S:
                shown = stack.enter_context(_progressbar(label, lambda: words))
            if shown is not None:
                shown.update(max(0, round(_STEPS * min(1.0, part)) - shown.pos))

        yield advance


def _progressbar(label: str, words: Callable[[], str]) -> ProgressBar[str]:
    return click.progressbar(
        length=_STEPS,
        label=safe(label),
        file=sys.stderr,
        width=BAR_WIDTH,
        show_eta=not words(),
        item_show_func=lambda _: words(),
        update_min_steps=0,  # the words change more often than the bar
    )
