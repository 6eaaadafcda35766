"""Statements that are compiled once and then run by the driver itself, for lists of values.

To run a small statement takes SQLAlchemy many times as long as SQLite. So what each request needs is written as a
statement of SQLAlchemy's, compiled for the dialect of the first connection, and handed to the driver as text. How
values become columns, and columns values, is told by the types of the columns as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
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
    #: of each place in the text: the name of its value, the value if the statement has it, and how it is stored
    places: tuple[tuple[str, Any, Convert | None], ...]
    columns: tuple[tuple[int, Convert], ...]  #: of a result, those that are not as the driver reads them: how they are

    @classmethod
    def of(cls, statement: Executable, dialect: Dialect) -> Self:
        """Return a statement for a dialect."""
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined] # every statement has it
        places = tuple(
            (name, bind.value, bind.type.dialect_impl(dialect).bind_processor(dialect))
            for name, bind in ((name, compiled.binds[name]) for name in compiled.positiontup or ())
        )
        columns = statement.selected_columns if isinstance(statement, SelectBase) else ()
        readers = tuple(column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns)
        return cls(
            str(compiled), places, tuple((place, read) for place, read in enumerate(readers) if read is not None)
        )

    def parameters(self, values: Values) -> list[Any]:
        """Return values as the driver takes them, in the order of their places."""
        get = values.get
        return [get(name, fixed) if store is None else store(get(name, fixed)) for name, fixed, store in self.places]

    def columns_of(self, rows: Sequence[Values], common: Values) -> list[Iterable[Any]]:
        """Return the values of rows as the driver takes them, column by column in the order of their places.

        What all rows have in `common` is converted once, and so are values that no row has.
        """
        varying = rows[0].keys()
        return [
            _stored([row[name] for row in rows], store)
            if name in varying
            else repeat(_one_stored(common.get(name, fixed), store), len(rows))
            for name, fixed, store in self.places
        ]

    def values(self, raw: tuple[Any, ...]) -> Sequence[Any]:
        """Return a row of the driver's as values."""
        if not self.columns:
            return raw
        values = list(raw)
        for place, read in self.columns:
            values[place] = read(values[place])
        return values


def _one_stored(value: Any, store: Convert | None) -> Any:
    return value if store is None else store(value)


def _stored(values: list[Any], store: Convert | None) -> list[Any]:
    """Return values of one column as the driver takes them; an object that comes again is converted once."""
    if store is None:
        return values
    known = {id(value): value for value in values}  # which are all alive, so that no two share an id
    stored = {key: store(value) for key, value in known.items()}
    return [stored[id(value)] for value in values]


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

    def each_row(self, session: Session, rows: Iterable[Values], take: Callable[[DriverText, Any], T]) -> list[T]:
        """Run the statement with each of these values; return what is taken of its cursor each time.

        Raises:
            DBAPIError: as SQLAlchemy raises it, without the values.
        """
        listed = list(rows)
        if not listed:
            return []

        def run(text: DriverText, cursor: Any) -> list[T]:
            return [take(text, cursor.execute(text.text, text.parameters(row))) for row in listed]

        return self.with_cursor(session, run)

    def with_cursor(self, session: Session, run: Callable[[DriverText, Any], T]) -> T:
        """Return what is done with the statement's text and a cursor of the driver's.

        Raises:
            DBAPIError: as SQLAlchemy raises it, without the values.
        """
        driver = _driver(session)
        text, cursor = self._text or self.text(session), driver.connection.cursor()
        try:
            return run(text, cursor)
        except driver.faults as error:
            options: Any = {"hide_parameters": True, "dialect": driver.dialect}
            raise DBAPIError.instance(text.text, None, error, driver.faults, **options) from error
        finally:
            cursor.close()


class PreparedWrite(Prepared):
    """A statement that changes rows."""

    def each(self, session: Session, rows: Iterable[Values]) -> list[int]:
        """Run it with each of these values; return how many rows each time has changed.

        Raises:
            DBAPIError: as SQLAlchemy raises it.
        """
        return self.each_row(session, rows, lambda _, cursor: int(cursor.rowcount))

    def all_at_once(self, session: Session, rows: Sequence[Values], common: Values) -> None:
        """Run it with all these values, in one call of the driver; equal objects in a column are converted once.

        All rows have the same names, and the values in `common` too.

        Raises:
            DBAPIError: as SQLAlchemy raises it, without the values.
        """

        def run(text: DriverText, cursor: Any) -> None:
            cursor.executemany(text.text, zip(*text.columns_of(rows, common), strict=True))

        self.with_cursor(session, run)

    def one(self, session: Session, **values: Any) -> int:
        """Run it once; return how many rows it has changed."""
        return self.each(session, [values])[0]


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
        make = self._row
        return self.each_row(session, rows, lambda text, cursor: [make(*text.values(raw)) for raw in cursor.fetchall()])

    def all(self, session: Session, **values: Any) -> list[RowT]:
        """Run it once; return what it has found."""
        return self.each(session, [values])[0]

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
