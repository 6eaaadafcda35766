"""Deadlines as people write them: a span from now, or a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from xwhep.chain.values import MAX_DEADLINE_S, MIN_DEADLINE_S
from xwhep.errors.chain import DeadlineError
from xwhep.terminal.display import duration

_SPAN: Final = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_deadline(text: str, now: datetime) -> datetime:
    """Return the moment that a text names: a span such as `30m` or `2d`, or a time in ISO 8601, local without a zone.

    Raises:
        DeadlineError: it names none, or one that the hub does not take.
    """
    when = _moment(text, now)
    if when <= now:
        raise DeadlineError(text, "it lies in the past")
    if when < now + timedelta(seconds=MIN_DEADLINE_S):
        raise DeadlineError(text, f"the hub takes none less than {duration(MIN_DEADLINE_S)} ahead")
    if when > now + timedelta(seconds=MAX_DEADLINE_S):
        raise DeadlineError(text, f"the hub takes none more than {duration(MAX_DEADLINE_S)} ahead")
    return when


def _moment(text: str, now: datetime) -> datetime:
    try:
        if span := _SPAN.fullmatch(text):
            return now + timedelta(seconds=int(span[1]) * _UNITS[span[2]])
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise DeadlineError(text, "it is beyond the calendar") from error
    except ValueError as error:
        raise DeadlineError(text, "it is no time") from error
