"""The command line `xwhep-worker`."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import sys
from typing import Any

import click
import psutil

from worker import daemon
from worker.config import Folders, WorkerSettings
from worker.daemon import JOIN_COMMAND
from worker.status import WorkerStatus, read_status
from worker.vanity.local_commands import bench_command, search_command
from xwhep import config
from xwhep.cli.login import read_token
from xwhep.cli.vanity.searches import rate
from xwhep.client.contents import plain_name
from xwhep.client.enrolment import join
from xwhep.errors.machines import NotRunningError
from xwhep.lock import is_held
from xwhep.members import Kind
from xwhep.pki.identity import load_identity
from xwhep.pki.tokens import parse_token
from xwhep.terminal.display import amount, facts, moment, percent
from xwhep.terminal.shell import Program, json_option, remark, run, show, utc_now, version_option


@click.group(cls=Program, name="xwhep-worker")
@version_option
def program() -> None:
    """Lend this machine to a grid: run jobs safely, and bring their results back."""


@program.command("join", example="xwhep-worker join https://grid.example.org:4380 --token -")
@click.argument("url")
@click.option("--token", metavar="TOKEN|-", help="The join token; - reads it from standard input.")
@click.option("--name", help="What the grid shall call this machine; by default its host name.")
def join_command(url: str, token: str | None, name: str | None) -> None:
    """Join the grid at URL as a host, in place of a grid joined before.

    The key is made here and never leaves this machine. The token holds a digest by which the dispatcher's certificate
    authority is recognised before anything is sent.
    """
    folder = Folders().identity
    called = name or plain_name(platform.node(), "host")
    identity = asyncio.run(join(url, parse_token(read_token(token)), Kind.HOST, called, folder))
    remark(f"this machine is the host {identity.name} of {identity.dispatcher}; start it with `xwhep-worker run`")


@program.command("run", example="xwhep-worker run --threads 2 --share 50%")
@click.option("--slots", type=int, help="How many jobs run at the same time; by default one for each processor.")
@click.option("--threads", type=int, help="How many of them may be searches; by default all.")
@click.option("--nice", type=int, help="How much jobs yield to your own programs: 0 to 19, by default 10.")
@click.option("--share", metavar="PERCENT", help="How much of its processor a search uses, as in 50%; by default all.")
@click.option("--verbose", is_flag=True, help="Say more about what happens.")
def run_command(*, verbose: bool, **chosen: Any) -> None:
    """Take jobs, run them, and bring their results back, until Ctrl-C.

    Ctrl-C gives back what runs, so that other hosts get it at once; a second one stops without waiting.
    """
    settings = config.load(WorkerSettings, chosen)
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    for noisy in ("asyncio", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _be_nice(settings.nice)
    asyncio.run(daemon.serve(settings, Folders()))


def _be_nice(nice: int) -> None:
    """Yield to the volunteer's own programs, with all that this process starts."""
    if sys.platform != "win32":
        os.nice(nice)
    elif nice > 0:
        psutil.Process().nice(psutil.IDLE_PRIORITY_CLASS)


@program.command("pause", example="xwhep-worker pause")
def pause_command() -> None:
    """Let the searches of this machine's worker rest, until `resume`.

    They use no processor within half a second, keep what they have, and no new ones are taken, also after a new start.
    A developer's program that runs is not stopped.
    """
    folders = Folders()
    load_identity(folders.identity, JOIN_COMMAND)
    folders.paused.touch(0o600)
    remark("the searches rest; `xwhep-worker resume` lets them go on")


@program.command("resume", example="xwhep-worker resume")
def resume_command() -> None:
    """Let the searches go on that `pause` let rest."""
    folders = Folders()
    load_identity(folders.identity, JOIN_COMMAND)
    folders.paused.unlink(missing_ok=True)
    remark("the searches go on")


@program.command("status", example="xwhep-worker status --json")
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
    for item in status.running:
        speed = f", {rate(item.keys_per_s)}" if item.keys_per_s else ""
        done = "" if item.fraction is None else f" {percent(item.fraction)}"
        lines.append((f"  {item.kind}", f"job {item.job_uid}, attempt {item.attempt}{done}{speed}"))
    if status.keys_proven is not None:
        lines.append(("keys proven", amount(status.keys_proven)))
    lines.append(("undelivered", status.undelivered))
    lines.append(("as of", moment(status.updated_at, utc_now())))
    return facts(lines)


program.add_command(search_command)
program.add_command(bench_command)


def main() -> None:
    """Run the program as a process."""
    run(program)


if __name__ == "__main__":
    main()
