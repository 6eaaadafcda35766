"""What people read on a terminal: tables, numbers with units, moments, and texts that came from outside made harmless.

Pure functions: this module knows no clock, no terminal and no grid.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import BaseModel  # slow to load, and no table needs it

#: the width of a terminal that every table fits
WIDTH: Final = 80
_GAP: Final = "  "
_CUT: Final = "..."
_DURATIONS: Final = ((365.25 * 86400, "years"), (86400.0, "days"), (3600.0, "h"), (60.0, "min"))
_SIZES: Final = ("KiB", "MiB", "GiB", "TiB")
_MULTIPLES: Final = ("", " k", " M", " G", " T", " P", " E")


def safe(text: str) -> str:
    r"""Return `text` on one line, with each character that does not print written out, as in `\x1b`.

    What other machines send may hold terminal escapes, line breaks, or marks that turn the direction of writing.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def safe_lines(text: str) -> str:
    """Return `text` made harmless like `safe`, but with its line breaks and tabs."""
    return "\n".join("\t".join(safe(cell) for cell in line.split("\t")) for line in text.split("\n"))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows under headings, in aligned columns, at most `WIDTH` wide: the last column gives way."""
    lines = [list(headings), *([safe(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    taken = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    widths[-1] = min(widths[-1], max(WIDTH - taken, len(_CUT)))
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    fitted = (shorten(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=True))
    return _GAP.join(fitted).rstrip()


def shorten(text: str, width: int) -> str:
    """Return `text`, cut to `width` characters where it is longer."""
    return text if len(text) <= width else text[: width - len(_CUT)] + _CUT


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Return one line for each name and value; what is None is left out."""
    known = [(name, safe(str(value))) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}{_GAP}{value}".rstrip() for name, value in known)


def document(value: BaseModel | Sequence[BaseModel]) -> str:
    """Return one line of JSON in plain ASCII: an object, or an array of objects."""
    plain = [v.model_dump(mode="json") for v in value] if isinstance(value, Sequence) else value.model_dump(mode="json")
    return json.dumps(plain, ensure_ascii=True, allow_nan=False)


def size(size_bytes: int) -> str:
    """Return a size in bytes for people, in powers of 1024."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    power = min((size_bytes.bit_length() - 1) // 10, len(_SIZES))
    return f"{size_bytes / 1024**power:.1f} {_SIZES[power - 1]}"


def amount(number: float) -> str:
    """Return a large number for people with three digits and a decimal multiple, as in `4.48 M`."""
    rounded = float(f"{number:.3g}")
    power = max(0, math.floor(math.log10(rounded or 1) + 1e-9)) // 3  # log10(1e15) may be a little under 15
    return f"{rounded / 1000**power:.3g}{_MULTIPLES[power]}" if power < len(_MULTIPLES) else f"{number:.2e}"


def rate(keys_per_s: float) -> str:
    """Return for people how fast keys are tried."""
    return f"{amount(keys_per_s)} keys/s"


def duration(seconds: float) -> str:
    """Return a time span for people, with about two digits."""
    if seconds < 0.95:
        return "less than 1 s"
    for length, unit in _DURATIONS:
        if seconds >= 0.995 * length:  # 59.7 s is 1 min, not 60 s
            return f"{_two_digits(seconds / length)} {unit}"
    return f"{seconds:.0f} s"


def _two_digits(number: float) -> str:
    if number < 9.95:
        return f"{number:.1f}".removesuffix(".0")
    return f"{number:,.0f}" if number < 1e6 else f"{number:.1e}"


def moment(when: datetime, now: datetime) -> str:
    """Return a moment in the zone of this machine, and how long ago that is."""
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S} ({ago(when, now)})"


def ago(when: datetime, now: datetime) -> str:
    """Return how far a moment is from now."""
    seconds = (now - when).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def span(start: datetime, end: datetime | None, now: datetime) -> str:
    """Return how long something lasted, or has lasted until now."""
    return duration(max(0.0, ((end or now) - start).total_seconds()))


def percent(fraction: float) -> str:
    """Return a part of a whole; a little is never none, and nearly all is never all."""
    if 0 < fraction < 0.001:
        return "<0.1 %"
    if 0.999 < fraction < 1:
        return ">99.9 %"
    return f"{fraction:.1%}".replace("%", " %")
