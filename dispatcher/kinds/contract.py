"""The decisions that the dispatcher leaves to a kind of app, or to a kind of batch: its hooks.

The core loads rows, calls a hook with a list of cases, and writes down the values that the hook returns, one a case, in
their order. A hook makes no query, reads no clock, and changes no row. So the core may call it for one case or for a
thousand. (The kind's own rows are read when a hook first looks at them; a column that its table marks as large, as the
ranges of a search's target, when it looks at that.)

Only the kinds that come with the program can have tables (`own`): a change of tables goes with a migration, and there
is none for a module from elsewhere. A kind of an operator's own that names a table is refused when the dispatcher
starts. Its state is in the core's columns: how far each attempt is, its outputs, its host's false results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol
from uuid import UUID

from pydantic import BaseModel
from sqlmodel import SQLModel

from dispatcher.kinds.facts import AttemptFacts, BatchFacts, JobFacts
from dispatcher.scheduling.matching import Profile, Requirement
from xwhep.errors.base import XwhepError
from xwhep.lifecycle import AttemptStatus, BatchStatus, Status
from xwhep.protocol.apps import Limits, RegisterApp, Target
from xwhep.protocol.attempts import FinishAttempt, Report, Work
from xwhep.protocol.base import Details, Request
from xwhep.protocol.batches import SubmitBatch
from xwhep.protocol.jobs import SubmitJob

# --- what hooks are given ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Own:
    """A kind's own tables, or their rows: each beside one of the core's and with its key, as `host_uid`."""

    host: Any = None
    batch: Any = None
    job: Any = None


class OwnRows(Protocol):
    """A kind's own rows beside one job, read when a hook first looks at them; None where there is none.

    A row has the columns of its table as attributes, and no method of it.
    """

    @property
    def host(self) -> Any:
        """The one beside the host."""

    @property
    def batch(self) -> Any:
        """The one beside the batch."""

    @property
    def job(self) -> Any:
        """The one beside the job."""


@dataclass(frozen=True, slots=True)
class Case:
    """An attempt, with all that its kind may look at."""

    attempt: AttemptFacts
    job: JobFacts
    own: OwnRows


@dataclass(frozen=True, slots=True)
class Handing:
    """A job that is being leased to a host."""

    job: JobFacts
    targets: Sequence[Target]  #: of its app
    profile: Profile  #: of the host
    own: OwnRows


@dataclass(frozen=True, slots=True)
class Draw:
    """A host asks for the next job of a batch."""

    batch: BatchFacts
    own: OwnRows  #: the batch's and the host's


# --- what they return -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one row of a kind's own tables: amounts are added, values are set.

    Where `expected` values are named, the row changes only while it has them.
    """

    table: type[SQLModel]
    key: UUID
    add: Mapping[str, int] = field(default_factory=dict)
    put: Mapping[str, Any] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handed:
    """What a host is told to do, and how fast it is expected to be, in the kind's measure a second."""

    work: Work
    amount_per_s: float = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a report: refused, or accepted, which may end the attempt and its whole batch."""

    refused: XwhepError | None = None  #: the report is false: it goes on the host's record, and the attempt is lost
    claim: str = ""  #: names what is reported, so that it counts once an attempt
    repeated: XwhepError | None = None  #: what the host is told when the claim was made before
    changes: Sequence[Change] = ()
    decides: bool = False  #: whether the attempt has finished with this, and its batch has ended
    answer: Callable[[OwnRows], Details | None] = lambda _: None  #: from the own rows as they are then


@dataclass(frozen=True, slots=True)
class Concluded:
    """What the end that a host reports means for its attempt."""

    status: AttemptStatus
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A job that a batch's source has made for a host."""

    uid: UUID
    amount: int | None
    own: SQLModel | None  #: its row beside the job
    advance: Change  #: of the batch's own row, so that nobody makes the same job again
    attempts_allowed: int = 1


@dataclass(frozen=True, slots=True)
class Begun:
    """How a batch begins: with jobs that are there at once, or with a requirement and jobs made at the lease."""

    jobs: Sequence[SubmitJob] = ()
    requirement: Requirement | None = None
    own: SQLModel | None = None  #: its row beside the batch
    taken: XwhepError | None = None  #: what its owner is told when a unique value of that row is taken


@dataclass(frozen=True, slots=True)
class Shown:
    """A batch as its source shows it: its own row, and what its live attempts do together."""

    own: Any
    hosts: int = 0
    amount: int = 0
    amount_per_s: float = 0


# --- kinds ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BuiltInApp:
    """An app that the dispatcher brings along, for everybody."""

    uid: UUID
    name: str
    version: str = "1"
    limits: Limits = field(default_factory=Limits)


class NoAbility(Request):
    """What a host says of itself for a kind that asks nothing."""


class AppKind:
    """A kind of app, with what most kinds answer. A subclass names itself and its messages."""

    name: ClassVar[str]
    work: ClassVar[type[Work]]  #: what a host is told to do
    report: ClassVar[type[Report] | None] = None  #: what a host may report while an attempt runs
    ability: ClassVar[type[BaseModel]] = NoAbility  #: what a host says of itself with each poll
    own: ClassVar[Own] = Own()  #: its tables; none unless the kind is built in
    built_in: ClassVar[BuiltInApp | None] = None
    leaves_files: ClassVar[bool] = True  #: whether attempts upload outputs
    attempts_allowed: ClassVar[int] = 3  #: of a submitted job

    def check_apps(self, apps: Sequence[RegisterApp]) -> None:
        """Check what developers state of their apps; by default anything goes.

        Raises:
            XwhepError: an app of this kind cannot be registered so.
        """

    def requirements(self, apps: Sequence[Sequence[Target]]) -> list[Requirement]:
        """Return what the jobs of apps with these targets require of a host."""
        return [Requirement(self.name, frozenset((target.os, target.cpu) for target in app)) for app in apps]

    def features(self, abilities: Sequence[Any]) -> list[frozenset[str]]:
        """Return the features of hosts with these abilities, for matching."""
        return [frozenset() for _ in abilities]

    def remembered(self, abilities: Sequence[Any]) -> list[Mapping[str, Any]]:
        """Return what is kept of hosts' abilities in their own rows, by column."""
        return [{} for _ in abilities]

    def hand_out(self, handings: Sequence[Handing]) -> list[Handed]:
        """Return what the hosts are told to do."""
        raise NotImplementedError

    def check(self, reports: Sequence[tuple[Case, Any]]) -> list[Checked]:
        """Check reports of live attempts; only a kind with a message of reports is asked."""
        raise NotImplementedError

    def conclude(self, ends: Sequence[tuple[Case, FinishAttempt]], now: datetime) -> list[Concluded]:  # noqa: ARG002 - for subclasses
        """Return what reported ends mean; by default what the host says."""
        return [Concluded(AttemptStatus(end.outcome)) for _, end in ends]

    def account(self, ended: Sequence[Case]) -> list[Change]:  # noqa: ARG002 - for subclasses
        """Return what follows for the kind's own rows from attempts that have ended, for whatever reason."""
        return []

    def host_views(self, rows: Sequence[Any]) -> list[Details]:
        """Return what is told of hosts, from their own rows."""
        return [{} for _ in rows]


class JobSource:
    """A kind of batch: what makes its jobs, and when it has ended. A subclass names itself and its message."""

    name: ClassVar[str]
    request: ClassVar[type[SubmitBatch]]
    own: ClassVar[type[SQLModel] | None] = None
    app_uid: ClassVar[UUID | None] = None  #: of the jobs that it makes at the lease
    ends_with_its_jobs: ClassVar[bool] = True  #: else a report ends it, or its owner

    def begin(self, request: Any, randbelow: Callable[[int], int]) -> Begun:
        """Return how a batch begins; `randbelow` gives secret numbers from 0, below its argument.

        This may take a second: it is called before any transaction, in a thread beside the event loop.

        Raises:
            XwhepError: no such batch can be made.
        """
        raise NotImplementedError

    def make(self, draws: Sequence[Draw]) -> list[Made]:
        """Return the next job of each batch, for its host; only a batch that began with a requirement is asked."""
        raise NotImplementedError

    def status(self, jobs_in: Mapping[Status, int], *, ended: bool) -> BatchStatus:
        """Return where a batch is that nobody cancelled, from how many of its jobs are in each status."""
        raise NotImplementedError

    def details(self, batches: Sequence[Shown]) -> list[Details | None]:
        """Return what is told of batches beside their jobs."""
        return [None for _ in batches]
