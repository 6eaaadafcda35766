"""The program `xwhep`: its commands under one root."""

from __future__ import annotations

import click

from xwhep.cli.apps import apps
from xwhep.cli.batches import batches
from xwhep.cli.chain import chain
from xwhep.cli.data import data
from xwhep.cli.demo.command import demo
from xwhep.cli.jobs import jobs
from xwhep.cli.login import login, whoami
from xwhep.cli.members import groups, hosts, tokens, users
from xwhep.cli.shell import Program, run, version_option
from xwhep.cli.tasks import tasks
from xwhep.cli.vanity import vanity


@click.group(
    cls=Program,
    name="xwhep",
    epilog="\b\nFirst log in, with a token from the grid's administrator:\n"
    "  xwhep login https://grid.example.org:4380 --token -",
)
@version_option
def program() -> None:
    """Use a desktop grid: register applications, submit jobs, fetch results."""


for command in (demo, login, whoami, apps, data, jobs, batches, vanity, tasks, chain, hosts, users, groups, tokens):
    program.add_command(command)


def main() -> None:
    """Run the program."""
    run(program)
