"""The bench itself, for a moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.kernels import copy_kernels

ROOT = Path(__file__).parents[2]
FIGURES = {
    "keys_per_cpu_second",
    "hash160_ns",
    "field_mul_ns",
    "openssl_sha256_per_cpu_second",
    "threads_scaling",
    "thousand_ranges",
}


def test_the_bench_ends_with_one_json_object_of_all_its_figures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench.vanity", "--quick"]
    environment = {**os.environ, "XWHEP_HOME": str(tmp_path)}
    copy_kernels(tmp_path)  # the bench does not wait while others compile

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=240)
    figures = json.loads(done.stdout.splitlines()[-1])

    assert figures.keys() >= FIGURES
    assert all(figures[name] > 0 for name in FIGURES)
    assert figures["keys_per_cpu_second_by_form"] == {"p2pkh-compressed": figures["keys_per_cpu_second"]}
    assert figures["kernel"].startswith("field")
