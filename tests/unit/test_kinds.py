"""Which kinds a dispatcher knows, and what it makes of what hosts say of themselves."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from dispatcher.kinds.contract import AppKind, JobSource, Own
from dispatcher.kinds.registry import BUILT_IN, Kinds, NoReport
from dispatcher.kinds.vanity import Searches
from dispatcher.kinds.vanity_tables import VanityHost
from dispatcher.parsing import validated
from dispatcher.scheduling.matching import Profile
from tests.support.desk import poll_request
from tests.support.kinds import KINDS, NATIVE, VANITY
from xwhep.errors.installations import ConfigurationError
from xwhep.errors.jobs import NoTargetError
from xwhep.errors.requests import InvalidFieldError
from xwhep.ids import derived_uid
from xwhep.lifecycle import BatchStatus
from xwhep.protocol.apps import RegisterApp
from xwhep.protocol.base import Cpu, Os
from xwhep.protocol.batches import SubmitBag
from xwhep.vanity.addresses import Form
from xwhep.vanity.messages import ReportShare, VanityAbility

UID = derived_uid("test", b"kinds")


def a_module(
    monkeypatch: pytest.MonkeyPatch, kind_name: str, tables: Own | None = None, source: JobSource | None = None
) -> str:
    """Return the path of a module with a kind of this name, these tables, and perhaps a kind of batch."""

    class Kind(AppKind):
        name = kind_name
        own = tables or Own()

    module = ModuleType("lab.kind")
    vars(module)["KIND"] = Kind()
    if source is not None:
        vars(module)["SOURCE"] = source
    monkeypatch.setitem(sys.modules, "lab", ModuleType("lab"))
    monkeypatch.setitem(sys.modules, "lab.kind", module)
    return "lab.kind"


def test_two_kinds_of_app_and_two_of_batch_are_built_in() -> None:
    assert set(BUILT_IN) == set(KINDS.apps) == {"native", "vanity"}
    assert set(KINDS.sources) == {"bag", "search"}


def test_a_dispatcher_without_searches_takes_bags_and_no_reports() -> None:
    kinds = Kinds.load([NATIVE])

    assert set(kinds.sources) == {"bag"}
    assert kinds.submit_batch() is SubmitBag
    assert kinds.report() is NoReport
    assert kinds.source("search") is None


def test_a_kind_that_is_named_twice_is_loaded_once() -> None:
    assert [kind.name for kind in Kinds.load([NATIVE, NATIVE])] == [NATIVE]


def test_a_kind_of_ones_own_is_loaded_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = Kinds.load([NATIVE, a_module(monkeypatch, "third")])

    assert set(kinds.apps) == {NATIVE, "third"}


def test_two_kinds_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="two kinds have the same name"):
        Kinds.load([NATIVE, a_module(monkeypatch, NATIVE)])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("docker", "there is no kind docker, but native, vanity; your own is named by its module's path"),
        ("", "there is no kind "),
        ("no.such_module", r"no\.such_module cannot be loaded \(No module named 'no'\)"),
        ("xwhep.lifecycle", r"xwhep\.lifecycle has no attribute KIND that is an object of .*AppKind"),
        ("worker.runs.native", "has no attribute KIND that is an object"),  # the other side's module
    ],
)
def test_a_kind_that_cannot_be_found_is_refused(name: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"configuration key dispatcher\.kinds: .*{why}"):
        Kinds.load([name])


@pytest.mark.parametrize(
    ("tables", "source"), [(Own(host=VanityHost), None), (Own(), Searches())], ids=["of hosts", "of batches"]
)
def test_a_kind_that_is_not_built_in_can_have_no_tables(
    monkeypatch: pytest.MonkeyPatch, tables: Own, source: JobSource | None
) -> None:
    module = a_module(monkeypatch, "third", tables, source)

    with pytest.raises(ConfigurationError, match=r"lab\.kind has tables of its own, which only .* built in can have"):
        Kinds.load([module])


def test_where_no_kind_reports_each_report_is_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidFieldError, match="body: this grid runs no kind of app whose attempts report"):
        validated(Kinds.load([NATIVE]).report(), b'{"kind": "vanity"}')


def test_an_app_of_a_kind_that_is_not_run_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidFieldError, match="no apps of kind docker; it runs: native, vanity"):
        KINDS.app("docker")
    with pytest.raises(InvalidFieldError, match="it runs: none"):
        Kinds.load([]).app(NATIVE)


def test_a_kind_that_is_not_run_any_more_is_handled_like_the_plainest() -> None:
    plain = Kinds.load([]).of(VANITY)

    assert (plain.own.host, plain.report, plain.built_in) == (None, None, None)
    assert plain.account([]) == []


def test_a_search_needs_the_forms_that_hosts_say() -> None:
    poll = poll_request(forms=frozenset({Form.ETHEREUM}), keys_per_s=5)
    abilities = KINDS.abilities(poll)

    assert abilities[VANITY] == VanityAbility(forms=frozenset({Form.ETHEREUM}), keys_per_s=5)
    assert KINDS.profile(poll, abilities) == Profile(
        {NATIVE: frozenset(), VANITY: frozenset({"ethereum"})}, Os.LINUX, Cpu.X86_64
    )


def test_a_kind_that_only_the_host_knows_is_passed_over() -> None:
    poll = poll_request(NATIVE)
    newer = poll.model_copy(update={"kinds": {**poll.kinds, "from-the-future": {"any": ["thing"]}}})

    assert set(KINDS.abilities(newer)) == {NATIVE}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"forms": ["rot13"]}, "kinds.vanity.forms.0"),
        ({"keys_per_s": -1}, "kinds.vanity.keys_per_s"),
        ({"keys_per_s": float("nan")}, "kinds.vanity.keys_per_s"),
        ({"gpus": 1}, "kinds.vanity.gpus"),
    ],
)
def test_an_ability_that_cannot_be_is_refused_by_its_field(said: dict[str, object], field: str) -> None:
    poll = poll_request(VANITY).model_copy(update={"kinds": {VANITY: said}})

    with pytest.raises(InvalidFieldError) as refused:
        KINDS.abilities(poll)

    assert refused.value.field == field


def test_the_apps_of_a_kind_are_checked_by_it() -> None:
    app = RegisterApp(uid=UID, name="app", version="1", kind=NATIVE)

    with pytest.raises(NoTargetError):
        KINDS.app(NATIVE).check_apps([app])
    with pytest.raises(InvalidFieldError, match="an app of kind vanity is built in"):
        KINDS.app(VANITY).check_apps([app])
    assert KINDS.report() is ReportShare


def test_a_search_runs_until_a_report_has_ended_it() -> None:
    search = KINDS.sources["search"]

    assert search.status({}, ended=False) is BatchStatus.RUNNING
    assert search.status({}, ended=True) is BatchStatus.COMPLETED
