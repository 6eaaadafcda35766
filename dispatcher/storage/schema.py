"""The schema of the dispatcher's database."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from sqlalchemy import MetaData

from dispatcher.storage.faults import unusable
from dispatcher.storage.tables import METADATA
from xwhep.errors.jobs import StorageFullError
from xwhep.sql.schema import Schema

#: the modules with the tables of built-in kinds; a server loads those of its own kinds alone
_TABLES_OF_KINDS: Final = ("dispatcher.kinds.vanity_tables",)


def metadata() -> MetaData:
    """Return all tables: those of every built-in kind of app too, whichever kinds are configured.

    A kind that is switched off and on again finds its rows, and one schema version means the same tables everywhere.
    """
    for name in _TABLES_OF_KINDS:
        import_module(name)
    return METADATA


SCHEMA: Final = Schema(
    command="xwhep-dispatcher migrate",
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
    full=StorageFullError,
    busy=unusable,
    before=("grid", "schema_version"),
)
