"""`xwhep-worker run`: take jobs until a signal."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Any

import click
import psutil

from worker import daemon
from worker.config import Folders, WorkerSettings
from xwhep import config
from xwhep.terminal.shell import Command


@click.command("run", cls=Command, example="xwhep-worker run --threads 2 --share 50%")
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
