"""A native attempt from its lease to its report."""

from __future__ import annotations

from pathlib import Path

from worker.runs import native
from xwhep.protocol.apps import Limits
from xwhep.protocol.attempts import Outcome
from xwhep.protocol.jobs import Input
from xwhep.protocol.native import NativeWork

_DIGEST = "0" * 64


def _work(**changes: object) -> NativeWork:
    fields: dict[str, object] = {
        "program": _DIGEST,
        "entry": "program",
        "arguments": [],
        "environment": {},
        "stdin": None,
        "inputs": [],
    }
    return NativeWork.model_validate({**fields, "limits": Limits(), **changes})


async def _unavailable(digest: str, destination: Path) -> None:
    raise AssertionError(f"{digest} was fetched into {destination}")


async def test_inputs_that_no_sandbox_takes_are_the_jobs_fault(tmp_path: Path) -> None:
    deep = [Input(digest=_DIGEST, path=f"{f'{number:x}/' * 40}x") for number in range(1000)]

    end = await native.run(_work(inputs=deep), tmp_path, tmp_path, _unavailable)

    assert (end.outcome, end.exit_status) == (Outcome.FAILED, None)
    assert end.reason == "inputs: they lie in 40000 folders; at most 10000 are allowed"
