"""How values become columns of tables: moments in UTC, enumerations by value, documents as JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Enum,
    Index,
    Integer,
    MetaData,
    TextClause,
    TypeDecorator,
    text,
)
from sqlmodel import Field

ValueT = TypeVar("ValueT")

#: of documents, how long a text may be that is remembered, in characters, and how many of each kind are
_SHORT: Final = 1024
_REMEMBERED: Final = 1024

#: of a moment in UTC, which SQLite's text leaves out. Source: RFC 3339, 5.6
_ZONE: Final = "+00:00"

#: of constraints and indexes, so that a migration can rely on their names
NAMES: Final = MappingProxyType(
    {
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, aware, in UTC, to the microsecond; SQLite forgets the zone and this gives it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:  # noqa: ARG002 - signature
        """Return what makes the text of a moment in UTC; SQLAlchemy's own way takes twice as long."""
        return _moment_as_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002 - signature
        """Return what reads it."""
        return _moment_of_text


def _moment_as_text(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    assert moment.tzinfo is not None, "a moment without a zone"
    return moment.astimezone(UTC).isoformat(" ", "microseconds").removesuffix(_ZONE)


def _moment_of_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text + _ZONE)


class Document(TypeDecorator[ValueT], Generic[ValueT]):
    """A value stored as JSON and checked by its type on the way back; nothing that matching needs."""

    impl = JSON
    cache_ok = True

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.shape = shape
        self._adapter: TypeAdapter[ValueT] = TypeAdapter(shape)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], ValueT | None]:
        """Return what reads a value; equal texts, as the limits of an app's jobs are, are parsed once.

        So two rows may share a value: nobody changes one.
        """
        parse = super().result_processor(dialect, coltype)
        assert parse is not None, "a document is always parsed"
        parse_once = lru_cache(maxsize=_REMEMBERED)(parse)
        return lambda raw: parse_once(raw) if isinstance(raw, str) and len(raw) <= _SHORT else parse(raw)

    def bind_processor(self, dialect: Dialect) -> Callable[[ValueT | None], str | None]:  # noqa: ARG002 - signature
        """Return what makes JSON of a value; the standard library takes several times as long for many."""
        dump = self._adapter.dump_json
        return lambda value: None if value is None else dump(value).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> ValueT | None:  # noqa: ARG002 - signature
        """Return the value."""
        return None if value is None else self._adapter.validate_python(value)


def by_value(enumeration: type[StrEnum]) -> Enum:
    """Return the column type of an enumeration: its values as lower-case text."""
    return Enum(
        enumeration,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def moment(**options: Any) -> Any:
    """Return a field that holds a moment."""
    return Field(sa_type=UtcDateTime, **options)


def enumeration(values: Any, **options: Any) -> Any:
    """Return a field that holds an enumeration's value."""
    return Field(sa_type=by_value(values), **options)


def document(shape: Any, **options: Any) -> Any:
    """Return a field that holds a JSON document."""
    return Field(sa_type=Document(shape), **options)


def partial_index(name: str, *columns: str | TextClause, where: str) -> Index:
    """Return an index of those rows only that a condition holds for."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def widen_counts(metadata: MetaData) -> None:
    """Let the whole numbers of all tables pass 2^31: counts of keys and bytes do; on SQLite the two types are one."""
    for column in [column for table in metadata.tables.values() for column in table.columns]:
        if type(column.type) is Integer and not column.primary_key:
            column.type = BigInteger()
