"""`xwhep vanity`: search for an address that is like what a person wishes, without trusting anybody with its key.

A secret is never an argument and never on the screen: it is in a file, in the environment, or typed at a prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from pydantic import BaseModel

from xwhep.cli.on_grid import on_grid
from xwhep.cli.vanity.results import (
    FoundAddress,
    combine_command,
    finished_address,
    found_address,
    tell,
    verify,
)
from xwhep.cli.vanity.searches import CHANCES, describe_difficulty, expectation, search_progress
from xwhep.cli.vanity.wanted import OPTIONS, pattern_options, read_wish
from xwhep.client.owner import OwnerClient
from xwhep.client.waiting import batch_ended
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import NoResultError, UnavailableError
from xwhep.protocol.batches import BatchView
from xwhep.secp256k1 import encode
from xwhep.terminal.display import amount
from xwhep.terminal.progress import described_bar
from xwhep.terminal.shell import REFUSED, Group, json_option, remark, remark_once, show
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.chances import keys_for
from xwhep.vanity.key_files import PartKey, key_path, write_part
from xwhep.vanity.messages import SearchView, SubmitSearch, WishFields, search_of
from xwhep.vanity.requester import find, finish, fresh_part, parse_public_key, read_hit
from xwhep.vanity.wanted import Wanted
from xwhep.world import REAL

KEY_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Group)
def vanity() -> None:
    """Search for a Bitcoin or Ethereum address with a beginning, or an end, of your choice."""


vanity.add_command(combine_command)
vanity.add_command(verify)


class Chance(BaseModel):
    """After how many keys, and how many seconds at the rate given, a search has ended with a probability."""

    probability: float
    keys: float
    seconds: float | None


class PatternDifficulty(BaseModel):
    """How hard one of the patterns, or the end or expression, would be alone, in one form."""

    pattern: str
    form: Form
    difficulty: float


class Difficulty(BaseModel):
    """What `difficulty` prints."""

    forms: list[Form]
    network: Network
    patterns: list[PatternDifficulty]
    difficulty: float  #: of any of them
    mean_s: float | None
    chances: list[Chance]


@vanity.command(
    example="xwhep vanity difficulty 1LoVE --rate 2e6\n"
    "xwhep vanity difficulty --patterns words.txt --ignore-case\n"
    "xwhep vanity difficulty 0xC0ffee --suffix Fee"
)
@click.argument("texts", metavar="[PATTERN]...", nargs=-1)
@pattern_options
@click.option("--rate", "keys_per_s", type=click.FloatRange(min=0, min_open=True), help="Keys per second, for times.")
@json_option
def difficulty(texts: tuple[str, ...], *, keys_per_s: float | None, as_json: bool, **how: Any) -> None:
    """Show how many keys a search tries on average, and how long that takes at a rate. Asks nobody.

    With many patterns, any of them ends the search.
    """
    _, wanted = read_wish(texts, **how)
    show(_difficulty(wanted, keys_per_s), describe_difficulty(wanted, keys_per_s), as_json=as_json)


def _difficulty(wanted: Wanted, keys_per_s: float | None) -> Difficulty:
    def seconds(keys: float) -> float | None:
        return None if keys_per_s is None else keys / keys_per_s

    after = {chance: keys_for(wanted.difficulty, chance) for chance in CHANCES}
    return Difficulty(
        forms=list(wanted.forms),
        network=wanted.network,
        patterns=[
            PatternDifficulty(pattern=one.text, form=one.form, difficulty=float(one.difficulty))
            for one in wanted.wishes
        ],
        difficulty=float(wanted.difficulty),
        mean_s=seconds(float(wanted.difficulty)),
        chances=[Chance(probability=chance, keys=keys, seconds=seconds(keys)) for chance, keys in after.items()],
    )


class MadeKey(BaseModel):
    """What `keygen` prints."""

    public_key: str
    key_file: Path


@vanity.command("keygen", example="xwhep vanity keygen --key-file my.key")
@click.option("--key-file", type=KEY_FILE, required=True, help="The new file for the secret.")
@json_option
def keygen_command(*, key_file: Path, as_json: bool) -> None:
    """Make a fresh part of a key: the secret goes into a new file, the public key is printed. Asks nobody.

    A key serves one search.
    """
    part = _fresh_part(key_file)
    show(MadeKey(public_key=part.public_key, key_file=key_file), part.public_key, as_json=as_json)


def _fresh_part(path: Path) -> PartKey:
    part = fresh_part()
    write_part(path, part)
    return part


@dataclass(frozen=True, slots=True)
class Order:
    """What to search for, and with which key: one that is given, or a fresh one."""

    wish: WishFields
    wanted: Wanted
    plain: bool
    public_key: str | None
    key_file: Path | None


class SearchedAddress(FoundAddress):
    """What `search` prints."""

    batch_uid: UUID
    public_key: str
    difficulty: float
    keys_tried: int


@vanity.command(
    example="xwhep vanity search 1LoVE\n"
    "xwhep vanity search bc1qfun --ignore-case\n"
    "xwhep vanity search 0xc0ffee\n"
    "xwhep vanity search 1Lo --suffix VE\n"
    "xwhep vanity search --regex '1LoV[Ee].*[0-9]$'\n"
    "xwhep vanity search --patterns words.txt --public-key 02ab... --no-wait"
)
@click.argument("texts", metavar="[PATTERN]...", nargs=-1)
@pattern_options
@click.option("--plain", is_flag=True, help="Try fewer keys: those that tools which add two keys can combine.")
@click.option("--public-key", metavar="HEX", help="A public key of `keygen`, in place of a fresh key made here.")
@click.option("--key-file", type=KEY_FILE, help="The new file for the fresh key; by default in the home folder.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Stay until the address is found.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Stay no longer than so many seconds.")
@json_option
def search(texts: tuple[str, ...], *, public_key: str | None, key_file: Path | None, plain: bool, **how: Any) -> None:
    """Let the grid search for an address that begins with PATTERN or any of many, ends so, or matches all along.

    A fresh key is made here first. Its secret stays in a file that only you can read; the grid gets the public key, and
    what it finds is of use to you alone. The private key is then written into a file beside, and the address printed.
    """
    if public_key is not None and key_file is not None:
        raise click.UsageError("--key-file is for a fresh key: give it without --public-key")
    given = None if public_key is None else encode(parse_public_key(public_key)).hex()
    wish, wanted = read_wish(texts, **{name: how.pop(name) for name in OPTIONS})
    _search(Order(wish, wanted, plain, given, key_file), **how)


@on_grid
async def _search(client: OwnerClient, order: Order, *, wait: bool, timeout: float | None, as_json: bool) -> None:  # noqa: ASYNC109 - the option's name
    await client.whoami()  # a dispatcher that is away is found out before a key is made
    uid = REAL.new_uid()
    path = order.key_file or key_path(str(uid))
    part = _fresh_part(path) if order.public_key is None else None
    public_key = part.public_key if part is not None else str(order.public_key)
    batch = await _submit(client, uid, order, public_key, forget=None if part is None else path)
    go_on = _how_to_go_on(uid, order.key_file)
    if not wait:
        show(batch, str(uid), as_json=as_json)
        remark(go_on)
        return
    ended = await _watch(client, uid, timeout, go_on)
    searched = search_of(ended)
    if searched is None or searched.result is None:
        raise NoResultError(uid, ended.status)
    hit = read_hit(searched.result, plain=order.plain)
    summand = hit if order.plain else None
    if part is not None:
        found = finished_address(finish(part, hit, order.wanted, path.parent), summand=summand)
    else:
        found = found_address(find(parse_public_key(public_key), hit, order.wanted), summand=summand)
    tell(_searched(uid, searched, found, public_key), as_json=as_json)


async def _submit(client: OwnerClient, uid: UUID, order: Order, public_key: str, *, forget: Path | None) -> BatchView:
    """Submit the search; the file of a key that the dispatcher refused is removed."""
    try:
        batch = await client.submit_batch(_request(uid, order, public_key))
    except UnavailableError:
        raise  # it may have got the request: the secret is kept
    except XwhepError:
        if forget is not None:
            await asyncio.to_thread(forget.unlink, missing_ok=True)
        raise
    wanted = order.wanted
    remark(f"search {uid} for {wanted}: one key in {amount(float(wanted.difficulty))} matches")
    return batch


def _request(uid: UUID, order: Order, public_key: str) -> SubmitSearch:
    kind = "vanity"  # a name has few characters to choose from, and a pattern more
    return SubmitSearch(uid=uid, name=kind, plain=order.plain, public_key=public_key, **order.wish.model_dump())


async def _watch(client: OwnerClient, uid: UUID, timeout_s: float | None, go_on: str) -> BatchView:
    """Return the search once it has ended; say how to go on when nobody waits any longer."""
    try:
        async with client.world.timeout(timeout_s):
            with described_bar("searching") as advance:
                return await batch_ended(client, uid, _reporter(advance))
    except TimeoutError:
        remark(go_on)
        click.get_current_context().exit(REFUSED)
    except asyncio.CancelledError:  # Ctrl-C
        remark(f"\n{go_on}")
        raise


def _reporter(advance: Callable[[float, str], None]) -> Callable[[BatchView], None]:
    """Return what shows how a search goes: a bar, and once, when its rate is first known, how long it may take."""
    say = remark_once()

    def report(batch: BatchView) -> None:
        search = search_of(batch)
        if search is None:
            return
        if search.keys_per_s > 0:
            say(f"hosts at work: {search.hosts}, {expectation(search.difficulty, search.keys_per_s)}")
        advance(*search_progress(search))

    return report


def _how_to_go_on(uid: UUID, key_file: Path | None) -> str:
    file = "" if key_file is None else f" --key-file {key_file}"
    return (
        f"the search goes on; watch it: xwhep batches wait {uid}\n"
        f"get the address: xwhep vanity combine {uid}{file}\n"
        f"give it up: xwhep batches cancel {uid}"
    )


def _searched(uid: UUID, search: SearchView, found: FoundAddress, public_key: str) -> SearchedAddress:
    return SearchedAddress(
        **found.model_dump(),
        batch_uid=uid,
        public_key=public_key,
        difficulty=search.difficulty,
        keys_tried=search.keys_tried,
    )
