"""`xwhep-worker pause`, `resume` and `status`: steer the worker that runs on this machine, and look at it."""

from __future__ import annotations

import click

from worker.config import Folders
from worker.daemon import JOIN_COMMAND
from worker.status import RunView, WorkerStatus, read_status
from xwhep.errors.machines import NotRunningError
from xwhep.lock import is_held
from xwhep.pki.identity import load_identity
from xwhep.terminal.display import amount, facts, moment, percent
from xwhep.terminal.shell import Command, json_option, remark, show
from xwhep.world import REAL


@click.command("pause", cls=Command, example="xwhep-worker pause")
def pause_command() -> None:
    """Let the searches of this machine's worker rest, until `resume`.

    They use no processor within half a second, keep what they have, and no new ones are taken, also after a new start.
    A developer's program that runs is not stopped.
    """
    folders = Folders()
    load_identity(folders.identity, JOIN_COMMAND)
    folders.paused.touch(0o600)
    remark("the searches rest; `xwhep-worker resume` lets them go on")


@click.command("resume", cls=Command, example="xwhep-worker resume")
def resume_command() -> None:
    """Let the searches go on that `pause` let rest."""
    folders = Folders()
    load_identity(folders.identity, JOIN_COMMAND)
    folders.paused.unlink(missing_ok=True)
    remark("the searches go on")


@click.command("status", cls=Command, example="xwhep-worker status --json")
@json_option
def status_command(*, as_json: bool) -> None:
    """Show what the worker on this machine does now."""
    folders = Folders()
    load_identity(folders.identity, JOIN_COMMAND)
    status = read_status(folders.status) if is_held(folders.lock) else None
    if status is None:
        raise NotRunningError
    show(status, _describe(status), as_json=as_json)


def _describe(status: WorkerStatus) -> str:
    lines: list[tuple[str, object]] = [
        ("host", status.name),
        ("dispatcher", f"{status.dispatcher}, {'connected' if status.connected else 'away'}"),
        ("process", f"{status.pid}, stopping" if status.stopping else status.pid),
        ("searches", "paused" if status.paused else None),
        ("kinds of job", ", ".join(sorted(status.kinds))),
        ("running", f"{len(status.running)} of {status.slots}"),
    ]
    lines += [(f"  {item.kind}", _run(item)) for item in status.running]
    for kind, told in status.kinds.items():
        for fact, value in told.items():
            known = amount(value) if isinstance(value, int | float) else value
            lines.append((f"{kind}: {fact.replace('_', ' ')}", known))
    lines.append(("undelivered", status.undelivered))
    lines.append(("as of", moment(status.updated_at, REAL.now())))
    return facts(lines)


def _run(run: RunView) -> str:
    """Return how far a run is, in the measure of its kind."""
    done = "" if run.fraction is None else f" {percent(run.fraction)}"
    counted = ""
    if run.amount_per_s:
        counted = f", {amount(run.amount_per_s)} {run.measure}/s"
    elif run.amount and run.measure:
        counted = f", {amount(run.amount)} {run.measure}"
    return f"job {run.job_uid}, attempt {run.attempt}{done}{counted}"
