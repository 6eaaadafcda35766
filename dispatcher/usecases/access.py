"""What use cases share: loading what a caller may see, knowing a repeated request again, and paging."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Delete, Insert, Select, Update, tuple_
from sqlmodel import Session, SQLModel, select
from sqlmodel.sql.expression import SelectOfScalar

from dispatcher.scheduling.matching import Requirement
from dispatcher.storage.orders import READY
from xwhep.errors.requests import IdConflictError, InvalidFieldError, NotFoundError
from xwhep.ids import DERIVED_VERSION, check_client_uid, parse_uid
from xwhep.protocol.base import Page
from xwhep.rights import Caller

PAGE: Final = 100


class Owned(Protocol):
    """A row that somebody owns, made by a request whose digest it keeps."""

    uid: Any
    owner_uid: Any
    body_digest: Any


RowT = TypeVar("RowT", bound=SQLModel)
ListedT = TypeVar("ListedT")  #: a row of a table, or the columns of one
ViewT = TypeVar("ViewT", bound=BaseModel)


def body_digest(request: BaseModel, shape: type[BaseModel] | None = None) -> str:
    """Return the SHA-256 of a request as canonical JSON, hexadecimal; a parent as `shape` leaves out further fields."""
    return hashlib.sha256((shape or type(request)).__pydantic_serializer__.to_json(request)).hexdigest()


def changed(session: Session, statement: Update | Insert | Delete) -> int:
    """Run a conditional statement; return how many rows it changed, 0 for one that has lost a race."""
    result: Any = session.execute(statement)
    count: int = result.rowcount
    return count


def announce(session: Session, requirement: Requirement, attempts: int) -> None:
    """Let hosts that wait be woken for so many attempts that require this, once it is committed."""
    session.info.setdefault(READY, Counter())[requirement] += attempts


def load_own(session: Session, table: type[RowT], uid: UUID, caller: Caller, kind: str) -> RowT:
    """Return the row with this id.

    Raises:
        NotFoundError: there is none, or the caller may not know of it.
    """
    row = session.get(table, uid)
    if row is None or not caller.owns(row.owner_uid):  # type: ignore[attr-defined] # every caller passes an owned table
        raise NotFoundError(kind, uid)
    return row


def repeated(session: Session, table: type[RowT], caller: Caller, uid: UUID, digest: str) -> RowT | None:
    """Return the row that an earlier sending of the same request made; None if the id is fresh.

    Raises:
        IdConflictError: the id was used by another owner, or with another body.
        InvalidFieldError: the id is of a version that the caller may not make.
    """
    check_may_make(caller, uid)
    row: Any = session.get(table, uid)
    if row is None:
        return None
    if row.owner_uid != caller.uid or row.body_digest != digest:
        raise IdConflictError(table.__name__.lower(), uid)
    found: RowT = row
    return found


def check_may_make(caller: Caller, uid: UUID) -> None:
    """Check that a caller may give something new this id.

    Raises:
        InvalidFieldError: it is of a version that the caller may not make.
    """
    if uid.version != DERIVED_VERSION or not caller.is_bridge:
        check_client_uid(uid)


def page(
    session: Session,
    query: SelectOfScalar[ListedT] | Select[tuple[Any, ...]],
    order: tuple[Any, Any],
    after: str | None,
    views: Callable[[Sequence[ListedT]], list[ViewT]],
) -> Page[ViewT]:
    """Return one page of a query, newest first; `views` shows its rows, all at once.

    The query is of a table, or of columns with the uid among them. `order` is the pair of columns (moment, uid) that
    the list is ordered by; `after` is the uid of the last row that the client has seen.
    """
    moment, uid = order
    if after is not None:
        last = session.exec(select(moment).where(uid == parse_uid(after, "after"))).first()
        if last is None:
            raise InvalidFieldError("after", "there is no such item; ask for the list from its beginning")
        query = query.where(tuple_(moment, uid) < tuple_(last, parse_uid(after)))
    selected: Any = query.order_by(moment.desc(), uid.desc()).limit(PAGE + 1)
    rows: Sequence[Any] = session.exec(selected).all()
    following = str(rows[PAGE - 1].uid) if len(rows) > PAGE else None
    return Page(items=views(rows[:PAGE]), next=following)


def each(view: Callable[[ListedT], ViewT]) -> Callable[[Sequence[ListedT]], list[ViewT]]:
    """Return what shows rows one by one, where a row holds all that its view needs."""
    return lambda rows: [view(row) for row in rows]
