"""What the worker must not lose: leases, hits and ends, on the disk until the dispatcher has acknowledged them.

    <job>-<attempt>/lease.json       written before the run starts
    <job>-<attempt>/checkpoint.json  how far a search is; written after the hits before it
    <job>-<attempt>/hit-<n>.json     written before it is sent, removed when acknowledged
    <job>-<attempt>/inputs/          what the run needs, removed with its end
    <job>-<attempt>/run/             what the run left, with its outputs
    <job>-<attempt>/end.json         written last, when the outputs are on the disk

A folder with a lease and no end is an attempt that was interrupted: a search goes on from its checkpoint, anything
else is given back at once. Nothing here knows the network. The methods block and are for other threads than the event
loop's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError

from worker.events import Kept, Ref, ref_of
from xwhep.files import PRIVATE, make_private_folder, replace_file, sync_folder
from xwhep.protocol.attempts import FinishAttempt, Lease, Outcome, ReportHit, VanityWork
from xwhep.vanity.units import MAX_STEPS

log = logging.getLogger(__name__)

#: how long what nobody takes is kept
KEEP: Final = timedelta(days=30)
INTERRUPTED: Final = FinishAttempt(outcome=Outcome.LOST, reason="the worker was interrupted")
_LEASE, _CHECKPOINT, _END = "lease.json", "checkpoint.json", "end.json"
_INPUTS, _RUN, _GONE = "inputs", "run", ".gone"

MessageT = TypeVar("MessageT", bound=BaseModel)


class Checkpoint(BaseModel):
    """How far the search of a unit is: all steps before this one are done, and their hits on the disk or delivered."""

    next_step: int = Field(default=0, ge=0, le=MAX_STEPS)


class Workplace(NamedTuple):
    """Two empty folders for one run."""

    inputs: Path
    run: Path


class Spool:
    """The attempts below one folder, of one worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_private_folder(folder)

    def open(self, lease: Lease) -> Workplace:
        """Record a lease, unless it is, with what is kept of its attempt; return the folders to run it in.

        Raises:
            OSError: the disk does not take it.
        """
        attempt = self._attempt(ref_of(lease))
        if not (attempt / _LEASE).exists():
            shutil.rmtree(attempt, ignore_errors=True)
        workplace = Workplace(attempt / _INPUTS, attempt / _RUN)
        for folder in workplace:
            make_private_folder(folder)
        if not (attempt / _LEASE).exists():
            _write(attempt / _LEASE, lease)
        return workplace

    def save(self, ref: Ref, checkpoint: Checkpoint) -> None:
        """Record how far a search is; the hits before that are recorded."""
        _write(self._attempt(ref) / _CHECKPOINT, checkpoint)

    def add_hit(self, ref: Ref, number: int, hit: ReportHit) -> None:
        """Record a hit; on return it is on the disk."""
        _write(self._hit(ref, number), hit)

    def hit(self, ref: Ref, number: int) -> ReportHit:
        """Return a hit that is not acknowledged."""
        return ReportHit.model_validate_json(self._hit(ref, number).read_bytes())

    def forget_hit(self, ref: Ref, number: int) -> None:
        """Remove a hit that the dispatcher knows."""
        self._hit(ref, number).unlink(missing_ok=True)

    def end(self, ref: Ref, end: FinishAttempt) -> int:
        """Record the end of an attempt, its outputs on the disk before it; return how many bytes are kept of it."""
        attempt = self._attempt(ref)
        for output in end.outputs:
            _sync_file(attempt / _RUN / output.name)
        _write(attempt / _END, end)
        shutil.rmtree(attempt / _INPUTS, ignore_errors=True)
        return self._size(attempt)

    def end_of(self, ref: Ref) -> FinishAttempt:
        """Return how an attempt ended."""
        return FinishAttempt.model_validate_json((self._attempt(ref) / _END).read_bytes())

    def output(self, ref: Ref, name: str) -> Path:
        """Return the file of an output."""
        return self._attempt(ref) / _RUN / name

    def forget(self, ref: Ref) -> None:
        """Remove all of an attempt; if that is cut short, no part of it counts any more."""
        gone = self._folder / f"{_GONE}-{self._attempt(ref).name}"
        with contextlib.suppress(FileNotFoundError):
            self._attempt(ref).replace(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def recover(self, now: datetime) -> tuple[Kept, ...]:
        """Return what an earlier worker left, oldest first.

        What was interrupted and is no search has an end from now on. What cannot be read, and what is older than `KEEP`
        at `now`, is removed.
        """
        for leftover in self._folder.glob(f"{_GONE}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        return tuple(kept for ref in self._refs() if (kept := self._recover(ref, now)) is not None)

    def _recover(self, ref: Ref, now: datetime) -> Kept | None:
        attempt = self._attempt(ref)
        try:
            lease = _read(attempt / _LEASE, Lease)
            if now.timestamp() - (attempt / _LEASE).stat().st_mtime > KEEP.total_seconds() or ref_of(lease) != ref:
                log.warning("attempt %s of job %s was kept for %s days; it is dropped", ref[1], ref[0], KEEP.days)
                self.forget(ref)
                return None
            hits = tuple(self._hits(ref))
            if not (attempt / _END).exists():
                shutil.rmtree(attempt / _RUN, ignore_errors=True)
                if isinstance(lease.work, VanityWork):
                    return Kept(ref, hits, 0, lease, self._next_step(attempt, lease.work))
                self.end(ref, INTERRUPTED)
            self.end_of(ref)
            return Kept(ref, hits, self._size(attempt))
        except (OSError, ValidationError):
            log.warning("what is kept of attempt %s of job %s cannot be read; it is dropped", ref[1], ref[0])
            self.forget(ref)
            return None

    @staticmethod
    def _next_step(attempt: Path, work: VanityWork) -> int:
        """Return where the search of a unit goes on; one that was never written down begins anew."""
        path = attempt / _CHECKPOINT
        checkpoint = _read(path, Checkpoint) if path.exists() else Checkpoint()
        return min(checkpoint.next_step, work.steps)

    def _refs(self) -> list[Ref]:
        folders = [path for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        return [ref for path in sorted(folders, key=lambda path: path.stat().st_mtime) if (ref := _parse(path.name))]

    def _hits(self, ref: Ref) -> Iterator[int]:
        for path in sorted(self._attempt(ref).glob("hit-*.json")):
            number = int(path.stem.removeprefix("hit-"))
            self.hit(ref, number)
            yield number

    def _attempt(self, ref: Ref) -> Path:
        return self._folder / f"{ref.job_uid}-{ref.attempt}"

    def _hit(self, ref: Ref, number: int) -> Path:
        return self._attempt(ref) / f"hit-{number:06}.json"

    @staticmethod
    def _size(attempt: Path) -> int:
        return sum(path.lstat().st_size for path in attempt.rglob("*"))


def _parse(name: str) -> Ref | None:
    uid, _, attempt = name.rpartition("-")
    try:
        return Ref(UUID(uid), int(attempt))
    except ValueError:
        return None


def _write(path: Path, message: BaseModel) -> None:
    replace_file(path, message.model_dump_json().encode(), PRIVATE)


def _read(path: Path, message: type[MessageT]) -> MessageT:
    return message.model_validate_json(path.read_bytes())


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)
