"""Statements that are compiled once and then run by the driver itself, for lists of values.

To run a small statement takes SQLAlchemy many times as long as SQLite. So what each request needs is written as a
statement of SQLAlchemy's, compiled for the dialect of the first connection, and handed to the driver as text. How
values become columns, and columns values, is told by the types of the columns as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, Generic, Self, TypeVar

from sqlalchemy import Dialect, Executable, SelectBase
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

Convert = Callable[[Any], Any]
Values = Mapping[str, Any]
T = TypeVar("T")

#: in `Session.info`: what the driver has of its transaction
_DRIVER: Final = "driver"
RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class DriverText:
    """A statement as a driver takes it."""

    text: str
    names: tuple[str, ...]  #: of the values, by their places in the text
    fixed: Mapping[str, Any]  #: values that the statement has where none of this name is given
    stored: tuple[tuple[int, Convert], ...]  #: the places whose values the driver does not take as they are
    columns: tuple[tuple[int, Convert], ...]  #: of a result, those that are not as the driver reads them: how they are

    @classmethod
    def of(cls, statement: Executable, dialect: Dialect) -> Self:
        """Return a statement for a dialect."""
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined] # every statement has it
        names = tuple(compiled.positiontup or ())
        columns = statement.selected_columns if isinstance(statement, SelectBase) else ()
        return cls(
            str(compiled),
            names,
            {name: compiled.binds[name].value for name in names},
            _needed(compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names),
            _needed(column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns),
        )

    def parameters(self, values: Values) -> list[Any]:
        """Return values as the driver takes them, in the order of their places."""
        try:
            row = [values[name] for name in self.names]
        except KeyError:
            row = list(map({**self.fixed, **values}.__getitem__, self.names))
        for place, store in self.stored:
            row[place] = store(row[place])
        return row

    def columns_of(self, rows: Sequence[Values], common: Values) -> list[Iterable[Any]]:
        """Return the values of rows as the driver takes them, column by column in the order of their places.

        What all rows have in `common` is converted once, and so are values that no row has.
        """
        varying, same, stores = rows[0].keys(), {**self.fixed, **common}, dict(self.stored)
        return [
            _stored([row[name] for row in rows], stores.get(place))
            if name in varying
            else repeat(_stored([same[name]], stores.get(place))[0], len(rows))
            for place, name in enumerate(self.names)
        ]

    def values(self, raw: tuple[Any, ...]) -> Sequence[Any]:
        """Return a row of the driver's as values."""
        if not self.columns:
            return raw
        values = list(raw)
        for place, read in self.columns:
            values[place] = read(values[place])
        return values


def _needed(conversions: Iterable[Convert | None]) -> tuple[tuple[int, Convert], ...]:
    return tuple((place, convert) for place, convert in enumerate(conversions) if convert is not None)


def _stored(values: list[Any], store: Convert | None) -> list[Any]:
    """Return values of one column as the driver takes them; an object that comes again is converted once."""
    if store is None:
        return values
    known = {id(value): value for value in values}  # which are all alive, so that no two share an id
    stored = {key: store(value) for key, value in known.items()}
    return [stored[id(value)] for value in values]


_rowcount: Final[Callable[[Any], int]] = attrgetter("rowcount")


class Prepared:
    """A statement, compiled when it is first run."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._text: DriverText | None = None

    def text(self, session: Session) -> DriverText:
        """Return the statement as the session's driver takes it."""
        if self._text is None:
            self._text = DriverText.of(self.statement, session.get_bind().dialect)
        return self._text

    def each_row(self, session: Session, rows: Iterable[Values], take: Callable[[Any], T]) -> list[T]:
        """Run the statement with each of these values; return what is taken of the driver's cursor each time.

        Raises:
            DBAPIError: as SQLAlchemy raises it, without the values.
        """
        if not rows:
            return []
        text = self._text or self.text(session)
        statement, parameters = text.text, text.parameters
        with _Cursor(_driver(session), statement) as cursor:
            return [take(cursor.execute(statement, parameters(row))) for row in rows]


class _Cursor:
    """A cursor of the driver's for one statement; what goes wrong is raised as SQLAlchemy raises it."""

    __slots__ = ("_cursor", "_driver", "_statement")

    def __init__(self, driver: _Driver, statement: str) -> None:
        self._driver = driver
        self._statement = statement

    def __enter__(self) -> Any:
        try:
            self._cursor = self._driver.connection.cursor()
        except self._driver.faults as error:
            raise self._as_sqlalchemys(error) from error
        return self._cursor

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._cursor.close()
        if isinstance(error, self._driver.faults):
            raise self._as_sqlalchemys(error) from error

    def _as_sqlalchemys(self, error: Exception) -> BaseException:
        options: Any = {"hide_parameters": True, "dialect": self._driver.dialect}
        found: BaseException = DBAPIError.instance(self._statement, None, error, self._driver.faults, **options)
        return found


class PreparedWrite(Prepared):
    """A statement that changes rows."""

    def each(self, session: Session, rows: Iterable[Values]) -> list[int]:
        """Run it with each of these values; return how many rows each time has changed.

        Raises:
            DBAPIError: as SQLAlchemy raises it.
        """
        return self.each_row(session, rows, _rowcount)

    def all_at_once(self, session: Session, rows: Sequence[Values], common: Values) -> None:
        """Run it with all these values, in one call of the driver; equal objects in a column are converted once.

        All rows have the same names, and the values in `common` too.

        Raises:
            DBAPIError: as SQLAlchemy raises it, without the values.
        """
        text = self.text(session)
        with _Cursor(_driver(session), text.text) as cursor:
            cursor.executemany(text.text, zip(*text.columns_of(rows, common), strict=True))

    def one(self, session: Session, **values: Any) -> int:
        """Run it once; return how many rows it has changed."""
        return self.each(session, (values,))[0]


class PreparedRead(Prepared, Generic[RowT]):
    """A statement that reads rows, each of them made into a `row` of its columns in their order."""

    def __init__(self, statement: Executable, row: Callable[..., RowT]) -> None:
        super().__init__(statement)
        self._row = row

    def each(self, session: Session, rows: Iterable[Values]) -> list[list[RowT]]:
        """Run it with each of these values; return what each time has found.

        Raises:
            DBAPIError: as SQLAlchemy raises it.
        """
        make, values = self._row, self.text(session).values
        return self.each_row(session, rows, lambda cursor: [make(*values(raw)) for raw in cursor.fetchall()])

    def all(self, session: Session, **values: Any) -> list[RowT]:
        """Run it once; return what it has found."""
        return self.each(session, (values,))[0]

    def first_of_each(self, session: Session, rows: Iterable[Values]) -> list[RowT | None]:
        """Run it with each of these values; return the first row that each time has found."""
        return [found[0] if found else None for found in self.each(session, rows)]


@dataclass(frozen=True, slots=True)
class _Driver:
    """What the driver has of one transaction."""

    transaction: SessionTransaction | None
    connection: Any
    dialect: Dialect
    faults: type[Exception]


def _driver(session: Session) -> _Driver:
    """Return what the driver has of the transaction that a session is in; looked up once a transaction."""
    known: _Driver | None = session.info.get(_DRIVER)
    if known is not None and known.transaction is not None and known.transaction is session.get_transaction():
        return known
    connection = session.connection()
    dialect = connection.dialect
    assert dialect.dbapi is not None, "it has a driver"
    known = _Driver(session.get_transaction(), connection.connection.dbapi_connection, dialect, dialect.dbapi.Error)
    session.info[_DRIVER] = known
    return known
