"""What a kind of app is to a worker: a `Runner`.

Nothing else in the worker asks of what kind an attempt is. Each kind is one module, with a class that inherits `Runner`
and is the module's attribute `KIND`; `worker.runs.registry` finds it by the name in the configuration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeAlias

from pydantic import BaseModel

from worker.agent.holdings import Traits
from worker.brake import Brake
from worker.config import WorkerSettings
from xwhep.errors.base import XwhepError
from xwhep.protocol.attempts import FinishAttempt, Lease, ProgressFields, Report, WorkT
from xwhep.protocol.base import Details

#: puts content, by its digest, into a file, read-only; raises XwhepError or OSError
Provide: TypeAlias = Callable[[str, Path], Awaitable[None]]


class Workplace(NamedTuple):
    """Two empty folders for one run."""

    inputs: Path  #: removed with its end
    run: Path  #: the outputs that the end names lie here, under their names


class Sink(Protocol):
    """Takes what a run says before its end."""

    def progress(self, progress: ProgressFields) -> None:
        """Take how far the run is; the next heartbeat tells the dispatcher."""

    def checkpoint(self, checkpoint: BaseModel) -> None:
        """Take from where the attempt could go on, all reports before that place being taken; written now and then."""

    async def report(self, report: Report) -> None:
        """Take what is to be sent at once; on return it is safe."""


@dataclass(frozen=True, slots=True)
class Assignment(Generic[WorkT]):
    """One attempt to run, with all that its run may use."""

    lease: Lease[WorkT]
    place: Workplace
    provide: Provide
    sink: Sink
    brake: Brake  #: of this run; heeded by pausable kinds
    checkpoint: BaseModel | None  #: of the kind's type: where to go on; None: at the beginning


class Runner(ABC, Generic[WorkT]):
    """One kind of app on this machine; each worker makes one object of each kind that its configuration names."""

    name: ClassVar[str]  #: of the kind
    work: ClassVar[type[BaseModel]]  #: the message that says what to do, a `Work`
    report: ClassVar[type[Report] | None] = None  #: the message of its reports; None: it makes none
    checkpoint: ClassVar[type[BaseModel] | None] = None  #: None: what is interrupted is given back
    pausable: ClassVar[bool] = False  #: whether its runs heed the brake
    measure: ClassVar[str] = ""  #: what the amounts of its progress count, for people, as in "keys"
    #: refusals of a report that mean that the dispatcher has it already
    reported_before: ClassVar[tuple[type[XwhepError], ...]] = ()
    #: ends of a run that mean that this machine can run no more of the kind
    withdrawn_by: ClassVar[tuple[type[XwhepError], ...]] = ()

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings

    @abstractmethod
    async def probe(self) -> None:
        """Try whether this machine can run attempts of the kind; called once, before the first poll.

        Raises:
            XwhepError: it cannot; the text is a sentence that says why.
        """

    @abstractmethod
    async def run(self, assignment: Assignment[WorkT]) -> FinishAttempt:
        """Run an attempt; return its end. A cancellation stops it, and on return nothing of it is left running.

        An error gives the attempt back: the dispatcher hears its text, unless it is a `MachineError`.

        Raises:
            XwhepError: this machine cannot do it.
            OSError: the disk does not take what the run needs.
        """

    def progress_at(self, work: WorkT, checkpoint: BaseModel | None) -> ProgressFields:  # noqa: ARG002 - for kinds that save
        """Return how far an attempt is that goes on at a checkpoint, or begins."""
        return ProgressFields()

    def ability(self) -> Details:
        """Return what each poll says of this machine for the kind."""
        return {}

    def facts(self) -> Details:
        """Return what the owner may see of the kind, by names that `xwhep-worker status` shows."""
        return {}

    def answered(self, details: Details) -> None:
        """Take in what the dispatcher answered to a report."""

    def at_once(self) -> int | None:
        """Return how many attempts may run at the same time; None: as many as there are slots."""
        return None

    def traits(self) -> Traits:
        """Return what the agent must know of the kind."""
        return Traits(pausable=self.pausable, saves=self.checkpoint is not None, at_once=self.at_once())
