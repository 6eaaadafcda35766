"""The errors of a database that cannot be used."""

from __future__ import annotations

from pathlib import Path

from xwhep.errors.jobs import StorageFullError, UnavailableError
from xwhep.sql.sqlite import translated


def in_our_words(file: Path) -> translated:
    """Return a context that raises SQLite's errors about a file as errors of ours."""
    return translated(file, StorageFullError, unusable)


def unusable(name: str) -> UnavailableError:
    """Return the error about a file that cannot be used now, for the reason that SQLite calls `name`."""
    return UnavailableError(f"the database cannot be used now ({name})")


def stopping() -> UnavailableError:
    """Return the error about a database that is closed."""
    return UnavailableError("the dispatcher is stopping")
