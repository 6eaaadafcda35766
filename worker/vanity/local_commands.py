"""`xwhep-worker search` and `bench`: the commands for this machine alone, which ask no grid."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from worker.probe import cores
from worker.vanity import local_search
from worker.vanity.bench import BenchResult, bench
from worker.vanity.local_search import Order
from xwhep.cli.vanity.results import AddressFields
from xwhep.cli.vanity.searches import expectation, search_words
from xwhep.cli.vanity.wanted import OPTIONS, pattern_options, read_wish
from xwhep.errors.installations import LocalFileError
from xwhep.protocol.attempts import ProgressFields
from xwhep.secp256k1 import decode
from xwhep.terminal.display import amount, facts, percent, rate
from xwhep.terminal.progress import described_bar
from xwhep.terminal.shell import Command, json_option, remark, remark_once, show
from xwhep.vanity.chances import probability
from xwhep.vanity.hit_fields import hit_fields
from xwhep.vanity.key_files import write_whole
from xwhep.vanity.requester import find, parse_public_key
from xwhep.vanity.split_key import Hit, combine, keygen
from xwhep.vanity.wanted import Wanted


class LocalAddress(AddressFields):
    """What `search` prints; with the hit only where the secret is elsewhere."""

    keys_tried: int
    s: str | None = None
    e: int | None = None
    sign: int | None = None


@click.command(
    "search",
    cls=Command,
    example="xwhep-worker search 1Lo --local --key-file my.key\n"
    "xwhep-worker search 0xc0ffee --local --key-file my.key\n"
    "xwhep-worker search --suffix LoV --local --key-file my.key",
)
@click.argument("texts", metavar="[PATTERN]...", nargs=-1)
@pattern_options
@click.option("--local", is_flag=True, required=True, help="Search on this machine, without any grid.")
@click.option("--plain", is_flag=True, help="Try fewer keys: those that tools which add two keys can combine.")
@click.option("--public-key", metavar="HEX", help="A public key of `xwhep vanity keygen`, in place of a fresh key.")
@click.option("--key-file", type=click.Path(dir_okay=False, path_type=Path), help="The new file for the private key.")
@click.option("--slots", type=click.IntRange(1, 1024), help="How many processors to use; by default all.")
@json_option
def search_command(
    texts: tuple[str, ...],
    *,
    local: bool,  # noqa: ARG001 - there is no other way
    public_key: str | None,
    key_file: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Search here alone for an address that begins with PATTERN or any of many, ends so, or matches all along.

    Without --public-key a fresh key is made here, and the private key of the address is written into --key-file, which
    only you can read. With it, the result is printed for `xwhep vanity combine`.
    """
    if (public_key is None) == (key_file is None):
        raise click.UsageError("give either --key-file, for a fresh key, or --public-key")
    _, wanted = read_wish(texts, **{name: how[name] for name in OPTIONS})
    if key_file is not None:
        found = _search_with_fresh_key(wanted, key_file, plain=how["plain"], slots=how["slots"])
    else:
        order = Order(wanted, parse_public_key(str(public_key)), how["plain"])
        found = _search_for(order, how["slots"])
    show(found, _describe(found), as_json=as_json)


def _describe(found: LocalAddress) -> str:
    return facts(
        [
            ("address", found.address),
            ("keys tried", f"{found.keys_tried:,}"),
            ("private key in", found.key_file),
            ("s", found.s),
            ("e", found.e),
            ("sign", found.sign),
        ]
    )


def _search_with_fresh_key(wanted: Wanted, key_file: Path, *, plain: bool, slots: int | None) -> LocalAddress:
    if key_file.exists():
        raise LocalFileError(str(key_file), "it exists already, and may hold the only copy of a key")
    if not key_file.absolute().parent.is_dir():
        raise LocalFileError(str(key_file), "there is no such folder")
    secret, encoded = keygen()
    hit, keys_tried = _search(Order(wanted, decode(encoded), plain), slots)
    key, found = combine(secret, hit, wanted.find)
    write_whole(key_file, found.address, key, form=found.form, network=wanted.network)
    return LocalAddress(
        address=found.address, form=found.form, patterns=list(found.texts), keys_tried=keys_tried, key_file=key_file
    )


def _search_for(order: Order, slots: int | None) -> LocalAddress:
    hit, keys_tried = _search(order, slots)
    found = find(order.public_key, hit, order.wanted)
    return LocalAddress(
        address=found.address,
        form=found.form,
        patterns=list(found.texts),
        key_file=None,
        keys_tried=keys_tried,
        **hit_fields(hit),
    )


def _search(order: Order, slots: int | None) -> tuple[Hit, int]:
    """Return the hit, and how many keys were tried."""
    latest = ProgressFields()
    difficulty = order.wanted.difficulty
    remark(f"one key in {amount(float(difficulty))} matches")
    say_compiling, say_mean = remark_once(), remark_once()
    with described_bar("searching") as advance:

        def tell(progress: ProgressFields) -> None:
            nonlocal latest
            latest = progress
            if progress.amount_per_s > 0:
                say_mean(expectation(float(difficulty), progress.amount_per_s))
            words = search_words(float(difficulty), progress.amount, progress.amount_per_s)
            advance(probability(difficulty, progress.amount), words)

        def compiling() -> None:
            say_compiling("compiling this search for this machine: some ten seconds, the first time")

        searching = local_search.search(order, slots=slots or cores(), nice=0, show=tell, compiling=compiling)
        hit = asyncio.run(searching)
    return hit, latest.amount


@click.command("bench", cls=Command, example="xwhep-worker bench --json")
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
            (
                f"{result.threads} threads",
                f"{rate(result.keys_per_s)}, {rate(result.keys_per_s_of_each)} each",
            ),
            (result.example, f"found after {result.example_s:.2f} s on average"),
            ("undisturbed", f"{rate(result.keys_per_cpu_s)} a thread"),
            ("bound", f"{rate(result.bound_keys_per_cpu_s)} a thread, of which this is {percent(bound)}"),
        ]
    )
