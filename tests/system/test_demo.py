"""The demonstration as its spectator sees it: real processes from first to last, and nothing left of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import base58
import psutil
import pytest

from tests.support.chain_tools import anvil
from tests.support.namespaces import HAS_NAMESPACES

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "xwhep.cli", "demo"]
PATIENCE_S = 280


def environment(temporary: Path, **changes: str) -> dict[str, str]:
    """Return an environment whose temporary folder is the test's own."""
    return {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), **changes}


def without(*programs: str) -> Iterator[str]:
    """Return the folders of PATH that have none of these programs."""
    for folder in os.environ["PATH"].split(os.pathsep):
        if not any((Path(folder) / program).exists() for program in programs):
            yield folder


def play(*arguments: str, **environment_: str) -> subprocess.CompletedProcess[str]:
    """Run the demonstration to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], env=environment_, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.timeout(300)
def test_the_demonstration_goes_the_whole_way_and_keeps_what_it_is_told_to(tmp_path: Path) -> None:
    path = os.pathsep.join(without("anvil", "bwrap", "node"))

    ended = play("1Lo", "--keep", **environment(tmp_path, PATH=path))

    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["pattern"] == "1Lo"
    assert told["address"].startswith("1Lo")
    assert len(base58.b58decode_check(told["address"])) == 21
    assert told["verified"] is True
    assert told["keys_tried"] > 0
    assert told["task_id"] == (2 if HAS_NAMESPACES else 1)  # words are counted first, where programs can be contained
    assert re.fullmatch(r"0x[0-9a-f]{64}", told["tx_hash"])
    assert told["settled"] is True
    assert told["rlc_paid"] == 1
    assert told["chain"] == "py-evm"
    assert ("the contract was told: 37 words, 25 of them different" in ended.stdout) == HAS_NAMESPACES
    assert ("programs of developers are not run here" in ended.stdout) != HAS_NAMESPACES
    assert told["seconds"] > 0
    assert told["pids"]
    assert not [pid for pid in told["pids"] if is_running(pid)]
    (folder,) = tmp_path.iterdir()
    (key,) = folder.rglob(f"{told['address']}.key")
    assert key.stat().st_mode & 0o777 == 0o600
    wif = key.read_text(encoding="utf-8").split("wif = ")[1].strip().strip('"')
    assert wif not in ended.stdout + ended.stderr
    too_long = [line for line in ended.stdout.splitlines()[1:-1] if len(line) > 80]
    assert [line for line in too_long if len(line.split()) > 1] == []  # a path stays whole, however long the clone's is


@pytest.mark.timeout(300)
def test_ctrl_c_stops_and_removes_everything(tmp_path: Path) -> None:
    path = os.pathsep.join([os.environ["PATH"], str(anvil().parent)])
    with subprocess.Popen(
        COMMAND, env=environment(tmp_path, PATH=path), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        chain = next(line for line in process.stdout if "makes a block each second" in line)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        exit_status = process.wait(PATIENCE_S)

    assert "anvil" in chain
    assert exit_status == 130
    assert len(started) >= 3
    _, alive = psutil.wait_procs(started, timeout=30)
    assert alive == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pattern", ["1O0Il", "1LoVELoVE"])
def test_a_pattern_for_no_demonstration_is_refused_before_anything_starts(tmp_path: Path, pattern: str) -> None:
    ended = play(pattern, **environment(tmp_path))

    assert ended.returncode == 2
    assert "impossible-pattern" in ended.stderr
    assert ended.stdout == ""
