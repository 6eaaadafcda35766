"""Write transactions, one after the other, in one session on one connection.

To open a session, to begin and to commit by SQLAlchemy costs half a millisecond a transaction; the driver needs a
twentieth of it. So the session stays open, and its transaction, as SQLAlchemy sees it, never ends: what begins and ends
is the driver's. After one that fails all is opened anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Engine, text
from sqlmodel import Session

from xwhep.sql.prepared import PreparedWrite
from xwhep.sql.sqlite import BEGUN_BY_DRIVER, WRITE

_BEGIN: Final = PreparedWrite(text(WRITE))
_COMMIT: Final = PreparedWrite(text("COMMIT"))


class Transactions:
    """The write transactions of an engine. One thread at a time uses them."""

    def __init__(self, engine: Engine, info: dict[Any, Any]) -> None:
        """Use an engine; `info` is what each session of it knows from its beginning."""
        self._engine = engine.execution_options(**{BEGUN_BY_DRIVER: True})
        self._info = info
        self._session: Session | None = None

    @contextlib.contextmanager
    def begun(self) -> Iterator[Session]:
        """Begin a transaction, and commit it at the end of the context; one that raises changes nothing."""
        session = self._opened()
        try:
            _BEGIN.one(session)
            yield session
            session.flush()
            _COMMIT.one(session)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection; what is not committed is taken back."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _opened(self) -> Session:
        if self._session is None:
            self._session = Session(self._engine, expire_on_commit=False)
            self._session.info.update(self._info)
        return self._session
