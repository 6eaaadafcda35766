"""The rows of kinds beside the core's: loaded for their hooks, changed as these say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID

import sqlalchemy
from sqlalchemy import ColumnElement, bindparam, case, insert, inspect, update
from sqlalchemy.orm import defer
from sqlmodel import Session, SQLModel, col, select

from dispatcher.kinds.contract import AppKind, AttemptFacts, Case, Change, JobFacts, Own
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.tables import App, Attempt, Job
from dispatcher.usecases.access import changed
from dispatcher.usecases.counts import Move, note_moves
from xwhep.lifecycle import Status
from xwhep.sql.prepared import PreparedRead, PreparedWrite

T = TypeVar("T")

_MOST: Final = 2**63 - 1  #: what a column holds


def columns_of(table: Any, facts: Any) -> list[Any]:
    """Return the columns of a table that facts are made from, in the order of their fields."""
    return [col(getattr(table, name)) for name in facts._fields]


_INSERT_JOB: Final = PreparedWrite(insert(Job))
#: of a job that begins
_NOTHING_YET: Final = MappingProxyType({"status": Status.PENDING, "attempts_wanted": 1, "attempts_made": 0})


#: of the columns of a case, those of its attempt, which come first
_OF_ATTEMPT: Final = len(AttemptFacts._fields)


def _case_row(*values: Any) -> tuple[AttemptFacts, JobFacts, str]:
    return AttemptFacts._make(values[:_OF_ATTEMPT]), JobFacts._make(values[_OF_ATTEMPT:-1]), values[-1]


_CASES: Final = PreparedRead(
    sqlalchemy.select(*columns_of(Attempt, AttemptFacts), *columns_of(Job, JobFacts), col(App.kind))
    .join(Job, col(Job.uid) == col(Attempt.job_uid))
    .join(App, col(App.uid) == col(Job.app_uid))
    .where(col(Attempt.job_uid) == bindparam("job"), col(Attempt.number) == bindparam("number")),
    _case_row,
)


def own_rows(session: Session, table: Any, uids: Collection[UUID]) -> dict[UUID, Any]:
    """Return a kind's own rows for these ids, by id; large columns are read when somebody looks at them."""
    if table is None or not uids:
        return {}
    key = _key(table)
    large = [defer(getattr(table, column.name)) for column in inspect(table).columns if column.info.get("is_large")]
    rows = session.exec(select(table).where(key.in_(uids)).options(*large).execution_options(populate_existing=True))
    return {getattr(row, str(key.key)): row for row in rows}


def own_of(session: Session, kind: AppKind, job: JobFacts, host_uid: UUID) -> Own:
    """Return the rows of a kind beside a job, its batch and a host."""
    return owns_of(session, kind, [(job, host_uid)])[0]


def owns_of(session: Session, kind: AppKind, cases: Sequence[tuple[JobFacts, UUID]]) -> list[Own]:
    """Return the rows of a kind beside jobs, their batches and hosts; one query a table, however many there are."""
    hosts = own_rows(session, kind.own.host, {host_uid for _, host_uid in cases})
    batches = own_rows(session, kind.own.batch, {job.batch_uid for job, _ in cases if job.batch_uid is not None})
    jobs = own_rows(session, kind.own.job, {job.uid for job, _ in cases})
    return [
        Own(hosts.get(host_uid), None if job.batch_uid is None else batches.get(job.batch_uid), jobs.get(job.uid))
        for job, host_uid in cases
    ]


def remember(session: Session, kinds: Kinds, host_uid: UUID, abilities: Mapping[str, Any]) -> None:
    """Write down what a host says of itself."""
    for name, ability in abilities.items():
        kind = kinds.apps[name]
        if kind.own.host is None:
            continue
        if not own_rows(session, kind.own.host, [host_uid]):
            add(session, kind.own.host(host_uid=host_uid))
        apply(session, [Change(kind.own.host, host_uid, put=kind.remembered([ability])[0])])


def add(session: Session, row: SQLModel) -> None:
    """Write a kind's own row down."""
    table = type(row)
    _insertion(table).one(session, **{name: getattr(row, name) for name in table.model_fields})


@lru_cache
def _insertion(table: type[SQLModel]) -> PreparedWrite:
    return PreparedWrite(insert(table))


def insert_jobs(session: Session, rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any]) -> None:
    """Write jobs down that wait for a host; columns that are the same in each, as their batch, are in `common`."""
    shared = {**_NOTHING_YET, **common}
    if len(rows) > 1:
        _INSERT_JOB.all_at_once(session, rows, shared)
    else:
        _INSERT_JOB.each(session, [{**shared, **row} for row in rows])
    note_moves(session, [Move(common["batch_uid"], None, Status.PENDING)] * len(rows))


def load_cases(session: Session, kinds: Kinds, refs: Collection[tuple[UUID, int]]) -> list[tuple[AppKind, Case]]:
    """Return attempts, named by job and number, as their kinds look at them."""
    found = _CASES.each(session, [{"job": uid, "number": number} for uid, number in refs])
    rows = [(kinds.of(name), (attempt, job)) for some in found for attempt, job, name in some]

    def of_kind(kind: AppKind, facts: Sequence[tuple[AttemptFacts, JobFacts]]) -> list[tuple[AppKind, Case]]:
        owns = owns_of(session, kind, [(job, attempt.host_uid) for attempt, job in facts])
        return [(kind, Case(*both, own)) for both, own in zip(facts, owns, strict=True)]

    return by_kind(rows, of_kind)


def by_kind(pairs: Iterable[tuple[AppKind, T]], hook: Callable[[AppKind, Sequence[T]], Sequence[Any]]) -> list[Any]:
    """Call a hook once for each kind, with all that is of this kind; return all that it returned."""
    groups: dict[AppKind, list[T]] = {}
    for kind, one in pairs:
        groups.setdefault(kind, []).append(one)
    return [value for kind, group in groups.items() for value in hook(kind, group)]


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
