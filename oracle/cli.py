"""The program `xwhep-oracle`: its commands, each loaded when it is typed."""

from __future__ import annotations

from typing import Final

import click

from xwhep.terminal.shell import Lazy, Program, run, version_option

COMMANDS: Final = {
    "init": Lazy(
        "oracle.commands.install:init_command",
        "Join the grid at URL as a service, make the account that settles Tasks, and print its address.",
    ),
    "run": Lazy("oracle.commands.run:run_command", "Carry Tasks to the grid and answers back, until Ctrl-C."),
    "status": Lazy(
        "oracle.commands.status:status_command",
        "Show how far the oracle is and which Tasks are open; it may run or not.",
    ),
    "migrate": Lazy(
        "oracle.commands.migrate:migrate_command",
        "Bring the ledger of an older version to this one, while the oracle does not run.",
    ),
}


@click.group(cls=Program, name="xwhep-oracle", lazy=COMMANDS, extra="oracle")
@version_option
def program() -> None:
    """Bridge a chain and a grid: run what Tasks on the chain ask for, and tell their contracts the answers."""


def main() -> None:
    """Run the program as a process."""
    run(program)


if __name__ == "__main__":
    main()
