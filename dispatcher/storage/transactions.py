"""Write transactions, one after the other, in one session on one connection.

To open a session, to begin and to commit by SQLAlchemy costs half a millisecond a transaction; the driver needs a
twentieth of it. So the session stays open, and its transaction, as SQLAlchemy sees it, never ends: what begins and ends
is the driver's. After one that fails session and connection are opened anew.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from xwhep.sql.prepared import PreparedWrite
from xwhep.sql.sqlite import BEGUN_BY_DRIVER, WRITE, is_busy, patience

_BEGIN: Final = PreparedWrite(text(WRITE))
_COMMIT: Final = PreparedWrite(text("COMMIT"))


class Transactions:
    """The write transactions of an engine. One thread at a time uses them."""

    def __init__(self, engine: Engine, info: dict[Any, Any]) -> None:
        """Use an engine; `info` is what each session of it knows from its beginning."""
        self._engine = engine.execution_options(**{BEGUN_BY_DRIVER: True})
        self._info = info
        self._session: Session | None = None
        #: lets `begin` wait for another process's transaction, or not
        self._patience = {waits: PreparedWrite(text(patience(waits=waits))) for waits in (True, False)}
        self._waits: bool | None = None  #: how it is set; None: nobody knows

    def begin(self, *, wait: bool) -> Session | None:
        """Begin a transaction, and return its session; None if another process writes now and `wait` is False."""
        session = self._opened()
        if wait is not self._waits:
            self._patience[wait].one(session)
            self._waits = wait
        try:
            _BEGIN.one(session)
        except OperationalError as error:
            if wait or not is_busy(error):
                raise
            return None
        return session

    def commit(self) -> None:
        """Commit the transaction; when this returns, it is on the disk."""
        assert self._session is not None, "it was begun"
        self._session.flush()
        _COMMIT.one(self._session)

    def drop(self) -> None:
        """Take the transaction back by closing its connection: to roll back on a broken one may fail in its turn."""
        session, self._session, self._waits = self._session, None, None
        if session is not None:
            session.invalidate()

    def _opened(self) -> Session:
        if self._session is None:
            self._session = Session(self._engine, expire_on_commit=False)
            self._session.info.update(self._info)
        return self._session
