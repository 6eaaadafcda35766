"""Attempts as their kinds look at them: with their jobs, and the kinds' own rows beside these."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, col

from dispatcher.kinds.contract import AppKind, AttemptFacts, Case, JobFacts, Own
from dispatcher.kinds.registry import Kinds
from dispatcher.storage.tables import App, Attempt, Job
from dispatcher.usecases.own import own_rows
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


def load_cases(session: Session, kinds: Kinds, refs: Collection[tuple[UUID, int]]) -> list[KindAndCase]:
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
