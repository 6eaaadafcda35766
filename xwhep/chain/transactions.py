"""Transactions: signed here, given to a node, waited for. The oracle keeps its own order and uses `sign` alone."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from xwhep.chain.accounts import Account
from xwhep.chain.node import Node
from xwhep.chain.values import Call, Receipt, Sent, ether_text
from xwhep.errors.chain import (
    ChainRefusedError,
    NodeUnavailableError,
    NoEtherError,
    NonceTakenError,
    TransactionFailedError,
    TransactionPendingError,
)
from xwhep.world import REAL, World

_TIMEOUT_S: Final = 300.0
_FIRST_POLL_S: Final = 0.1
_LAST_POLL_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction that any node takes as it is."""

    hash: bytes
    raw: bytes = field(repr=False)
    nonce: int
    gas: int
    max_fee_wei: int  #: for each gas, tip included
    tip_wei: int


def sign(  # noqa: PLR0913 - a transaction's own fields
    account: Account, call: Call, *, chain_id: int, nonce: int, gas: int, max_fee_wei: int, tip_wei: int
) -> SignedTransaction:
    """Return a signed transaction of type 2. Source: EIP-1559."""
    fields = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "gas": gas,
        "maxFeePerGas": max_fee_wei,
        "maxPriorityFeePerGas": tip_wei,
        "value": call.value,
        "data": "0x" + call.data.hex(),
    }
    signed = account.sign(fields if call.to is None else fields | {"to": call.to})
    return SignedTransaction(bytes(signed.hash), bytes(signed.raw_transaction), nonce, gas, max_fee_wei, tip_wei)


async def prepare(node: Node, account: Account, call: Call) -> SignedTransaction:
    """Return a call as a transaction that the account can pay for, at what gas costs at present.

    Raises:
        ChainRefusedError: it would be reverted.
        NoEtherError: the account cannot pay for it.
        NodeUnavailableError: the node is of no use.
    """
    gas = await node.estimate(call, account.address) * 12 // 10  # what changes meanwhile may cost more
    fees = await node.fees()
    max_fee_wei = 2 * fees.base_wei + fees.tip_wei  # enough for some six blocks, each full
    needed = gas * max_fee_wei + call.value
    if await node.balance(account.address) < needed:
        raise NoEtherError(account.address, ether_text(needed))
    nonce = await node.next_nonce(account.address, pending=True)
    chain_id = await node.chain_id()
    return sign(account, call, chain_id=chain_id, nonce=nonce, gas=gas, max_fee_wei=max_fee_wei, tip_wei=fees.tip_wei)


async def perform(
    node: Node,
    account: Account,
    call: Call,
    *,
    sending: Callable[[SignedTransaction], None] = lambda _: None,
    timeout_s: float = _TIMEOUT_S,
    world: World = REAL,
) -> Receipt:
    """Send a transaction and return its receipt once it is in a block, with success.

    `sending` is called before the node gets the transaction: from then on it may come into a block whatever happens
    here, and whatever the node says.

    Raises:
        ChainRefusedError: it would be reverted.
        NoEtherError: the account cannot pay for it.
        NonceTakenError: another transaction of the account came first; the node says that it did not take this one.
        TransactionFailedError: it is in a block, and was reverted there.
        TransactionPendingError: it was sent, and is in no block yet.
        NodeUnavailableError: the node is of no use; nothing was sent.
    """
    transaction = await prepare(node, account, call)
    sending(transaction)
    try:
        async with world.timeout(timeout_s):
            receipt = await _carry(node, account, transaction, world)
    except TimeoutError as error:
        raise TransactionPendingError("0x" + transaction.hash.hex(), timeout_s) from error
    if not receipt.succeeded:
        raise TransactionFailedError("0x" + transaction.hash.hex())
    return receipt


async def _carry(node: Node, account: Account, transaction: SignedTransaction, world: World) -> Receipt:
    """Give a transaction to the node and return its receipt; wait for a node that goes away meanwhile.

    Raises:
        NonceTakenError, NoEtherError, ChainRefusedError: the node refuses it at the first try. After that a refusal may
            be the echo of a success that was not heard.
    """
    taken = False
    for tries in itertools.count():
        with contextlib.suppress(NodeUnavailableError):
            try:
                taken = taken or await _is_taken(node, account, transaction)
            except (NonceTakenError, NoEtherError, ChainRefusedError):
                if tries == 0:
                    raise
            if (receipt := await node.receipt(transaction.hash)) is not None:
                return receipt
        await world.sleep(min(_FIRST_POLL_S * 1.5 ** min(tries, 20), _LAST_POLL_S))
    raise AssertionError("counting has no end")


async def _is_taken(node: Node, account: Account, transaction: SignedTransaction) -> bool:
    if await node.send_raw(transaction.raw) in {Sent.NONCE_TOO_LOW, Sent.UNDERPRICED}:
        raise NonceTakenError(account.address, transaction.nonce)
    return True
