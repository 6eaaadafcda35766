"""The program `xwhep-dispatcher`: its commands, each loaded when it is typed."""

from __future__ import annotations

from typing import Final

import click

from xwhep.terminal.shell import Lazy, Program, run, version_option

COMMANDS: Final = {
    "init": Lazy(
        "dispatcher.commands.install:init",
        "Make a dispatcher: its certificate authority, its database, and you as its administrator.",
    ),
    "serve": Lazy("dispatcher.commands.serve:serve", "Serve the grid until you press Ctrl-C."),
    "token": Lazy(
        "dispatcher.commands.members:token",
        "Print a join token: whoever has it can join, so hand it over as you would a password.",
    ),
    "revoke": Lazy(
        "dispatcher.commands.members:revoke", "Revoke a host or a user, also while the dispatcher does not run."
    ),
    "migrate": Lazy(
        "dispatcher.commands.migrate:migrate_command",
        "Bring the database of an older version to this one, while the dispatcher does not run.",
    ),
}


@click.group(cls=Program, name="xwhep-dispatcher", lazy=COMMANDS, extra="dispatcher")
@version_option
def program() -> None:
    """Run the dispatcher of a grid: the one place that holds apps, data and jobs."""


def main() -> None:
    """Run the command line."""
    run(program)


if __name__ == "__main__":
    main()
