"""Attempts as their kinds look at them: with their jobs, and the kinds' own rows beside these."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, col

from dispatcher.kinds.contract import AppKind, Case
from dispatcher.kinds.facts import AttemptFacts, JobFacts
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.tables import App, Attempt, Job
from dispatcher.usecases.own import OwnReader
from xwhep.sql.prepared import PreparedRead

T = TypeVar("T")

KindAndCase: TypeAlias = tuple[AppKind, Case]


def columns_of(table: Any, facts: Any) -> list[Any]:
    """Return the columns of a table that facts are made from, in the order of their fields."""
    return [col(getattr(table, name)) for name in facts._fields]


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


class RowsBeside:
    """A kind's own rows beside a job, its batch and a host, each read when somebody first looks at it."""

    def __init__(self, reader: OwnReader, kind: AppKind, job: JobFacts, host_uid: UUID) -> None:
        self._reader = reader
        self._tables = kind.own
        self._job = job
        self._host_uid = host_uid

    @property
    def host(self) -> Any:
        """The host's."""
        return self._reader.row(self._tables.host, self._host_uid)

    @property
    def batch(self) -> Any:
        """The batch's; None if the job is in none."""
        return self._reader.row(self._tables.batch, self._job.batch_uid)

    @property
    def job(self) -> Any:
        """The job's."""
        return self._reader.row(self._tables.job, self._job.uid)


def load_cases(session: Session, kinds: Kinds, refs: Collection[tuple[UUID, int]]) -> list[KindAndCase]:
    """Return attempts, named by job and number, as their kinds look at them."""
    found, reader = _CASES.each(session, [{"job": uid, "number": number} for uid, number in refs]), OwnReader(session)
    rows = ((kinds.of(name), attempt, job) for some in found for attempt, job, name in some)
    return [(kind, Case(attempt, job, RowsBeside(reader, kind, job, attempt.host_uid))) for kind, attempt, job in rows]


def by_kind(pairs: Iterable[tuple[AppKind, T]], hook: Callable[[AppKind, Sequence[T]], Sequence[Any]]) -> list[Any]:
    """Call a hook once for each kind, with all that is of this kind; return all that it returned."""
    groups: dict[AppKind, list[T]] = {}
    for kind, one in pairs:
        groups.setdefault(kind, []).append(one)
    return [value for kind, group in groups.items() for value in hook(kind, group)]
