"""Which kinds of app and of batch this dispatcher knows: loaded by name when it starts.

A built-in kind has a short name. A name with a dot is a module, an operator's own for example, which holds `KIND` and
perhaps `SOURCE`, as the built-in modules do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Self

from pydantic import model_validator
from pydantic_core import to_json

from dispatcher.config import DispatcherSettings
from dispatcher.kinds import bag
from dispatcher.kinds.contract import AppKind, JobSource, Own
from dispatcher.parsing import validated
from dispatcher.scheduling.matching import Profile
from xwhep.errors.installations import ConfigurationError
from xwhep.errors.requests import InvalidFieldError
from xwhep.folders import config_file
from xwhep.protocol.attempts import Exchange, LeaseRequest, Report
from xwhep.protocol.base import union_of

#: the modules of the kinds that come with the program
BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {"native": "dispatcher.kinds.native", "vanity": "dispatcher.kinds.vanity"}
)

_UNKNOWN: Final = AppKind()


class NoReport(Report):
    """What attempts report where no kind's do: nothing."""

    @model_validator(mode="before")
    @classmethod
    def _is_none(cls, said: object) -> object:  # noqa: ARG003 - pydantic's signature
        raise ValueError("this grid runs no kind of app whose attempts report")


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of app and of batch of one dispatcher, by name."""

    apps: Mapping[str, AppKind]
    sources: Mapping[str, JobSource]

    @classmethod
    def load(cls, names: Iterable[str] = BUILT_IN) -> Self:
        """Import the kinds with these names.

        Raises:
            ConfigurationError: there is no such kind, two have the same name, or one that is not built in has tables.
        """
        modules = [_module(name) for name in dict.fromkeys(names)]
        kinds: list[AppKind] = [module.KIND for module in modules]
        sources: list[JobSource] = [bag.SOURCE, *(module.SOURCE for module in modules if hasattr(module, "SOURCE"))]
        found = cls({kind.name: kind for kind in kinds}, {source.name: source for source in sources})
        if len(found.apps) < len(kinds) or len(found.sources) < len(sources):
            raise _refused("two kinds have the same name")
        return found

    def app(self, name: str) -> AppKind:
        """Return a kind of app.

        Raises:
            InvalidFieldError: this dispatcher does not know it.
        """
        if name not in self.apps:
            known = ", ".join(sorted(self.apps)) or "none"
            raise InvalidFieldError("kind", f"this grid runs no apps of kind {name}; it runs: {known}")
        return self.apps[name]

    def of(self, name: str) -> AppKind:
        """Return a kind of app; one that this dispatcher does not know any more is handled like the plainest."""
        return self.apps.get(name, _UNKNOWN)

    def source(self, name: str) -> JobSource | None:
        """Return a kind of batch; None if this dispatcher does not know it any more."""
        return self.sources.get(name)

    @property
    def ending_with_their_jobs(self) -> Iterable[str]:
        """The kinds of batch that end with the last of their jobs."""
        return (source.name for source in self.sources.values() if source.ends_with_its_jobs)

    def submit_batch(self) -> Any:
        """Return the type of the requests that submit batches."""
        return union_of([source.request for source in self.sources.values()])

    def report(self) -> Any:
        """Return the type of what attempts report; where no kind's do, one that nothing is of."""
        return _any_of(self._reports())

    def exchange(self) -> Any:
        """Return the type of the exchanges, with the reports that attempts may bring."""
        return _exchange_of(self._reports())

    def _reports(self) -> tuple[type[Report], ...]:
        return tuple(kind.report for kind in self.apps.values() if kind.report is not None)

    def abilities(self, request: LeaseRequest) -> dict[str, Any]:
        """Return what a host says of itself, for each kind that it takes and this dispatcher knows.

        Raises:
            InvalidFieldError: it says what cannot be.
        """
        known = {name: said for name, said in request.kinds.items() if name in self.apps}
        return {
            name: validated(self.apps[name].ability, to_json(said), f"kinds.{name}") for name, said in known.items()
        }

    def profile(self, request: LeaseRequest, abilities: Mapping[str, Any]) -> Profile:
        """Return what the host that asks can run."""
        features = {name: self.apps[name].features([ability])[0] for name, ability in abilities.items()}
        return Profile(features, request.os, request.cpu)

    def __iter__(self) -> Iterator[AppKind]:
        """Yield the kinds of app."""
        return iter(self.apps.values())


def _module(name: str) -> Any:
    path = BUILT_IN.get(name, name)
    if "." not in path:
        raise _refused(f"there is no kind {name}, but {', '.join(BUILT_IN)}; your own is named by its module's path")
    try:
        module = import_module(path)
    except ImportError as error:
        raise _refused(f"{name} cannot be loaded ({error})") from error
    if not isinstance(getattr(module, "KIND", None), AppKind):
        raise _refused(f"{name} has no attribute KIND that is an object of dispatcher.kinds.contract.AppKind")
    if path not in BUILT_IN.values() and _has_tables(module):
        raise _refused(f"{name} has tables of its own, which only kinds that are built in can have")
    return module


def _has_tables(module: Any) -> bool:
    """Tell whether a kind keeps rows, for which there is no migration if it is not built in."""
    source = getattr(module, "SOURCE", None)
    return module.KIND.own != Own() or (source is not None and source.own is not None)


def _refused(why: str) -> ConfigurationError:
    return ConfigurationError(f"{DispatcherSettings.section}.kinds", why, str(config_file()))


def _any_of(reports: tuple[type[Report], ...]) -> Any:
    return union_of(list(reports) or [NoReport])


@lru_cache(maxsize=16)  # to make it takes as long as to parse an exchange
def _exchange_of(reports: tuple[type[Report], ...]) -> Any:
    report: Any = _any_of(reports)
    return Exchange[report]
