"""The set of all tables, and how their constraints and indexes are named; imported before any table is defined."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from xwhep.sql.columns import NAMES

SQLModel.metadata.naming_convention = dict(NAMES)
METADATA: MetaData = SQLModel.metadata
