"""The program `xwhep`: its commands under one root, each loaded when it is typed."""

from __future__ import annotations

from typing import Final

import click

from xwhep.terminal.shell import Lazy, Program, run, version_option

COMMANDS: Final = {
    "demo": Lazy(
        "xwhep.demo.command:demo",
        "Show everything at work on this machine, from nothing: a grid, an Ethereum chain, and an oracle between them.",
    ),
    "login": Lazy("xwhep.cli.login:login", "Join the grid at URL as a user."),
    "whoami": Lazy("xwhep.cli.login:whoami", "Show who the dispatcher takes you for."),
    "apps": Lazy("xwhep.cli.apps:apps", "Register applications, look at them."),
    "data": Lazy("xwhep.cli.data:data", "Store content on the grid and get it back."),
    "jobs": Lazy("xwhep.cli.jobs:jobs", "Submit jobs, follow them, fetch what they leave."),
    "batches": Lazy("xwhep.cli.batches:batches", "Submit many jobs as one, follow them, fetch what they leave."),
    "vanity": Lazy(
        "xwhep.cli.vanity.commands:vanity",
        "Search for a Bitcoin or Ethereum address with a beginning, or an end, of your choice.",
    ),
    "tasks": Lazy("xwhep.cli.tasks:tasks", "Ask a grid for work through an Ethereum chain, and pay for it in RLC."),
    "chain": Lazy(
        "xwhep.cli.chain:chain", "Run an Ethereum chain for development, and bring the contracts onto a chain."
    ),
    "hosts": Lazy("xwhep.cli.members:hosts", "Look at the volunteers' machines, revoke one (administrators)."),
    "users": Lazy("xwhep.cli.members:users", "Look at the users, revoke one (administrators)."),
    "groups": Lazy("xwhep.cli.members:groups", "Look at the groups of members, create one (administrators)."),
    "tokens": Lazy("xwhep.cli.members:tokens", "Make tokens to join with (administrators)."),
}


@click.group(
    cls=Program,
    name="xwhep",
    lazy=COMMANDS,
    epilog="\b\nFirst log in, with a token from the grid's administrator:\n"
    "  xwhep login https://grid.example.org:4380 --token -",
)
@version_option
def program() -> None:
    """Use a desktop grid: register applications, submit jobs, fetch results."""


def main() -> None:
    """Run the program."""
    run(program)
