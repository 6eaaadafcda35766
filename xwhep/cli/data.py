"""`xwhep data`: content that jobs use, by name, uid or digest."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click

from xwhep.cli.on_grid import on_grid
from xwhep.client.contents import Uploads, place
from xwhep.client.owner import OwnerClient
from xwhep.client.specifications import check_name
from xwhep.errors.requests import NotFoundError
from xwhep.lifecycle import DataStatus
from xwhep.protocol.data import DataView
from xwhep.terminal.display import ago, facts, moment, size, table
from xwhep.terminal.progress import bar
from xwhep.terminal.shell import Group, Split, json_option, remark, show
from xwhep.world import REAL


@click.group(cls=Group)
def data() -> None:
    """Store content on the grid and get it back."""


@data.command(example="xwhep data put genome.fa\nxwhep data put genome.fa --name human-38")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", metavar="NAME", type=Split(check_name), help="What to call it; by default as the file.")
@json_option
@on_grid
async def put(client: OwnerClient, file: Path, name: str | None, *, as_json: bool) -> None:
    """Upload a file.

    Content that you have stored already is not sent again.
    """
    stored = await Uploads(client, bar).put(file, name)
    show(stored, _describe(stored), as_json=as_json)


@data.command("list", example="xwhep data list")
@json_option
@on_grid
async def list_(client: OwnerClient, *, as_json: bool) -> None:
    """List your data, newest first."""
    stored = [entry async for entry in client.datas()]
    now = REAL.now()
    rows = [(d.uid, size(d.size_bytes), d.status, ago(d.registered_at, now), d.name) for d in stored]
    show(stored, table(("UID", "SIZE", "STATUS", "REGISTERED", "NAME"), rows), as_json=as_json)


@data.command(example="xwhep data get human-38\nxwhep data get human-38 -o genome.fa")
@click.argument("which", metavar="NAME|UID|DIGEST")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option("--force", is_flag=True, help="Overwrite the file where it exists.")
@on_grid
async def get(client: OwnerClient, which: str, output: Path | None, *, force: bool) -> None:
    """Download content into a file named as the data is, or into the one you name.

    Of several data with one name, the newest is meant.
    """
    wanted = await find_data(client, which)
    chosen = output or Path(wanted.name)
    target = place(chosen.absolute().parent, chosen.name, overwrite=force)
    with bar(f"fetching {wanted.name}", wanted.size_bytes) as moved:
        await client.fetch_data(wanted, target, moved)
    remark(f"wrote {size(wanted.size_bytes)} to {target}")


async def find_data(client: OwnerClient, which: str) -> DataView:
    """Return the newest data that has this uid, digest or name, and its content.

    Raises:
        NotFoundError: there is none.
    """
    try:
        return await client.data(UUID(which))
    except ValueError:
        pass  # a name or a digest
    async for entry in client.datas():
        if which in {entry.name, entry.digest} and entry.status is DataStatus.AVAILABLE:
            return entry
    raise NotFoundError("data", which)


def _describe(entry: DataView) -> str:
    return facts(
        [
            ("uid", entry.uid),
            ("name", entry.name),
            ("size", f"{size(entry.size_bytes)} ({entry.size_bytes:,} bytes)"),
            ("SHA-256", entry.digest),
            ("status", entry.status),
            ("registered", moment(entry.registered_at, REAL.now())),
        ]
    )
