"""The command line `xwhep-worker`."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import sys
from pathlib import Path
from typing import Any

import click
import psutil
from pydantic import BaseModel

from worker import daemon, local_search
from worker.bench import BenchResult, bench
from worker.config import Folders, WorkerSettings
from worker.daemon import JOIN_COMMAND
from worker.probe import cores
from worker.status import WorkerStatus, read_status
from xwhep import config
from xwhep.bitcoin.addresses import p2pkh
from xwhep.bitcoin.patterns import Pattern, parse_pattern, probability
from xwhep.bitcoin.split_key import Hit, check, combine, keygen
from xwhep.cli.display import amount, duration, facts, moment, percent
from xwhep.cli.login import read_token
from xwhep.cli.progress import described_bar
from xwhep.cli.searches import rate
from xwhep.cli.shell import Program, json_option, remark, run, show, utc_now, version_option
from xwhep.cli.vanity_results import parse_public_key
from xwhep.client.contents import plain_name
from xwhep.enrolment import join
from xwhep.errors import LocalFileError, NotRunningError
from xwhep.key_files import write_whole
from xwhep.lock import is_held
from xwhep.members import Kind
from xwhep.model.attempts import ProgressFields
from xwhep.pki.identity import load_identity
from xwhep.pki.tokens import parse_token
from xwhep.secp256k1 import Point, decode


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


class LocalAddress(BaseModel):
    """What `search` prints; with the hit only where the secret is elsewhere."""

    address: str
    pattern: str
    keys_tried: int
    key_file: Path | None = None
    s: str | None = None
    e: int | None = None
    sign: int | None = None


@program.command("search", example="xwhep-worker search 1Lo --local --key-file my.key")
@click.argument("pattern")
@click.option("--local", is_flag=True, required=True, help="Search on this machine, without any grid.")
@click.option("--public-key", metavar="HEX", help="A public key of `xwhep vanity keygen`, in place of a fresh key.")
@click.option("--key-file", type=click.Path(dir_okay=False, path_type=Path), help="The new file for the private key.")
@click.option("--slots", type=click.IntRange(1, 1024), help="How many processors to use; by default all.")
@json_option
def search_command(pattern: str, *, local: bool, public_key: str | None, key_file: Path | None, **how: Any) -> None:  # noqa: ARG001 - there is no other way than `local`
    """Search for a Bitcoin address that begins with PATTERN on this machine alone.

    Without --public-key a fresh key is made here, and the private key of the address is written into --key-file, which
    only you can read. With it, the result is printed for `xwhep vanity combine`.
    """
    if (public_key is None) == (key_file is None):
        raise click.UsageError("give either --key-file, for a fresh key, or --public-key")
    wanted = parse_pattern(pattern)
    if key_file is not None:
        show_found(_search_with_fresh_key(wanted, key_file, how["slots"]), as_json=how["as_json"])
        return
    assert public_key is not None
    show_found(_search_for(wanted, parse_public_key(public_key), how["slots"]), as_json=how["as_json"])


@program.command("bench", example="xwhep-worker bench --json")
@click.option("--threads", type=click.IntRange(1, 1024), help="How many processors to use; by default all.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 600),
    default=4.0,
    show_default=True,
    help="How long each of two trials lasts.",
)
@json_option
def bench_command(*, threads: int | None, seconds: float, as_json: bool) -> None:
    """Measure how fast this machine searches for addresses, with one thread and with all.

    Nothing is sent anywhere. The first time, the search is compiled for this machine, which takes some ten seconds.
    """
    with described_bar("measuring") as advance:
        result = asyncio.run(bench(threads or cores(), seconds, advance))
    show(result, _describe_bench(result), as_json=as_json)


def _describe_bench(result: BenchResult) -> str:
    bound = result.keys_per_cpu_s / result.bound_keys_per_cpu_s
    return facts(
        [
            ("kernel", f"{result.kernel}: {result.why}"),
            ("one thread", rate(result.keys_per_s_of_one)),
            (f"{result.threads} threads", f"{rate(result.keys_per_s)}, {rate(result.keys_per_s_of_each)} each"),
            (result.example, f"found after {result.example_s:.2f} s on average"),
            ("undisturbed", f"{rate(result.keys_per_cpu_s)} a thread"),
            ("bound", f"{rate(result.bound_keys_per_cpu_s)} a thread, of which this is {percent(bound)}"),
        ]
    )


def show_found(found: LocalAddress, *, as_json: bool) -> None:
    """Print what was found."""
    text = facts(
        [
            ("address", found.address),
            ("keys tried", f"{found.keys_tried:,}"),
            ("private key in", found.key_file),
            ("s", found.s),
            ("e", found.e),
            ("sign", found.sign),
        ]
    )
    show(found, text, as_json=as_json)


def _search_with_fresh_key(pattern: Pattern, key_file: Path, slots: int | None) -> LocalAddress:
    if key_file.exists():
        raise LocalFileError(str(key_file), "it exists already, and may hold the only copy of a key")
    if not key_file.absolute().parent.is_dir():
        raise LocalFileError(str(key_file), "there is no such folder")
    secret, encoded = keygen()
    hit, address, keys_tried = _search(pattern, decode(encoded), slots)
    write_whole(key_file, address, combine(secret, hit, pattern.ranges))
    return LocalAddress(address=address, pattern=pattern.text, keys_tried=keys_tried, key_file=key_file)


def _search_for(pattern: Pattern, public_key: Point, slots: int | None) -> LocalAddress:
    hit, address, keys_tried = _search(pattern, public_key, slots)
    return LocalAddress(
        address=address, pattern=pattern.text, keys_tried=keys_tried, s=f"{hit.s:064x}", e=hit.e, sign=hit.sign
    )


def _search(pattern: Pattern, public_key: Point, slots: int | None) -> tuple[Hit, str, int]:
    """Return the hit, its address, and how many keys were tried."""
    latest = ProgressFields()
    remark(f"one key in {amount(float(pattern.difficulty))} matches")
    with described_bar("searching") as advance:

        def tell(progress: ProgressFields) -> None:
            nonlocal latest
            latest = progress
            advance(probability(pattern.difficulty, progress.keys_tried), _words(pattern, progress))

        hit = asyncio.run(local_search.search(pattern, public_key, slots=slots or cores(), nice=0, show=tell))
    return hit, p2pkh(check(public_key, hit, pattern.ranges)), latest.keys_tried


def _words(pattern: Pattern, progress: ProgressFields) -> str:
    chance = percent(probability(pattern.difficulty, progress.keys_tried))
    left = duration(float(pattern.difficulty) / progress.keys_per_s) if progress.keys_per_s else "unknown"
    tried = f"{amount(progress.keys_tried)} keys, {rate(progress.keys_per_s)}"
    return f"{tried}, {chance} likely to be found by now, about {left} left"


def main() -> None:
    """Run the program as a process."""
    run(program)


if __name__ == "__main__":
    main()
