"""The kinds of app that a worker knows: those that its configuration names, loaded by their names.

A kind that is built in has a plain name; any other is named by the path of its module, such as `my_lab.simulation`,
whose attribute `KIND` is its `Runner`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, TypeAlias

from pydantic import ConfigDict

from worker.config import WorkerSettings
from worker.runs.contract import Runner
from xwhep.errors.installations import ConfigurationError
from xwhep.folders import config_file
from xwhep.protocol.attempts import Lease, Report, Work
from xwhep.protocol.base import union_of

AnyRunner: TypeAlias = Runner[Any]

#: the kinds that come with the worker, and their modules
BUILT_IN: Final = {"native": "worker.runs.native", "vanity": "worker.runs.vanity"}


class UnknownReport(Report):
    """A report of a kind that is not loaded any more, kept and sent as it is."""

    model_config = ConfigDict(extra="allow")


class Runners(dict[str, AnyRunner]):
    """The runners of one worker, by the names of their kinds."""

    @property
    def work(self) -> Any:
        """The type of what this worker can be told to do: a message, or a union of several."""
        return union_of([runner.work for runner in self.values()])

    def lease(self, document: bytes) -> Lease[Any]:
        """Read a lease; of a kind that is not loaded, all but what to do.

        Raises:
            ValidationError: it is none.
        """
        lease = Lease[Work].model_validate_json(document)
        runner = self.get(lease.work.kind)
        return lease if runner is None else _lease_of(runner).model_validate_json(document)

    def report(self, document: bytes) -> Report:
        """Read a report; raises as `lease` does."""
        report = UnknownReport.model_validate_json(document)
        runner = self.get(report.kind)
        return report if runner is None or runner.report is None else runner.report.model_validate_json(document)


def load(settings: WorkerSettings) -> Runners:
    """Load the kinds that the configuration names, and no other.

    Raises:
        ConfigurationError: there is none of such a name, or it is named twice.
    """
    kinds = Runners()
    for runner in (_runner(name)(settings) for name in sorted(settings.kinds)):
        if runner.name in kinds:
            raise _refused(f"{type(runner).__module__} is another kind {runner.name}")
        kinds[runner.name] = runner
    return kinds


def _runner(name: str) -> type[AnyRunner]:
    path = BUILT_IN.get(name, name)
    if "." not in path:
        raise _refused(f"there is no kind {name}, but {', '.join(BUILT_IN)}; your own is named by its module's path")
    try:
        found = getattr(import_module(path), "KIND", None)
    except ImportError as error:
        raise _refused(f"{name} cannot be loaded ({error})") from error
    if not (isinstance(found, type) and issubclass(found, Runner)):
        raise _refused(f"{name} has no attribute KIND that is a class of worker.runs.contract.Runner")
    return found


def _lease_of(runner: AnyRunner) -> type[Lease[Any]]:
    lease: Any = Lease  # a type that is known when the program runs
    parametrised: type[Lease[Any]] = lease[runner.work]
    return parametrised


def _refused(why: str) -> ConfigurationError:
    return ConfigurationError(f"{WorkerSettings.section}.kinds", why, str(config_file()))
