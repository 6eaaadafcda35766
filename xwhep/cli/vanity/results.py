"""`xwhep vanity combine` and `verify`: what a search has found, made into a key, or checked without one.

Nothing that the dispatcher says is believed: the address is computed again from the public key, or from the secret.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from pydantic import BaseModel

from xwhep.cli.on_grid import on_grid
from xwhep.cli.vanity.wanted import OPTIONS, pattern_options, read_wish
from xwhep.client.owner import OwnerClient
from xwhep.errors.jobs import FalseResultError, NoResultError
from xwhep.ids import parse_uid
from xwhep.secp256k1 import Point, encode
from xwhep.terminal.shell import Command, Split, json_option, remark, show
from xwhep.vanity import requester
from xwhep.vanity.addresses import Form
from xwhep.vanity.hit_fields import hit_fields
from xwhep.vanity.key_files import PartKey, key_folder, key_path, parse_secret, part_key, read_part
from xwhep.vanity.messages import HitView, SearchView
from xwhep.vanity.messages import search_of as progress_of_search
from xwhep.vanity.requester import Finished, finish, parse_public_key, read_hit, verify_address
from xwhep.vanity.split_key import Hit
from xwhep.vanity.wanted import Found

SECRET_VARIABLE = "XWHEP_SECRET"  # noqa: S105 - the name of a variable


class AddressFields(BaseModel):
    """What there is to say of an address that was found."""

    address: str
    form: Form
    patterns: list[str]  #: those of the wanted texts that the address matches, the longest first
    key_file: Path | None  #: where the private key is; None when the secret is elsewhere


class FoundAddress(AddressFields):
    """What `combine` and `search` print."""

    s: str | None = None  #: of a plain search: what is added to the secret, 32 bytes in hexadecimal digits


class VerifiedAddress(BaseModel):
    """What `verify` prints."""

    address: str
    public_key: str
    verified: bool


def found_address(found: Found, *, key_file: Path | None = None, summand: Hit | None = None) -> FoundAddress:
    """Return what there is to print of an address; `summand` is the hit of a plain search."""
    s = None if summand is None else hit_fields(summand)["s"]
    return FoundAddress(address=found.address, form=found.form, patterns=list(found.texts), key_file=key_file, s=s)


def finished_address(finished: Finished, *, summand: Hit | None = None) -> FoundAddress:
    """Return what there is to print of an address whose private key was made."""
    return found_address(finished.found, key_file=finished.key_file, summand=summand)


async def search_of(client: OwnerClient, uid: UUID) -> tuple[SearchView, HitView]:
    """Return a search that has found something, and what.

    Raises:
        NoResultError: it is no search, or has found nothing.
    """
    batch = await client.batch(uid)
    search = progress_of_search(batch)
    if search is None or search.result is None:
        raise NoResultError(uid, batch.status)
    return search, search.result


def hit_options(command: Any) -> Any:
    """Add the options by which a result is given by hand."""
    for option in (
        click.option("--sign", type=click.Choice(["1", "-1"]), help="The result's sign."),
        click.option("--e", type=click.IntRange(0, 2), help="The result's e."),
        click.option("--s", metavar="HEX", type=Split(parse_secret), help="The result's s, 64 digits."),
    ):
        command = option(command)
    return command


def given_hit(s: int | None, e: int | None, sign: str | None) -> Hit:
    """Return the hit that was given by hand.

    Raises:
        click.UsageError: a part of it is missing.
    """
    if s is None or e is None or sign is None:
        raise click.UsageError("without a BATCH, give --s, --e and --sign")
    return Hit(s, e, int(sign))


def read_secret(key_file: Path | None, batch: UUID | None) -> PartKey:
    """Return the requester's part: from a file, the environment, where `search` put it, or a prompt."""
    if key_file is not None:
        return read_part(key_file)
    secret = os.environ.get(SECRET_VARIABLE)
    if secret is None and batch is not None and key_path(str(batch)).exists():
        return read_part(key_path(str(batch)))
    return part_key(parse_secret(secret or click.prompt("Secret, 64 hexadecimal digits", hide_input=True)))


@click.command(
    "combine",
    cls=Command,
    example="xwhep vanity combine 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d\n"
    "xwhep vanity combine --key-file my.key --pattern 1LoVE --s 5f...e1 --e 1 --sign -1\n"
    "xwhep vanity combine --key-file my.key --pattern 1Lo --suffix VE --s 5f...e1 --e 0 --sign 1",
)
@click.argument("batch", type=click.UUID, required=False)
@click.option("--key-file", type=click.Path(dir_okay=False, path_type=Path), help="The file with your part of the key.")
@click.option("--pattern", "texts", metavar="TEXT", multiple=True, help="Without BATCH: what was searched for.")
@pattern_options
@hit_options
@click.option("--output", "folder", type=click.Path(file_okay=False, path_type=Path), help="Where the key file goes.")
@json_option
def combine_command(batch: UUID | None, *, key_file: Path | None, as_json: bool, **given: Any) -> None:
    """Combine your part of the key with the result of a search.

    Writes the private key and its address into a file that only you can read, and prints the address. Your part is
    read from --key-file, from the environment variable XWHEP_SECRET, from where `search` put it, or asked for. With
    the result given by hand in place of BATCH, no dispatcher is asked.
    """
    folder = given["folder"] or key_folder()
    if batch is not None:
        _combine_batch(batch, read_secret(key_file, batch), folder, as_json=as_json)
        return
    hit = given_hit(given["s"], given["e"], given["sign"])
    _, wanted = read_wish(given["texts"], **{name: given[name] for name in OPTIONS})
    finished = finish(read_secret(key_file, None), hit, wanted, folder)
    tell(finished_address(finished, summand=hit if hit.is_plain else None), as_json=as_json)


@on_grid
async def _combine_batch(client: OwnerClient, uid: UUID, part: PartKey, folder: Path, *, as_json: bool) -> None:
    search, result = await search_of(client, uid)
    if search.public_key != part.public_key:
        raise FalseResultError("the search was for another public key than that of the secret")
    hit = read_hit(result, plain=search.plain)
    finished = finish(part, hit, search.wanted(), folder)
    tell(finished_address(finished, summand=hit if search.plain else None), as_json=as_json)


def tell(found: FoundAddress, *, as_json: bool) -> None:
    """Print an address, and say where its private key is."""
    show(found, found.address, as_json=as_json)
    if found.key_file is not None:
        remark(f"the private key is in {found.key_file}")
    else:
        remark("make the private key with `xwhep vanity combine`, where the secret is")
    if found.s is not None:
        remark(f"the private key is the secret plus {found.s}, modulo the order of secp256k1")


@click.command(
    "verify",
    cls=Command,
    example="xwhep vanity verify 0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d --public-key 02ab...\n"
    "xwhep vanity verify 1LoVE... --public-key 02ab... --s 5f...e1 --e 1 --sign -1",
)
@click.argument("what", metavar="ADDRESS|BATCH")
@click.option("--public-key", metavar="HEX", help="The requester's public key; for a BATCH, by default the search's.")
@click.option("--form", type=click.Choice(["p2pkh-uncompressed"]), help="An ADDRESS of an uncompressed key.")
@hit_options
@json_option
def verify(what: str, *, public_key: str | None, as_json: bool, **given: Any) -> None:
    """Check that a result stands for a public key. No secret is needed.

    Who has the secret of the public key, and nobody else, can make the private key of the address.
    """
    point = None if public_key is None else parse_public_key(public_key)
    if "-" in what:
        _verify_batch(parse_uid(what), point, as_json=as_json)
        return
    if point is None:
        raise click.UsageError("with an ADDRESS, give --public-key")
    hit = given_hit(given["s"], given["e"], given["sign"])
    _tell_verified(point, verify_address(point, hit, what, uncompressed=given["form"] is not None), as_json=as_json)


@on_grid
async def _verify_batch(client: OwnerClient, uid: UUID, point: Point | None, *, as_json: bool) -> None:
    search, result = await search_of(client, uid)
    point = point or parse_public_key(search.public_key)
    found = requester.verify(point, read_hit(result, plain=search.plain), search.wanted(), result.address)
    _tell_verified(point, found.address, as_json=as_json)


def _tell_verified(point: Point, written: str, *, as_json: bool) -> None:
    view = VerifiedAddress(address=written, public_key=encode(point).hex(), verified=True)
    show(view, f"{written} stands for the public key {view.public_key}", as_json=as_json)
