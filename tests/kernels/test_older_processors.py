"""The kernels compiled for processors that know less than this one: every key of a unit, in every form."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from worker.vanity import pipe, twin
from worker.vanity.choice import host_features
from worker.vanity.kernel import FORMS
from worker.vanity.pipe import Found, UnitMessage
from xwhep.secp256k1 import G, multiply
from xwhep.vanity.addresses import Form
from xwhep.vanity.targets import Target
from xwhep.vanity.units import Unit

ROOT = Path(__file__).parents[2]

#: LLVM's names of processors, the features that they have, and the kernel that these get
PROCESSORS = [
    ("x86-64", "+sse2", "field26x4-hash8"),
    ("haswell", "+avx2,+bmi2,+fma", "field26x4-hash8"),
    ("znver2", "+avx2,+bmi2,+fma,+sha", "field26x4-hash8-shani"),
    ("skylake-avx512", "+avx512f,+avx512vl,+avx512bw,+avx512dq,+avx2", "field26x8-hash32"),
]


def unit() -> Unit:
    """Return a unit of one step in which one key of 16 is a hit, in one form or another."""
    public_key = multiply(G, 0xC0DE)
    assert public_key is not None
    ranges = tuple((form, ((n << 154, (n + 1 << 154) - 1),)) for n, form in enumerate(Form) if form in FORMS)
    return Unit(UUID(int=3), 1, 1, public_key, Target(ranges))


def events_of_child(root: Path, environment: dict[str, str]) -> list[pipe.Event]:
    """Return what a child says that searches the unit."""
    command = [sys.executable, "-m", "worker.vanity", "--cache", str(root)]
    line = pipe.render(UnitMessage.for_unit(unit()))
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(line)
        child.stdin.flush()
        return [pipe.parse_event(line) for line in child.stdout]


@pytest.mark.parametrize(("processor", "features", "kernel"), PROCESSORS)
def test_a_kernel_for_an_older_processor_finds_every_hit(
    tmp_path: Path, processor: str, features: str, kernel: str
) -> None:
    if not all(host_features().get(feature[1:]) for feature in features.split(",")):
        pytest.skip(f"this processor cannot run what is compiled for {processor}")
    environment = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": features}

    compiling, events = (events_of_child(tmp_path, environment) for _ in range(2))

    assert compiling == [pipe.Compiling(), pipe.Compiled(kernel=kernel)]
    assert events[0] == pipe.Started(kernel=kernel)
    hits = [event.hit() for event in events if isinstance(event, Found)]
    assert len(hits) == len(set(hits)) > 1000
    assert set(hits) == {hit for _, hit in twin.finds(unit())}
