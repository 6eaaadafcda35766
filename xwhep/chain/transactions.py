"""Transactions: signed here, given to a node, waited for."""

from __future__ import annotations

from dataclasses import dataclass, field

from xwhep.chain.accounts import Account
from xwhep.chain.node import Node
from xwhep.chain.values import Call, Receipt


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction that any node takes as it is."""

    hash: bytes
    raw: bytes = field(repr=False)
    nonce: int
    gas: int
    max_fee_wei: int  #: for each gas, tip included
    tip_wei: int


@dataclass(frozen=True, slots=True)
class Terms:
    """Where in the sender's order a transaction stands, and what it may cost."""

    nonce: int
    gas: int
    max_fee_wei: int
    tip_wei: int


def sign(account: Account, call: Call, *, chain_id: int, terms: Terms) -> SignedTransaction:
    """Return a signed transaction of type 2. Source: EIP-1559."""
    raise NotImplementedError


async def perform(node: Node, account: Account, call: Call, *, timeout_s: float = 180.0) -> Receipt:
    """Send a transaction and return its receipt once it is in a block, with success.

    Raises:
        ChainRefusedError: it would be reverted; nothing was sent.
        NoEtherError: the account cannot pay for it; nothing was sent.
        NonceTakenError: another transaction of the account waits.
        TransactionFailedError: it is in a block, and was reverted there.
        TransactionPendingError: it was sent, and is in no block yet.
        NodeUnavailableError: the node went away.
    """
    raise NotImplementedError
