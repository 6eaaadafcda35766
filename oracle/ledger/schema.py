"""The schema of the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import MetaData

from oracle.ledger.tables import METADATA
from xwhep.errors.ledgers import LedgerBusyError, LedgerFullError
from xwhep.sql.schema import Schema


def metadata() -> MetaData:
    """Return all tables."""
    return METADATA


SCHEMA: Final = Schema(
    command="xwhep-oracle migrate",
    metadata=metadata,
    migrations=Path(__file__).parent / "migrations",
    full=LedgerFullError,
    busy=LedgerBusyError,
    before=("book", "schema_version"),
)
