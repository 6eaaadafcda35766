"""What the worker must not lose: leases, reports and ends, on the disk until the dispatcher has acknowledged them.

    <job>-<attempt>/lease.json       written before the run starts
    <job>-<attempt>/checkpoint.json  how far the run is, in its kind's words; written after the reports before it
    <job>-<attempt>/report-<n>.json  written before it is sent, removed when acknowledged
    <job>-<attempt>/inputs/          what the run needs, removed with its end
    <job>-<attempt>/run/             what the run left, with its outputs
    <job>-<attempt>/end.json         written last, when the outputs are on the disk

A folder with a lease and no end is an attempt that was interrupted: if its kind can, it goes on from its checkpoint,
else it is given back at once. Nothing here knows the network. The methods block and are for other threads than the
event loop's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from worker.agent.events import AnyLease, Kept, Ref, ref_of
from worker.runs.contract import Workplace
from worker.runs.registry import Runners
from xwhep.files import PRIVATE, make_private_folder, replace_file, sync_folder
from xwhep.protocol.attempts import FinishAttempt, Outcome, Report

log = logging.getLogger(__name__)

#: how long what nobody takes is kept
KEEP: Final = timedelta(days=30)
INTERRUPTED: Final = FinishAttempt(outcome=Outcome.LOST, reason="the worker was interrupted")
_LEASE, _CHECKPOINT, _END = "lease.json", "checkpoint.json", "end.json"
_INPUTS, _RUN, _GONE = "inputs", "run", ".gone"


class _KeptEnd(FinishAttempt):
    """An end as it is on the disk."""

    model_config = ConfigDict(extra="ignore")


class Spool:
    """The attempts below one folder, of one worker, which knows these kinds."""

    def __init__(self, folder: Path, kinds: Runners) -> None:
        self._folder = folder
        self._kinds = kinds
        make_private_folder(folder)

    def open(self, lease: AnyLease) -> Workplace:
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

    def save(self, ref: Ref, checkpoint: BaseModel) -> None:
        """Record how far a run is; the reports before that are recorded."""
        _write(self._attempt(ref) / _CHECKPOINT, checkpoint)

    def add_report(self, ref: Ref, number: int, report: Report) -> None:
        """Record a report; on return it is on the disk."""
        _write(self._report(ref, number), report)

    def report(self, ref: Ref, number: int) -> Report:
        """Return a report that is not acknowledged."""
        return self._kinds.report(self._report(ref, number).read_bytes())

    def forget_report(self, ref: Ref, number: int) -> None:
        """Remove a report that the dispatcher knows."""
        self._report(ref, number).unlink(missing_ok=True)

    def end(self, ref: Ref, end: FinishAttempt) -> int:
        """Record the end of an attempt, its outputs on the disk before it; return how many bytes are kept of it."""
        attempt = self._attempt(ref)
        for output in end.outputs:
            _sync_file(attempt / _RUN / output.name)
        _write(attempt / _END, end)
        shutil.rmtree(attempt / _INPUTS, ignore_errors=True)
        return self._size(attempt)

    def end_of(self, ref: Ref) -> FinishAttempt:
        """Return how an attempt ended; fields that only an earlier version of the worker knew are left out."""
        kept = _KeptEnd.model_validate_json((self._attempt(ref) / _END).read_bytes())
        return FinishAttempt(**dict(kept))

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

        What was interrupted and cannot go on has an end from now on. What cannot be read, and what is older than `KEEP`
        at `now`, is removed.
        """
        for leftover in self._folder.glob(f"{_GONE}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        return tuple(kept for ref in self._refs() if (kept := self._recover(ref, now)) is not None)

    def _recover(self, ref: Ref, now: datetime) -> Kept | None:
        attempt = self._attempt(ref)
        try:
            lease = self._kinds.lease((attempt / _LEASE).read_bytes())
            if now.timestamp() - (attempt / _LEASE).stat().st_mtime > KEEP.total_seconds() or ref_of(lease) != ref:
                log.warning("attempt %s of job %s was kept for %s days; it is dropped", ref[1], ref[0], KEEP.days)
                self.forget(ref)
                return None
            reports = tuple(self._reports(ref))
            if not (attempt / _END).exists():
                shutil.rmtree(attempt / _RUN, ignore_errors=True)
                runner = self._kinds.get(lease.work.kind)
                if runner is not None and runner.checkpoint is not None:
                    return Kept(ref, reports, 0, lease, _read_if_there(attempt / _CHECKPOINT, runner.checkpoint))
                self.end(ref, INTERRUPTED)
            self.end_of(ref)
            return Kept(ref, reports, self._size(attempt))
        except (OSError, ValidationError):
            log.warning("what is kept of attempt %s of job %s cannot be read; it is dropped", ref[1], ref[0])
            self.forget(ref)
            return None

    def _refs(self) -> list[Ref]:
        folders = [path for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        return [ref for path in sorted(folders, key=lambda path: path.stat().st_mtime) if (ref := _parse(path.name))]

    def _reports(self, ref: Ref) -> Iterator[int]:
        for path in sorted(self._attempt(ref).glob("report-*.json")):
            number = int(path.stem.removeprefix("report-"))
            self.report(ref, number)
            yield number

    def _attempt(self, ref: Ref) -> Path:
        return self._folder / f"{ref.job_uid}-{ref.attempt}"

    def _report(self, ref: Ref, number: int) -> Path:
        return self._attempt(ref) / f"report-{number:06}.json"

    @staticmethod
    def _size(attempt: Path) -> int:
        size_bytes = 0
        for path in attempt.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # a report that has just been acknowledged
                size_bytes += path.lstat().st_size
        return size_bytes


def _parse(name: str) -> Ref | None:
    uid, _, attempt = name.rpartition("-")
    try:
        return Ref(UUID(uid), int(attempt))
    except ValueError:
        return None


def _write(path: Path, message: BaseModel) -> None:
    replace_file(path, message.model_dump_json().encode(), PRIVATE)


def _read_if_there(path: Path, message: type[BaseModel]) -> BaseModel | None:
    return message.model_validate_json(path.read_bytes()) if path.exists() else None


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)
