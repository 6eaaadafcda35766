"""Rows of kinds' own tables, beside the core's: read for the hooks, and changed as these say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from sqlalchemy import BigInteger, ColumnElement, bindparam, case, insert, inspect, update
from sqlmodel import Session, SQLModel

from dispatcher.kinds.contract import Change
from dispatcher.kinds.registry import Kinds
from xwhep.sql.prepared import PreparedRead, PreparedWrite

_MOST: Final = 2**63 - 1  #: what a column holds


class OwnRow:
    """One row as it was read, with its columns as attributes.

    A column that its table marks as large is read when somebody first looks at it.
    """

    def __init__(self, columns: Mapping[str, Any], read_large: Callable[[str], Any]) -> None:
        vars(self).update(columns)
        self._read_large = read_large

    def __getattr__(self, name: str) -> Any:
        """Read a large column."""
        value = vars(self)[name] = self._read_large(name)
        return value


def own_rows(session: Session, table: Any, uids: Collection[UUID]) -> dict[UUID, Any]:
    """Return a kind's own rows for these ids, by id; each has the columns of the table as attributes."""
    if table is None or not uids:
        return {}
    read, names = _reading(table)
    wanted = list(uids)
    found = read.each(session, [{"key": uid} for uid in wanted])
    return {
        uid: OwnRow(dict(zip(names, rows[0], strict=True)), _large_of(session, table, uid))
        for uid, rows in zip(wanted, found, strict=True)
        if rows
    }


def _large_of(session: Session, table: Any, uid: UUID) -> Callable[[str], Any]:
    def read(name: str) -> Any:
        large = _large_columns(table).get(name)
        if large is None:
            raise AttributeError(f"table {table.__tablename__} has no column {name}")
        return large.all(session, key=uid)[0]

    return read


class OwnReader:
    """Reads own rows one by one, each once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[tuple[Any, UUID], Any] = {}

    def row(self, table: Any, uid: UUID | None) -> Any:
        """Return the row with an id; None if there is none."""
        if table is None or uid is None:
            return None
        if (table, uid) not in self._read:
            self._read[table, uid] = own_rows(self._session, table, [uid]).get(uid)
        return self._read[table, uid]


def remember(session: Session, kinds: Kinds, host_uid: UUID, abilities: Mapping[str, Any]) -> None:
    """Write down what a host says of itself, where that is new."""
    for name, ability in abilities.items():
        kind = kinds.apps[name]
        if kind.own.host is None:
            continue
        (said,) = kind.remembered([ability])
        known = own_rows(session, kind.own.host, [host_uid])
        if not known:
            add(session, kind.own.host(host_uid=host_uid))
        if not known or any(getattr(known[host_uid], column) != value for column, value in said.items()):
            apply(session, [Change(kind.own.host, host_uid, put=said)])


def add(session: Session, row: SQLModel) -> None:
    """Write a kind's own row down."""
    table = type(row)
    _insertion(table).one(session, **{name: getattr(row, name) for name in table.model_fields})


def apply(session: Session, changes: Iterable[Change]) -> bool:
    """Make changes, one statement a row; tell whether each row was there and as expected."""
    done = [_apply(session, change) for change in _summed(changes)]
    return all(done)


def _summed(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the changes, and last what is only added to rows: once a row, as the sum of all that is."""
    sums: dict[tuple[type[SQLModel], UUID], Counter[str]] = {}
    for change in changes:
        if change.put or change.expected:
            yield change
        else:
            sums.setdefault((change.table, change.key), Counter()).update(change.add)
    for (table, key), added in sums.items():
        yield Change(table, key, add=added)


def _apply(session: Session, change: Change) -> bool:
    if not change.put and not change.add:
        return True
    values = {f"new_{name}": value for name, value in change.put.items()}
    for name, more in change.add.items():
        values |= {f"more_{name}": more, f"room_{name}": _MOST - more}
    values |= {f"expected_{name}": value for name, value in change.expected.items()}
    changing = _changing(change.table, frozenset(change.put), frozenset(change.add), frozenset(change.expected))
    return changing.one(session, key=change.key, **values) > 0


# --- statements ------------------------------------------------------------------------------------------------------


@lru_cache
def _reading(table: type[SQLModel]) -> tuple[PreparedRead[tuple[Any, ...]], tuple[str, ...]]:
    """Return the statement that reads a row without its large columns, and the names of what it reads."""
    columns = [column for column in inspect(table).columns if not _is_large(column)]
    query = sqlalchemy.select(*columns).where(_key(table) == bindparam("key"))
    return PreparedRead(query, lambda *values: values), tuple(column.name for column in columns)


@lru_cache
def _large_columns(table: type[SQLModel]) -> dict[str, PreparedRead[Any]]:
    """Return the statement that reads each large column of a row."""
    return {
        column.name: PreparedRead(sqlalchemy.select(column).where(_key(table) == bindparam("key")), lambda value: value)
        for column in inspect(table).columns
        if _is_large(column)
    }


def _is_large(column: Any) -> bool:
    return bool(column.info.get("is_large"))


@lru_cache
def _insertion(table: type[SQLModel]) -> PreparedWrite:
    return PreparedWrite(insert(table))


@lru_cache
def _changing(
    table: type[SQLModel], put: frozenset[str], add: frozenset[str], expected: frozenset[str]
) -> PreparedWrite:
    """Return the statement that changes these columns of a row, if these are as expected."""
    columns: Any = table
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in put}
    values |= {name: _sum(getattr(columns, name)) for name in add}
    as_expected = [getattr(columns, name).is_not_distinct_from(bindparam(f"expected_{name}")) for name in expected]
    return PreparedWrite(update(table).where(_key(table) == bindparam("key"), *as_expected).values(values))


def _sum(column: Any) -> ColumnElement[int]:
    """Return a count and what is added to it, at most what a column holds."""
    more, room = (bindparam(f"{name}_{column.key}", type_=BigInteger) for name in ("more", "room"))
    return case((column > room, _MOST), else_=column + more)


def _key(table: type[SQLModel]) -> Any:
    (key,) = inspect(table).primary_key
    return getattr(table, key.name)
