"""Which kinds of app a worker knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.support.counting import CountRunner, CountWork
from worker.config import WorkerSettings
from worker.runs.registry import BUILT_IN, Runners, load
from xwhep.errors.installations import ConfigurationError
from xwhep.protocol.attempts import Lease, Work

ROOT = Path(__file__).parents[2]
COUNT = "tests.support.counting"
LEASE = b'{"job_uid": "%s", "attempt": 1, "lease_s": 60, "heartbeat_s": 10, "work": %s}'
UID = b"00000000-0000-0000-0000-000000000001"
#: what the first app is made of, and what its kernels are made of
OF_THE_FIRST_APP = ("xwhep.vanity", "worker.vanity", "worker.runs.vanity", "numba", "llvmlite", "numpy")


def kinds(*names: str) -> Runners:
    return load(WorkerSettings(kinds=frozenset(names)))


def test_all_kinds_that_are_built_in_are_loaded_by_default() -> None:
    loaded = load(WorkerSettings())

    assert loaded.keys() == BUILT_IN.keys()
    assert {name: runner.name for name, runner in loaded.items()} == {name: name for name in BUILT_IN}


def test_a_kind_of_ones_own_is_loaded_by_the_path_of_its_module() -> None:
    loaded = kinds("native", COUNT)

    assert loaded.keys() == {"native", "count"}
    assert isinstance(loaded["count"], CountRunner)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["natve"], "there is no kind natve, but native, vanity"),
        (["no_such.module"], "no_such.module cannot be loaded .*No module named 'no_such'"),
        (["json.decoder"], "json.decoder has no attribute KIND"),
        (["native", "worker.runs.native"], "worker.runs.native is another kind native"),
    ],
)
def test_a_name_that_names_no_kind_is_an_error_of_the_configuration(names: list[str], why: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"configuration key worker\.kinds: {why}"):
        kinds(*names)


def test_work_is_told_apart_by_its_kind() -> None:
    for loaded in (kinds("native", COUNT), kinds(COUNT)):
        adapter: TypeAdapter[Work] = TypeAdapter(loaded.work)
        assert adapter.validate_json('{"kind": "count", "to": 7}') == CountWork(to=7)
        with pytest.raises(ValidationError):
            adapter.validate_json('{"kind": "vanity", "to": 7}')


def test_a_lease_is_read_by_its_kind_and_of_a_strange_one_all_but_the_work() -> None:
    loaded = kinds(COUNT)

    known = loaded.lease(LEASE % (UID, b'{"kind": "count", "to": 7}'))
    strange = loaded.lease(LEASE % (UID, b'{"kind": "weave", "yards": 7}'))

    assert known.work == CountWork(to=7)
    assert strange.work == Work(kind="weave")
    assert isinstance(known, Lease)
    with pytest.raises(ValidationError):
        loaded.lease(LEASE % (UID, b'{"kind": "count"}'))


@pytest.mark.parametrize(("names", "loads"), [(["native"], False), (["native", "vanity"], True)])
def test_a_worker_loads_the_kinds_that_it_takes_and_no_other(names: list[str], loads: bool) -> None:  # noqa: FBT001
    code = (
        "import sys; from worker import cli, daemon; from worker.config import WorkerSettings;"
        f" from worker.runs.registry import load; load(WorkerSettings(kinds=frozenset({names})));"
        " print(*sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = {module for module in done.stdout.split() if module.startswith(OF_THE_FIRST_APP)}

    assert bool(found) is loads
    assert not found & {"numba", "llvmlite", "numpy"}
