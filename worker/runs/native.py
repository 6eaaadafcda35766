"""A developer's program, run in the sandbox."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from worker.runs.contract import Assignment, Provide, Runner
from worker.sandbox import runner
from worker.sandbox.model import Ended, Limits, Program, Reason
from worker.sandbox.outputs import Budget, collect
from xwhep.errors.base import XwhepError
from xwhep.errors.machines import CannotContainError
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.protocol.jobs import MAX_OUTPUT_NAMES_BYTES, Output
from xwhep.protocol.native import NativeWork

MAX_REASON: Final = 1000
_STREAMS: Final = ("stdout", "stderr")
_FOLDER: Final = "out"


async def run(work: NativeWork, inputs: Path, folder: Path, provide: Provide) -> FinishAttempt:
    """Run a program in `folder` with its inputs kept in `inputs`; return its end, its outputs lying in `folder`.

    What it printed is the outputs `stdout` and `stderr`; what it left in its folder `out` is named `out/...`.

    Raises:
        CannotContainError: this machine cannot confine it; it was not started.
        XwhepError: an input could not be fetched.
        OSError: the disk does not take what the run needs.
    """
    try:
        program = _program(work, inputs)
    except InvalidFieldError as error:  # the dispatcher should have refused the job
        return FinishAttempt(outcome=Outcome.FAILED, reason=error.text[:MAX_REASON])
    await _fetch(work, program, provide)
    ended = await runner.run(program, Limits(**work.limits.model_dump()), folder)
    outputs, notes = await asyncio.to_thread(_outputs, folder, work)
    sentences = ["" if _is_good(ended) else ended.detail, *ended.refused, *notes]
    reason = "; ".join(filter(None, sentences))[:MAX_REASON] or None
    return FinishAttempt(
        outcome=_outcome(ended),
        exit_status=ended.exit_status,
        reason=reason,
        outputs=outputs,
        cpu_s=ended.cpu_s,
        max_rss_bytes=ended.max_rss_bytes,
    )


async def _fetch(work: NativeWork, program: Program, provide: Provide) -> None:
    """Fetch what the program needs, each content once."""
    for file in sorted({*program.inputs.values(), *([program.stdin] if program.stdin else [])}):
        await provide(file.name, file)
    program.entry.parent.mkdir()
    await provide(work.program, program.entry)


def _program(work: NativeWork, inputs: Path) -> Program:
    """Return what is to be run, its files being fetched into `inputs`, each content called by its digest."""
    return Program(
        entry=inputs / "entry" / Path(work.entry).name,  # the program is called by its name
        arguments=tuple(work.arguments),
        environment=work.environment,
        stdin=inputs / work.stdin if work.stdin else None,
        inputs={item.path: inputs / item.digest for item in work.inputs},
    )


def _is_good(ended: Ended) -> bool:
    return ended.reason is Reason.EXITED and ended.exit_status == 0


def _outcome(ended: Ended) -> Outcome:
    if ended.reason is Reason.KILLED:  # by this machine, so the job is not to blame
        return Outcome.LOST
    return Outcome.FINISHED if _is_good(ended) else Outcome.FAILED


def _outputs(folder: Path, work: NativeWork) -> tuple[list[Output], list[str]]:
    """Return what the program left, and sentences about what cannot be taken."""
    found = [(name, folder / name) for name in _STREAMS if (folder / name).is_file()]
    if (folder / _FOLDER).is_dir():
        files = collect(folder / _FOLDER, Budget(work.limits.files, work.limits.disk_bytes, MAX_OUTPUT_NAMES_BYTES))
        found += [(f"{_FOLDER}/{name}", path) for name, path, _ in files]
    outputs, notes = [], []
    for name, path in found:
        try:
            outputs.append(_output(name, path))
        except ValidationError as error:
            notes.append(f"{name[:200]!a}: {error.errors()[0]['msg']}")
    return outputs, notes


def _output(name: str, path: Path) -> Output:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Output(name=name, digest=digest, size_bytes=path.stat().st_size)


class NativeRunner(Runner[NativeWork]):
    """Runs developers' programs, where this machine can contain them."""

    name = "native"
    work = NativeWork
    withdrawn_by = (CannotContainError,)

    async def probe(self) -> None:
        """Try the sandbox; raises as `Runner.probe` does."""
        why = await asyncio.to_thread(runner.probe)
        if why is not None:
            raise XwhepError(why)  # a whole sentence already

    async def run(self, assignment: Assignment[NativeWork]) -> FinishAttempt:
        """Run a program; raises as `run` does."""
        place = assignment.place
        return await run(assignment.lease.work, place.inputs, place.run, assignment.provide)


KIND: Final = NativeRunner
