"""`xwhep batches`: many jobs as one, and searches."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click

from xwhep.cli.batch_display import display
from xwhep.cli.on_grid import on_grid
from xwhep.client.batch_file import read_batch
from xwhep.client.contents import Uploads, fetch_outputs
from xwhep.client.owner import OwnerClient
from xwhep.client.specifications import JobSpecification, Preparation
from xwhep.client.waiting import batch_ended
from xwhep.lifecycle import BatchStatus, Status
from xwhep.protocol.batches import BatchView, SubmitBag
from xwhep.terminal.display import ago, facts, moment, table
from xwhep.terminal.progress import bar, described_bar
from xwhep.terminal.shell import REFUSED, Group, json_option, remark, show
from xwhep.world import REAL


@click.group(cls=Group)
def batches() -> None:
    """Submit many jobs as one, follow them, fetch what they leave."""


@batches.command(
    example="""echo '{"app": "model:2.1", "arguments": ["--seed", "7"], "inputs": ["a.csv"]}' > sweep.jsonl
xwhep batches submit sweep.jsonl --wait"""
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--wait", is_flag=True, help="Stay until the batch has ended; exit status 1 unless it completed.")
@json_option
def submit(file: Path, *, wait: bool, as_json: bool) -> None:
    """Submit up to 1,000 jobs as one batch: all of them or none.

    The file has one JSON object a line, with the keys app, arguments, environment, stdin, inputs and limits; or it is
    TOML, ends in .toml, and has a name and a table [[jobs]] for each job. Paths start at the file's folder.
    """
    name, wanted = read_batch(file)
    _submit(name, wanted, file.absolute().parent, wait=wait, as_json=as_json)


@on_grid
async def _submit(
    client: OwnerClient, name: str, wanted: list[JobSpecification], base: Path, *, wait: bool, as_json: bool
) -> None:
    preparation = Preparation(client, Uploads(client, bar), base)
    jobs = [await preparation.prepare(job) for job in wanted]
    batch = await client.submit_batch(SubmitBag(uid=REAL.new_uid(), name=name, jobs=jobs))
    if wait:
        await _await_end(client, batch.uid, as_json=as_json)
    else:
        show(batch, str(batch.uid), as_json=as_json)


@batches.command("list", example="xwhep batches list")
@json_option
@on_grid
async def list_(client: OwnerClient, *, as_json: bool) -> None:
    """List your batches, newest first."""
    found = [batch async for batch in client.batches()]
    now = REAL.now()
    rows = [(batch.uid, batch.kind, batch.status, ago(batch.submitted_at, now), batch.name) for batch in found]
    show(found, table(("UID", "KIND", "STATUS", "SUBMITTED", "NAME"), rows), as_json=as_json)


@batches.command("show", example="xwhep batches show 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
@json_option
@on_grid
async def show_(client: OwnerClient, uid: UUID, *, as_json: bool) -> None:
    """Show a batch: how many of its jobs are in which status, or how far a search is."""
    batch = await client.batch(uid)
    show(batch, describe_batch(batch), as_json=as_json)


@batches.command(example="xwhep batches wait 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
@json_option
@on_grid
async def wait(client: OwnerClient, uid: UUID, *, as_json: bool) -> None:
    """Wait until a batch has ended; exit status 1 unless it completed. Ctrl-C stops the waiting, not the batch."""
    await _await_end(client, uid, as_json=as_json)


@batches.command(example="xwhep batches cancel 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
@click.argument("uid", type=click.UUID)
@json_option
@on_grid
async def cancel(client: OwnerClient, uid: UUID, *, as_json: bool) -> None:
    """Cancel a batch with all its jobs; doing it twice is doing it once."""
    batch = await client.cancel_batch(uid)
    show(batch, f"{batch.uid} {batch.status}", as_json=as_json)


@batches.command(example="xwhep batches fetch 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d -o results")
@click.argument("uid", type=click.UUID)
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), default=".", help="Where to."
)
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@on_grid
async def fetch(client: OwnerClient, uid: UUID, folder: Path, *, force: bool) -> None:
    """Download what the jobs of a batch have left, each into a folder named by the job's uid."""
    summaries = [job async for job in client.jobs(batch_uid=uid)]
    done = [job.uid for job in summaries if job.status is Status.COMPLETED]
    files = 0
    with bar("fetching", len(done)) as advance:
        for number, job_uid in enumerate(done, start=1):
            job = await client.job(job_uid)
            files += len(await fetch_outputs(client, job, folder / str(job_uid), bar, overwrite=force))
            advance(number)
    others = len(summaries) - len(done)
    remark(f"wrote {files} files of {len(done)} completed jobs to {folder}; {others} have not completed")


async def _await_end(client: OwnerClient, uid: UUID, *, as_json: bool) -> None:
    with described_bar("waiting") as advance:

        def report(view: BatchView) -> None:
            shown = display(view)
            advance(shown.fraction, shown.words)

        batch = await batch_ended(client, uid, report)
    show(batch, describe_batch(batch), as_json=as_json)
    if batch.status is not BatchStatus.COMPLETED:
        click.get_current_context().exit(REFUSED)


def describe_batch(batch: BatchView) -> str:
    """Return a batch for people."""
    now = REAL.now()
    counts = ", ".join(f"{count:,} {status}" for status, count in batch.jobs.items() if count)
    head = facts(
        [
            ("uid", batch.uid),
            ("name", batch.name),
            ("kind", batch.kind),
            ("status", batch.status),
            ("requester", batch.requester),
            ("jobs", counts or None),
            ("submitted", moment(batch.submitted_at, now)),
            ("ended", None if batch.ended_at is None else moment(batch.ended_at, now)),
        ]
    )
    details = display(batch).details
    return f"{head}\n{details}" if details else head
