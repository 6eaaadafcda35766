"""One unit of a vanity search, in a child process of its own.

The child is this very installation's `worker.vanity`; the daemon itself never imports numba. The pipe to the child is
its life: when it closes, the child ends. A child that dies is started again where it was, a few times: most often
something outside ended it, such as a machine short of memory, and what it had done stands. One that says that it
failed, falls silent or says what is no message loses the attempt: there is no reason why a second should do better.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import worker
from worker.brake import Brake
from worker.vanity import pipe
from xwhep.errors.base import XwhepError
from xwhep.protocol.attempts import FinishAttempt, Outcome, ProgressFields
from xwhep.vanity.addresses import Form
from xwhep.vanity.errors import SearchFailedError
from xwhep.vanity.messages import ReportShare, UnitFields, VanityWork
from xwhep.vanity.units import keys_of
from xwhep.world import REAL

log = logging.getLogger(__name__)

#: the forms of address that the kernels compute
FORMS: Final = frozenset(Form)
#: how long a child may say nothing, seconds: compiling takes the longest, and the machine may be busy
SILENCE_S: Final = 600.0
#: how often the children of a unit may be started
STARTS: Final = 3
#: how long a child that was told to stop may take, seconds
GRACE_S: Final = 3.0
#: how much of what a child says on standard error is kept, bytes
TAIL_BYTES: Final = 4096


class Sink(Protocol):
    """Takes what a search says while it runs."""

    def compiling(self) -> None:
        """Take that the search is compiled for this machine first, which takes some ten seconds, once."""

    def progress(self, progress: ProgressFields) -> None:
        """Take how far the search is."""

    async def hit(self, share: ReportShare) -> None:
        """Take a hit; on return it is safe."""


@dataclass(slots=True)
class Bookmark:
    """Where the search of a unit goes on: all steps before are done, and the sink has taken their hits."""

    next_step: int = 0


class _ChildDiedError(SearchFailedError):
    """The child ended without a word of why."""


async def search(
    work: VanityWork,
    sink: Sink,
    *,
    nice: int = 0,
    share: float = 1.0,
    brake: Brake | None = None,
    bookmark: Bookmark | None = None,
) -> FinishAttempt:
    """Search a unit to its end, with a share, 0.01 to 1, of one processor's time; a cancellation stops it.

    It begins at the bookmark, which moves with it.

    Raises:
        SearchFailedError: it did not work; every trouble is the machine's own, so the outcome is never `failed`.
    """
    unknown = [one.form for one in work.targets if one.form not in FORMS]
    if unknown:
        raise SearchFailedError(f"this worker cannot search for {unknown[0]} addresses; install its latest version")
    brake, bookmark = brake or Brake(), bookmark or Bookmark()
    starts = 0
    while bookmark.next_step < work.steps:
        starts += 1
        try:
            async with _child() as child:
                child.stdin.write(pipe.render(_unit(work, bookmark, nice, share)))
                with brake.heeded_by(lambda: child.stdin.write(_order(brake))):
                    end = await _follow(work, child, sink, brake, bookmark)
            if end is not None:
                return end
            if starts == STARTS:
                raise SearchFailedError("its kernel was compiled, and is not there")
        except _ChildDiedError as error:
            if starts == STARTS:
                raise
            log.warning("%s; it is started again at step %s of %s", error, bookmark.next_step, work.steps)
    return _end(work, work.steps, ProgressFields())


async def _follow(
    work: VanityWork, child: _Child, sink: Sink, brake: Brake, bookmark: Bookmark
) -> FinishAttempt | None:
    """Hand on what a child says, to its end; return None if it has only compiled the kernel."""
    latest = progress_at(work, bookmark.next_step)
    before = latest.amount
    while not isinstance(event := await child.event(brake), pipe.Done):
        match event:
            case pipe.Progress():
                latest = _progress(work, before + event.keys, event.keys_per_s)
                bookmark.next_step = event.next_step
                sink.progress(latest)
            case pipe.Found():
                latest = _progress(work, before + event.keys, latest.amount_per_s)
                await sink.hit(ReportShare(s=event.s, e=event.e, sign=event.sign, **latest.model_dump()))
            case pipe.Compiling():
                sink.compiling()
            case pipe.Compiled():
                return None
            case pipe.Started():
                pass
    return _end(work, event.next_step, latest)


async def compile_kernel() -> pipe.Compiled:
    """Compile the kernel into the cache, in a child that ends; return which one it is and how fast.

    Raises:
        SearchFailedError: it did not work.
    """
    async with _child("--compile") as child:
        while not isinstance(event := await child.event(Brake()), pipe.Compiled):
            pass
        return event


def _unit(work: VanityWork, bookmark: Bookmark, nice: int, share: float) -> pipe.UnitMessage:
    unit = work.model_dump(include=set(UnitFields.model_fields))
    first_step = bookmark.next_step
    return pipe.UnitMessage(**unit, batch=work.batch_uid, first_step=first_step, nice=nice, share=share)


def _order(brake: Brake) -> bytes:
    return pipe.render(pipe.Command(do=pipe.Order.PAUSE if brake.is_on else pipe.Order.RESUME))


def progress_at(work: VanityWork, next_step: int) -> ProgressFields:
    """Return how far a search is that goes on at a step."""
    return _progress(work, keys_of(next_step, plain=work.plain), 0)


def _progress(work: VanityWork, keys: int, keys_per_s: float) -> ProgressFields:
    fraction = min(1.0, keys / keys_of(work.steps, plain=work.plain))
    return ProgressFields(fraction=fraction, amount=keys, amount_per_s=keys_per_s)


def _end(work: VanityWork, next_step: int, latest: ProgressFields) -> FinishAttempt:
    if next_step < work.steps:
        raise SearchFailedError("its process stopped before the unit's end")
    final = _progress(work, keys_of(work.steps, plain=work.plain), latest.amount_per_s)
    return FinishAttempt(outcome=Outcome.FINISHED, **final.model_dump())


class _Child:
    """The child as this side of the pipe sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdin = process.stdin
        self._stdout = process.stdout
        self._process = process
        self._errors = asyncio.create_task(_tail(process.stderr))

    async def event(self, brake: Brake) -> pipe.Event:
        """Return what the child says next; it may be silent while it is paused.

        Raises:
            SearchFailedError: that it failed; or it ended, fell silent, or said something else than a message.
        """
        try:
            line = await self._line(brake)
            event = pipe.parse_event(line) if line else None
        except TimeoutError as error:
            raise SearchFailedError(f"its process said nothing for {SILENCE_S:.0f} s") from error
        except (ValueError, XwhepError) as error:
            raise SearchFailedError(f"its process said what cannot be understood ({error})") from error
        if event is None:
            raise _ChildDiedError(_obituary(await self._process.wait(), await self._errors))
        if isinstance(event, pipe.Failed):
            raise SearchFailedError(event.text)
        return event

    async def _line(self, brake: Brake) -> bytes:
        while True:
            turns = brake.turns
            try:
                async with REAL.timeout(SILENCE_S):  # wait_for of Python 3.11 may swallow a cancellation (bpo-37658)
                    return await self._stdout.readline()
            except TimeoutError:
                if not brake.is_on and brake.turns == turns:
                    raise

    async def stop(self) -> None:
        """Tell the child to stop, and after a grace make it; on return it is gone, and so is what it had to say."""
        self.stdin.close()
        try:
            async with REAL.timeout(GRACE_S):
                await self._gone()
        except TimeoutError:
            self._process.kill()
        finally:  # also when this is cancelled in its turn
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._gone()

    async def _gone(self) -> None:
        while await self._stdout.read(TAIL_BYTES):
            pass
        await self._errors
        await self._process.wait()


@contextlib.asynccontextmanager
async def _child(*options: str) -> AsyncIterator[_Child]:
    """Start the child; at the end, whatever the reason, it is stopped.

    Raises:
        SearchFailedError: it cannot be started, or its pipe broke.
    """
    separate: dict[str, Any] = (
        {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        if os.name == "nt"
        else {"process_group": 0}
    )  # a Ctrl-C in the terminal is for the daemon, which then stops its children
    try:
        child = _Child(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "worker.vanity", *options),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=pipe.MAX_LINE_BYTES,
                env={**os.environ, "PYTHONPATH": str(Path(worker.__file__).parents[1])},
                **separate,
            )
        )
        try:
            yield child
        finally:
            await child.stop()
    except OSError as error:
        raise SearchFailedError(f"its process cannot be used: {error}") from error


async def _tail(stream: asyncio.StreamReader) -> str:
    tail = b""
    while chunk := await stream.read(TAIL_BYTES):
        tail = (tail + chunk)[-TAIL_BYTES:]
    return tail.decode(errors="replace")


def _obituary(exit_status: int, errors: str) -> str:
    lines = errors.strip().splitlines()
    last = f": {lines[-1][:300]}" if lines else ""
    return f"its process ended (exit status {exit_status}){last}"
