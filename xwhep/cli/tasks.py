"""`xwhep tasks`: ask a grid for work through an Ethereum chain, pay in RLC, and get the result or the price back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from pydantic import BaseModel

from xwhep.chain.values import Address, TaskState, TaskStatus, rlc_text
from xwhep.cli.on_chain import (
    account_options,
    contracts_options,
    on_chain,
    open_account,
    read_password,
    send,
    settings_of,
)
from xwhep.cli.task_orders import submit
from xwhep.cli.task_views import callback_of, describe, view_of, with_result
from xwhep.cli.task_watch import settled
from xwhep.errors.chain import NoSuchTaskError, NotRefundableYetError, TaskSettledError
from xwhep.terminal.display import moment
from xwhep.terminal.shell import REFUSED, Group, json_option, remark, show
from xwhep.world import REAL

if TYPE_CHECKING:
    from xwhep.chain.accounts import Account
    from xwhep.chain.hub import Hub

_NUMBER: Final = click.IntRange(1, 2**63 - 1)
_KEY_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Group)
def tasks() -> None:
    """Ask a grid for work through an Ethereum chain, and pay for it in RLC."""


tasks.add_command(submit)


class NewAccount(BaseModel):
    """What `init` prints."""

    address: Address
    keystore: Path


@tasks.command(example="xwhep tasks init\nxwhep tasks init --keystore my.json --password-file secret.txt")
@account_options
@json_option
def init(*, as_json: bool, **options: Any) -> None:
    """Make an account: its key goes into a new keystore file under a password, its address is printed. Asks nobody.

    Who loses the file or the password loses what the account has.
    """
    settings = settings_of(options)
    from xwhep.chain.accounts import create_keystore, refuse_existing  # libraries of an extra

    path = settings.keystore_file
    refuse_existing(path)  # before somebody types a password in vain
    address = create_keystore(path, read_password(path, settings.password_file, confirm=True))
    show(NewAccount(address=address, keystore=path), address, as_json=as_json)
    remark(f"its key is in {path}; send the account ether for gas, and RLC")


@tasks.command(example="xwhep tasks watch 3")
@click.argument("number", metavar="ID", type=_NUMBER)
@click.option("--key-file", type=_KEY_FILE, help="Your part of the key, where `submit` was given --key-file.")
@contracts_options
@json_option
def watch(number: int, *, key_file: Path | None, as_json: bool, **options: Any) -> None:
    """Wait until a Task is settled and confirmed, check its result, and make the private key of an address found."""
    _watch(settings_of(options), number, key_file, as_json=as_json)


@on_chain
async def _watch(hub: Hub, number: int, key_file: Path | None, *, as_json: bool) -> None:
    state, events = await settled(hub, number)
    view = view_of(hub, number, state, events).model_copy(
        update={"confirmed": True, "callback": await callback_of(hub, state, events)}
    )
    view = with_result(view, events, key_file, combine=True)
    text = view.address or (None if view.report is None else describe(view, REAL.now()))
    show(view, text or describe(view, REAL.now()), as_json=as_json)
    if view.key_file is not None:
        remark(f"the private key is in {view.key_file}")
    elif view.address is not None:
        remark("your part of the key is not here: watch the task where you submitted it, or give --key-file")
    if view.status is not TaskStatus.DONE:
        remark(f"its price is {view.requester}'s again: take it out with `xwhep tasks withdraw`")
        click.get_current_context().exit(REFUSED)


@tasks.command("show", example="xwhep tasks show 3 --json")
@click.argument("number", metavar="ID", type=_NUMBER)
@contracts_options
@json_option
def show_command(number: int, *, as_json: bool, **options: Any) -> None:
    """Show a Task as it stands now. Its result is checked; no key is made."""
    _show(settings_of(options), number, as_json=as_json)


@on_chain
async def _show(hub: Hub, number: int, *, as_json: bool) -> None:
    state = await _task(hub, number)
    head = await hub.node.head()
    events = await hub.history(number, head)
    view = view_of(hub, number, state, events)
    confirmed = bool(events) and events[-1].position.block_number <= head - hub.deployment.confirmations
    told = {"confirmed": confirmed, "callback": await callback_of(hub, state, events)}
    view = with_result(view.model_copy(update=told), events, None, combine=False)
    show(view, describe(view, REAL.now()), as_json=as_json)


class Paid(BaseModel):
    """What `refund` and `withdraw` print."""

    account: Address
    amount: int  #: in units of 10^-9 RLC
    tx_hash: str
    gas_used: int
    task_id: int | None = None


@tasks.command(example="xwhep tasks refund 3")
@click.argument("number", metavar="ID", type=_NUMBER)
@contracts_options
@account_options
@json_option
def refund(number: int, *, as_json: bool, **options: Any) -> None:
    """Give the price of a Task that was not done before its deadline back to who asked for it; anybody may do that."""
    settings = settings_of(options)
    _refund(settings, open_account(settings), number, as_json=as_json)


@on_chain
async def _refund(hub: Hub, account: Account, number: int, *, as_json: bool) -> None:
    state = await _task(hub, number)
    if state.status.is_final:
        raise TaskSettledError(number, state.status)
    newest = await hub.node.block(await hub.node.head())
    if newest is not None and newest.timestamp <= state.deadline:
        raise NotRefundableYetError(number, moment(datetime.fromtimestamp(state.deadline, UTC), REAL.now()))
    before = await hub.credit(state.requester)
    receipt = await send(hub, account, hub.refund(number))
    paid = Paid(
        account=state.requester,
        amount=await hub.credit(state.requester) - before,
        tx_hash="0x" + receipt.transaction_hash.hex(),
        gas_used=receipt.gas_used,
        task_id=number,
    )
    show(paid, f"task {number} is refunded: {rlc_text(paid.amount)} for {paid.account}", as_json=as_json)
    remark("take it out with `xwhep tasks withdraw`")


@tasks.command(example="xwhep tasks withdraw")
@contracts_options
@account_options
@json_option
def withdraw(*, as_json: bool, **options: Any) -> None:
    """Take out what the hub holds for the account: prices that came back, or were earned."""
    settings = settings_of(options)
    _withdraw(settings, open_account(settings), as_json=as_json)


@on_chain
async def _withdraw(hub: Hub, account: Account, *, as_json: bool) -> None:
    amount = await hub.credit(account.address)
    receipt = await send(hub, account, hub.withdraw(account.address))
    tx_hash = "0x" + receipt.transaction_hash.hex()
    paid = Paid(account=account.address, amount=amount, tx_hash=tx_hash, gas_used=receipt.gas_used)
    show(paid, f"{rlc_text(amount)} for {account.address}", as_json=as_json)


async def _task(hub: Hub, number: int) -> TaskState:
    state = await hub.task(number)
    if state.status is TaskStatus.NONE:
        raise NoSuchTaskError(number, hub.deployment.hub)
    return state
