"""The program `xwhep-worker`: its commands, each loaded when it is typed."""

from __future__ import annotations

from typing import Final

import click

from xwhep.terminal.shell import Lazy, Program, run, version_option

COMMANDS: Final = {
    "join": Lazy(
        "worker.commands.membership:join_command", "Join the grid at URL as a host, in place of a grid joined before."
    ),
    "run": Lazy(
        "worker.commands.run:run_command",
        "Take jobs, run them, and bring their results back, until Ctrl-C.",
    ),
    "pause": Lazy(
        "worker.commands.control:pause_command", "Let the searches of this machine's worker rest, until `resume`."
    ),
    "resume": Lazy(
        "worker.commands.control:resume_command",
        "Let the searches go on that `pause` let rest.",
    ),
    "status": Lazy(
        "worker.commands.control:status_command",
        "Show what the worker on this machine does now.",
    ),
    "search": Lazy(
        "worker.vanity.local_commands:search_command",
        "Search here alone for an address that begins with PATTERN or any of many, ends so, or matches all along.",
    ),
    "bench": Lazy(
        "worker.vanity.local_commands:bench_command",
        "Measure how fast this machine searches for addresses, with one thread and with all.",
    ),
}


@click.group(cls=Program, name="xwhep-worker", lazy=COMMANDS, extra="worker")
@version_option
def program() -> None:
    """Lend this machine to a grid: run jobs safely, and bring their results back."""


def main() -> None:
    """Run the program as a process."""
    run(program)


if __name__ == "__main__":
    main()
