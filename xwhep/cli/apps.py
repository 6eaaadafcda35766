"""`xwhep apps`: register applications, look at them."""

from __future__ import annotations

from pathlib import Path

import click

from xwhep.cli.on_grid import on_grid
from xwhep.client.app_file import read_app, upload_programs
from xwhep.client.app_kinds import AppDescription
from xwhep.client.contents import Uploads
from xwhep.client.owner import OwnerClient
from xwhep.client.specifications import find_app
from xwhep.protocol.apps import AppView
from xwhep.terminal.display import ago, facts, moment, shorten, size, table
from xwhep.terminal.progress import bar
from xwhep.terminal.shell import Group, json_option, show
from xwhep.world import REAL


@click.group(cls=Group)
def apps() -> None:
    """Register applications, look at them."""


@apps.command(example="xwhep apps register wordcount/app.toml")
@click.argument("app_toml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def register(app_toml: Path, *, as_json: bool) -> None:
    """Register an app that a TOML file describes; a version never changes.

    The file says name, version, kind (such as "native"), [[targets]] with os, cpu, file and entry, and [limits]. The
    files of the targets are uploaded first.
    """
    _register(read_app(app_toml), app_toml.absolute().parent, as_json=as_json)


@on_grid
async def _register(client: OwnerClient, described: AppDescription, folder: Path, *, as_json: bool) -> None:
    message = await upload_programs(described, Uploads(client, bar), folder)
    app = await client.register_app(message)
    show(app, _describe(app), as_json=as_json)


@apps.command("list", example="xwhep apps list\nxwhep apps list --name wordcount")
@click.option("--name", help="Only the versions of this app.")
@json_option
@on_grid
async def list_(client: OwnerClient, name: str | None, *, as_json: bool) -> None:
    """List the apps that you may use, newest first."""
    found = [app async for app in client.apps(name)]
    now = REAL.now()
    rows = [(app.uid, shorten(app.version, 12), app.kind, ago(app.registered_at, now), app.name) for app in found]
    show(found, table(("UID", "VERSION", "KIND", "REGISTERED", "NAME"), rows), as_json=as_json)


@apps.command("show", example="xwhep apps show wordcount\nxwhep apps show wordcount:1.0")
@click.argument("app", metavar="APP[:VERSION]|UID")
@json_option
@on_grid
async def show_(client: OwnerClient, app: str, *, as_json: bool) -> None:
    """Show an app: its programs and its limits. Without a version, the one registered last."""
    found = await find_app(client, app)
    show(found, _describe(found), as_json=as_json)


def _describe(app: AppView) -> str:
    limits = app.limits
    head = facts(
        [
            ("uid", app.uid),
            ("name", app.name),
            ("version", app.version),
            ("kind", app.kind),
            ("registered", moment(app.registered_at, REAL.now())),
            ("time", f"{limits.wall_s} s on the clock, {limits.cpu_s} s of the processor"),
            ("memory", size(limits.memory_bytes)),
            ("disk", size(limits.disk_bytes)),
            ("output", f"{size(limits.output_bytes)}, {limits.files} files"),
            ("processes", limits.processes),
        ]
    )
    rows = [(target.os, target.cpu, target.entry, target.blob[:16]) for target in app.targets]
    return f"{head}\n\n{table(('OS', 'CPU', 'ENTRY', 'SHA-256'), rows)}" if rows else head
