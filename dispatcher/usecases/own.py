"""The rows of kinds beside the core's: loaded for their hooks, changed as these say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, case, inspect, tuple_, update
from sqlalchemy.orm import defer
from sqlmodel import Session, SQLModel, col, select

from dispatcher.kinds.contract import AppKind, Case, Change, Own
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.tables import App, Attempt, Job
from dispatcher.usecases.access import changed

T = TypeVar("T")

_MOST: Final = 2**63 - 1  #: what a column holds


def own_rows(session: Session, table: Any, uids: Collection[UUID]) -> dict[UUID, Any]:
    """Return a kind's own rows for these ids, by id; large columns are read when somebody looks at them."""
    if table is None or not uids:
        return {}
    key = _key(table)
    large = [defer(getattr(table, column.name)) for column in inspect(table).columns if column.info.get("is_large")]
    rows = session.exec(select(table).where(key.in_(uids)).options(*large).execution_options(populate_existing=True))
    return {getattr(row, str(key.key)): row for row in rows}


def own_of(session: Session, kind: AppKind, job: Job, host_uid: UUID) -> Own:
    """Return the rows of a kind beside a job, its batch and a host."""
    return Own(
        host=own_rows(session, kind.own.host, [host_uid]).get(host_uid),
        batch=own_rows(session, kind.own.batch, [job.batch_uid]).get(job.batch_uid) if job.batch_uid else None,
        job=own_rows(session, kind.own.job, [job.uid]).get(job.uid),
    )


def remember(session: Session, kinds: Kinds, host_uid: UUID, abilities: Mapping[str, Any]) -> None:
    """Write down what a host says of itself."""
    for name, ability in abilities.items():
        kind = kinds.apps[name]
        if kind.own.host is None:
            continue
        if session.get(kind.own.host, host_uid) is None:
            session.add(kind.own.host(host_uid=host_uid))
            session.flush()
        apply(session, [Change(kind.own.host, host_uid, put=kind.remembered([ability])[0])])


def load_cases(session: Session, kinds: Kinds, refs: Collection[tuple[UUID, int]]) -> list[tuple[AppKind, Case]]:
    """Return attempts, named by job and number, as their kinds look at them."""
    if not refs:
        return []
    query = select(Attempt, Job, App.kind).where(col(Attempt.job_uid) == Job.uid, col(Job.app_uid) == App.uid)
    named = query.where(tuple_(col(Attempt.job_uid), col(Attempt.number)).in_(refs))
    rows = session.exec(named.execution_options(populate_existing=True)).all()
    return [
        (kind, Case(attempt, job, own_of(session, kind, job, attempt.host_uid)))
        for attempt, job, kind in ((attempt, job, kinds.of(name)) for attempt, job, name in rows)
    ]


def by_kind(pairs: Iterable[tuple[AppKind, T]], hook: Callable[[AppKind, Sequence[T]], Sequence[Any]]) -> list[Any]:
    """Call a hook once for each kind, with all that is of this kind; return all that it returned."""
    groups: dict[AppKind, list[T]] = {}
    for kind, one in pairs:
        groups.setdefault(kind, []).append(one)
    return [value for kind, group in groups.items() for value in hook(kind, group)]


def apply(session: Session, changes: Iterable[Change]) -> bool:
    """Make changes, one statement each; tell whether each row was there and as expected."""
    done = [_apply(session, change) for change in changes]
    return all(done)


def _apply(session: Session, change: Change) -> bool:
    columns: Any = change.table
    values = dict(change.put) | {name: _sum(getattr(columns, name), more) for name, more in change.add.items()}
    if not values:
        return True
    as_expected = [getattr(columns, name) == value for name, value in change.expected.items()]
    return (
        changed(session, update(change.table).where(_key(change.table) == change.key, *as_expected).values(values)) > 0
    )


def _sum(column: Any, more: int) -> ColumnElement[int]:
    return case((column > _MOST - more, _MOST), else_=column + more)


def _key(table: type[SQLModel]) -> Any:
    (key,) = inspect(table).primary_key
    return getattr(table, key.name)
