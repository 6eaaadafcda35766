"""`xwhep tasks submit`: ask for a Task and pay for it, in one transaction.

All that can be checked is checked before anything is paid, and what will be paid is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click
from pydantic import BaseModel

from xwhep.chain.parameters import MAX_PATTERN, MAX_TEXT, encode_vanity_order
from xwhep.chain.values import NOBODY, Address, ether_text, rlc_text
from xwhep.cli.deadlines import parse_deadline
from xwhep.cli.on_chain import account_options, contracts_options, on_chain, open_account, send, settings_of
from xwhep.cli.task_keys import first_path, fresh_task_part, rename
from xwhep.errors.chain import DeploymentFileError, NodeUnavailableError, NoRlcError
from xwhep.errors.requests import InvalidFieldError, TooLargeError
from xwhep.terminal.display import amount, facts, moment
from xwhep.terminal.shell import Group, json_option, remark, show
from xwhep.vanity.errors import PatternError
from xwhep.vanity.key_files import write_part
from xwhep.vanity.patterns import Pattern, parse_pattern
from xwhep.vanity.requester import point_of
from xwhep.world import REAL

if TYPE_CHECKING:
    from xwhep.chain.accounts import Account
    from xwhep.chain.hub import Hub

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


class SubmittedView(BaseModel):
    """What `submit` prints."""

    task_id: int
    app: str
    requester: Address
    price: int  #: in units of 10^-9 RLC
    deadline: datetime
    tx_hash: str
    block: int
    gas_used: int
    public_key: str | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of which dapp's contract."""

    app: str
    contract: str
    data: bytes
    deadline: datetime
    about: tuple[tuple[str, object], ...]  #: what is shown before it is paid


@click.group(cls=Group)
def submit() -> None:
    """Ask for a Task and pay for it in RLC: the price is held until the Task is done, and comes back if it is not."""


def _order_options(command: FunctionT) -> FunctionT:
    """Add what every order takes."""
    command = click.option(
        "--deadline",
        default="1h",
        show_default=True,
        help="Until when it must be done: 30m, 1h, 2d, or a time in ISO 8601. After it the price can be had back.",
    )(command)
    return contracts_options(account_options(command))


@submit.command(example="xwhep tasks submit vanity 1LoVE --deadline 2h")
@click.argument("pattern")
@click.option("--key-file", type=click.Path(dir_okay=False, path_type=Path), help="The new file for the fresh key.")
@_order_options
@json_option
def vanity(pattern: str, *, key_file: Path | None, deadline: str, as_json: bool, **options: Any) -> None:
    """Ask for a Bitcoin address that begins with PATTERN.

    A fresh key is made here first, and stored before anything is paid. Its secret stays in that file; the chain gets
    the public key, and what is found is of use to you alone.
    """
    wanted = parse_pattern(pattern)
    if not 2 <= len(pattern) <= MAX_PATTERN:
        raise PatternError(pattern, f"the contract takes 2 to {MAX_PATTERN} letters")
    until = parse_deadline(deadline, REAL.now())
    settings = settings_of(options)
    _submit_vanity(settings, open_account(settings), wanted, until, key_file, as_json=as_json)


@on_chain
async def _submit_vanity(
    hub: Hub, account: Account, pattern: Pattern, until: datetime, key_file: Path | None, *, as_json: bool
) -> None:
    part = fresh_task_part()
    about = (("pattern", pattern.text), ("difficulty", f"{amount(float(pattern.difficulty))} keys on average"))
    order = Order("vanity", "VanityTask", encode_vanity_order(pattern.text, *point_of(part)), until, about)
    price = await _check(hub, account, order)
    stored = key_file or first_path(part, account.address, pattern.text)

    def store() -> None:
        write_part(stored, part)
        remark(f"your part of the key is in {stored}; keep it until the task has ended")

    view = await _pay(hub, account, order, price, first=store)
    named = rename(stored, part, view.task_id) if key_file is None else stored
    _tell(view.model_copy(update={"public_key": part.public_key, "key_file": named}), as_json=as_json)


@submit.command(example="xwhep tasks submit wordcount story.txt --deadline 30m")
@click.argument("file", type=click.File("rb"))
@_order_options
@json_option
def wordcount(file: BinaryIO, *, deadline: str, as_json: bool, **options: Any) -> None:
    """Have the words of FILE counted, which is up to 2,048 bytes; `-` reads standard input. Everybody can read it."""
    text = file.read(MAX_TEXT + 1)
    if len(text) > MAX_TEXT:
        raise TooLargeError("the text", MAX_TEXT)
    if not text:
        raise InvalidFieldError("file", "there is no text in it")
    until = parse_deadline(deadline, REAL.now())
    settings = settings_of(options)
    order = Order("wordcount", "WordcountTask", text, until, (("text", f"{len(text)} bytes"),))
    _submit(settings, open_account(settings), order, as_json=as_json)


@on_chain
async def _submit(hub: Hub, account: Account, order: Order, *, as_json: bool) -> None:
    price = await _check(hub, account, order)
    _tell(await _pay(hub, account, order, price), as_json=as_json)


async def _check(hub: Hub, account: Account, order: Order) -> int:
    """Show what will be paid, and return the price in units of 10^-9 RLC.

    Raises:
        NoRlcError: the account has less than that.
    """
    price = await _price(hub, order.app)
    balance = await hub.rlc_balance(account.address)
    ether = await hub.node.balance(account.address)
    remark(
        facts(
            [
                ("task", order.app),
                *order.about,
                ("price", rlc_text(price)),
                ("account", account.address),
                ("it has", f"{rlc_text(balance)}, {ether_text(ether)} for gas"),
                ("deadline", moment(order.deadline, REAL.now())),
                ("then", f"the hub {hub.deployment.hub} holds the price: the provider's once done, else yours again"),
            ]
        )
    )
    if balance < price:
        raise NoRlcError(account.address, rlc_text(price), rlc_text(balance))
    return price


async def _price(hub: Hub, app: str) -> int:
    terms = await hub.app(hub.deployment.app(app))
    if terms.provider == NOBODY:
        raise DeploymentFileError("", f"the hub has no app with the number that it gives for {app}")
    return terms.price


async def _pay(
    hub: Hub, account: Account, order: Order, price: int, *, first: Callable[[], None] = lambda: None
) -> SubmittedView:
    call = hub.order(order.contract, price, order.data, int(order.deadline.timestamp()))
    receipt = await send(hub, account, call, first=first)
    task = hub.submitted(receipt)
    if task is None:
        raise NodeUnavailableError(hub.node.url, "it shows no task in the block of the transaction that paid for one")
    return SubmittedView(
        task_id=task.id,
        app=order.app,
        requester=task.requester,
        price=task.price,
        deadline=datetime.fromtimestamp(task.deadline, UTC),
        tx_hash="0x" + receipt.transaction_hash.hex(),
        block=receipt.block_number,
        gas_used=receipt.gas_used,
    )


def _tell(view: SubmittedView, *, as_json: bool) -> None:
    show(view, str(view.task_id), as_json=as_json)
    remark(f"watch it: xwhep tasks watch {view.task_id}")
