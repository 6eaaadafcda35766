"""`xwhep jobs`: submit jobs, follow them, fetch what they leave."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from xwhep.cli.on_grid import on_grid
from xwhep.client.contents import Uploads, fetch_outputs
from xwhep.client.owner import OwnerClient
from xwhep.client.specifications import JobSpecification, Preparation, parse_job, split_pair
from xwhep.client.waiting import jobs_ended
from xwhep.errors.requests import NotFoundError
from xwhep.lifecycle import AttemptStatus, Status, is_final
from xwhep.protocol.jobs import AttemptView, JobView, SubmitJobs, WaitingView
from xwhep.terminal.display import ago, facts, moment, percent, safe_lines, size, span, table
from xwhep.terminal.progress import bar, described_bar
from xwhep.terminal.shell import REFUSED, Group, Split, json_option, remark, show
from xwhep.world import REAL

PAIR = Split(split_pair)


@click.group(cls=Group)
def jobs() -> None:
    """Submit jobs, follow them, fetch what they leave."""


@jobs.command(
    example="xwhep jobs submit wordcount:1.0 text.txt --input text.txt --wait\n"
    "xwhep jobs submit model --env LANG=C --limit wall_s=60 -- --seed 7"
)
@click.argument("app", metavar="APP[:VERSION]")
@click.argument("arguments", nargs=-1)
@click.option("--stdin", type=click.Path(path_type=Path), help="The file that the job reads as its standard input.")
@click.option(
    "--input", "inputs", metavar="PATH[=NAME]", multiple=True, help="A file for the job's folder; repeatable."
)
@click.option("--env", "environment", metavar="KEY=VALUE", type=PAIR, multiple=True, help="A variable; repeatable.")
@click.option("--limit", "limits", metavar="NAME=NUMBER", type=PAIR, multiple=True, help="A limit; repeatable.")
@click.option("--wait", is_flag=True, help="Stay until the job has ended; exit status 1 unless it completed.")
@json_option
def submit(*, wait: bool, as_json: bool, **written: Any) -> None:
    """Submit one job.

    Arguments that begin with - stand behind --, so that they go to the program. Files are uploaded first.
    """
    values = written | {key: dict(written[key]) for key in ("environment", "limits")}
    _submit(parse_job(values, "", Path.cwd()), wait=wait, as_json=as_json)


@on_grid
async def _submit(client: OwnerClient, wanted: JobSpecification, *, wait: bool, as_json: bool) -> None:
    message = await Preparation(client, Uploads(client, bar), Path.cwd()).prepare(wanted)
    await client.submit_jobs(SubmitJobs(jobs=[message]))
    if wait:
        await _await_end(client, [message.uid], as_json=as_json)
    else:
        show(await client.job(message.uid), str(message.uid), as_json=as_json)


@jobs.command("list", example="xwhep jobs list\nxwhep jobs list --status running")
@click.option("--status", type=click.Choice([status.value for status in Status]), help="Only jobs in this status.")
@json_option
@on_grid
async def list_(client: OwnerClient, status: str | None, *, as_json: bool) -> None:
    """List your jobs, newest first."""
    found = [job async for job in client.jobs(status=status)]
    now = REAL.now()
    rows = [
        (job.uid, job.status, ago(job.submitted_at, now), span(job.submitted_at, job.ended_at, now)) for job in found
    ]
    show(found, table(("UID", "STATUS", "SUBMITTED", "TOOK"), rows), as_json=as_json)


@jobs.command("show", example="xwhep jobs show 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
@json_option
@on_grid
async def show_(client: OwnerClient, uid: UUID, *, as_json: bool) -> None:
    """Show a job: its attempts and its outputs."""
    job = await client.job(uid)
    show(job, describe_job(job), as_json=as_json)


@jobs.command(example="xwhep jobs cancel 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
@json_option
@on_grid
async def cancel(client: OwnerClient, uid: UUID, *, as_json: bool) -> None:
    """Cancel a job; doing it twice is doing it once."""
    job = await client.cancel_job(uid)
    show(job, f"{job.uid} {job.status}", as_json=as_json)


@jobs.command(example="xwhep jobs wait 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uids", type=click.UUID, nargs=-1, required=True, metavar="UID...")
@json_option
@on_grid
async def wait(client: OwnerClient, uids: Sequence[UUID], *, as_json: bool) -> None:
    """Wait until jobs have ended; exit status 1 unless all completed. Ctrl-C stops the waiting, not the jobs."""
    await _await_end(client, uids, as_json=as_json)


@jobs.command(example="xwhep jobs fetch 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d -o results")
@click.argument("uid", type=click.UUID)
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), default=".", help="Where to."
)
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@on_grid
async def fetch(client: OwnerClient, uid: UUID, folder: Path, *, force: bool) -> None:
    """Download what a job has left: standard output, standard error, and its files."""
    written = await fetch_outputs(client, await client.job(uid), folder, bar, overwrite=force)
    remark(f"wrote {len(written)} files to {folder}")


@jobs.command(example="xwhep jobs output 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d > result.txt")
@click.argument("uid", type=click.UUID)
@click.option("--error", "stream", flag_value="stderr", help="Its standard error instead.")
@on_grid
async def output(client: OwnerClient, uid: UUID, stream: str | None) -> None:
    """Print what a job wrote to its standard output.

    Byte for byte into a file or a pipe; on a terminal, characters that do not print are written out.
    """
    job = await client.job(uid)
    named = next((entry for entry in job.outputs if entry.name == (stream or "stdout")), None)
    if named is None:
        raise NotFoundError(f"{stream or 'stdout'} of job", f"{uid}, which is {job.status}")
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "content"
        with bar(f"fetching {named.name}", named.size_bytes) as moved:
            await client.fetch_output(uid, named, content, moved)
        _print(content)


def _print(content: Path) -> None:
    if sys.stdout.isatty():
        click.echo(safe_lines(content.read_text(encoding="utf-8", errors="backslashreplace")), nl=False)
        return
    with content.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            click.echo(chunk, nl=False)


async def _await_end(client: OwnerClient, uids: Sequence[UUID], *, as_json: bool) -> None:
    with described_bar("waiting") as advance:
        ended = await jobs_ended(client, uids, lambda views: advance(*_progress(views, len(uids))))
    text = "\n\n".join(describe_job(job) for job in ended)
    show(ended[0] if len(uids) == 1 else ended, text, as_json=as_json)
    if any(job.status is not Status.COMPLETED for job in ended):
        click.get_current_context().exit(REFUSED)


def _progress(jobs_: Sequence[JobView], wanted: int) -> tuple[float, str]:
    ended = sum(is_final(job.status) for job in jobs_)
    running = [attempt.fraction or 0.0 for job in jobs_ for attempt in job.attempts if _is_live(attempt)]
    return (ended + sum(running)) / wanted, f"{ended} of {wanted} ended, {len(running)} running"


def _is_live(attempt: AttemptView) -> bool:
    return attempt.status is AttemptStatus.LEASED


def describe_job(job: JobView) -> str:
    """Return a job for people, with its attempts and outputs."""
    now = REAL.now()
    parts = [
        facts(
            [
                ("uid", job.uid),
                ("app", job.app_uid),
                ("batch", job.batch_uid),
                ("status", job.status),
                ("arguments", " ".join(job.arguments) or None),
                ("submitted", moment(job.submitted_at, now)),
                ("waiting", None if job.waiting is None else _waiting(job.waiting, now)),
                ("ended", None if job.ended_at is None else moment(job.ended_at, now)),
            ]
        )
    ]
    if job.attempts:
        rows = [_attempt_row(attempt) for attempt in job.attempts]
        parts.append(table(("ATTEMPT", "STATUS", "DONE", "EXIT", "TOOK", "REASON"), rows))
    if job.outputs:
        rows = [(size(entry.size_bytes), entry.name) for entry in job.outputs]
        parts.append(table(("SIZE", "OUTPUT"), rows))
    return "\n\n".join(parts)


def _waiting(waiting: WaitingView, now: datetime) -> str:
    return f"since {moment(waiting.since, now)}: {waiting.reason}"


def _attempt_row(attempt: AttemptView) -> tuple[object, ...]:
    done = "-" if attempt.fraction is None else percent(attempt.fraction)
    exit_status = "-" if attempt.exit_status is None else attempt.exit_status
    took = span(attempt.leased_at, attempt.ended_at, REAL.now())
    return attempt.number, attempt.status, done, exit_status, took, attempt.reason or ""
