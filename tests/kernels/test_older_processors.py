"""The kernels compiled for processors that know less than this one: every key of a unit, in several forms."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.measuring import unmeasured
from worker.vanity import pipe, twin
from worker.vanity.choice import host_features
from worker.vanity.kernel import FORMS
from worker.vanity.pipe import Found, UnitMessage
from xwhep.secp256k1 import G, multiply
from xwhep.vanity.addresses import Form
from xwhep.vanity.targets import Target
from xwhep.vanity.units import Unit

ROOT = Path(__file__).parents[2]

#: forms whose keys go through each of the hashes once: SHA-256 and RIPEMD-160, and Keccak
EACH_HASH = (Form.P2PKH_COMPRESSED, Form.ETHEREUM)
#: LLVM's names of processors, the features that they have, the kernel that these get, and the forms that are searched.
#: The first two get the same kernel: on the one without wide vectors, for which compiling takes longest, the forms are
#: those that take every kind of step.
PROCESSORS = [
    ("x86-64", "+sse2", "field26x4-hash8", EACH_HASH),
    ("haswell", "+avx2,+bmi2,+fma", "field26x4-hash8", FORMS),
    ("znver2", "+avx2,+bmi2,+fma,+sha", "field26x4-hash8-shani", FORMS),
    ("skylake-avx512", "+avx512f,+avx512vl,+avx512bw,+avx512dq,+avx2", "field26x8-hash32", FORMS),
]


def unit_of(forms: Sequence[Form]) -> Unit:
    """Return a unit of one step in which one key of 64 is a hit in each of the forms."""
    public_key = multiply(G, 0xC0DE)
    assert public_key is not None
    ranges = tuple((form, ((n << 154, (n + 1 << 154) - 1),)) for n, form in enumerate(Form) if form in forms)
    return Unit(UUID(int=3), 1, 1, public_key, Target(ranges))


def events_of_child(unit: Unit, root: Path, environment: dict[str, str]) -> list[pipe.Event]:
    """Return what a child says that searches a unit."""
    command = [sys.executable, "-m", "worker.vanity", "--cache", str(root)]
    line = pipe.render(UnitMessage.for_unit(unit))
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(line)
        child.stdin.flush()
        return [pipe.parse_event(line) for line in child.stdout]


@unmeasured
@pytest.mark.parametrize(("processor", "features", "kernel", "forms"), PROCESSORS, ids=[row[0] for row in PROCESSORS])
def test_a_kernel_for_an_older_processor_finds_every_hit(
    tmp_path: Path, processor: str, features: str, kernel: str, forms: Sequence[Form]
) -> None:
    if not all(host_features().get(feature[1:]) for feature in features.split(",")):
        pytest.skip(f"this processor cannot run what is compiled for {processor}")
    environment = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": features}
    unit = unit_of(forms)

    compiling, events = (events_of_child(unit, tmp_path, environment) for _ in range(2))

    assert compiling == [pipe.Compiling(), pipe.Compiled(kernel=kernel)]
    assert events[0] == pipe.Started(kernel=kernel)
    hits = [event.hit() for event in events if isinstance(event, Found)]
    assert len(hits) == len(set(hits)) > 1000
    assert set(hits) == {hit for _, hit in twin.finds(unit)}
