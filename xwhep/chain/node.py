"""One JSON-RPC node of a chain, and the values that it serves. The node is not trusted: see `transport`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from xwhep.chain.values import Address, Block, Call, Fees, Log, Receipt, Sent

_TIMEOUT_S = 20.0


class Node:
    """A node; every method raises `NodeUnavailableError` for what a later try may cure."""

    url: str  #: without credentials, path and query: fit to be shown

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str, *, timeout_s: float = _TIMEOUT_S) -> AsyncIterator[Node]:
        """Yield a node; nothing is asked yet.

        Raises:
            InvalidFieldError: this is no URL of a node.
        """
        raise NotImplementedError(url, timeout_s)
        yield cls()  # type: ignore[unreachable] # what makes a generator of it

    async def chain_id(self) -> int:
        """Return the chain's id. Source: EIP-155."""
        raise NotImplementedError

    async def genesis_hash(self) -> bytes:
        """Return the hash of block 0."""
        raise NotImplementedError

    async def head(self) -> int:
        """Return the number of the newest block."""
        raise NotImplementedError

    async def finalized(self) -> int:
        """Return the number of the newest finalized block; 0 where the chain has none yet."""
        raise NotImplementedError

    async def block(self, number: int) -> Block | None:
        """Return the block with this number; None when there is none yet."""
        raise NotImplementedError

    async def logs(self, address: Address, topics: Sequence[bytes], first: int, last: int) -> list[Log]:
        """Return a contract's events of these kinds in blocks `first` to `last`, both included, in chain order."""
        raise NotImplementedError

    async def balance(self, address: Address) -> int:
        """Return an account's ether, in wei."""
        raise NotImplementedError

    async def next_nonce(self, address: Address) -> int:
        """Return the number of an account's transactions that are in blocks: the nonce of the next."""
        raise NotImplementedError

    async def code(self, address: Address) -> bytes:
        """Return a contract's code; empty where there is none."""
        raise NotImplementedError

    async def fees(self) -> Fees:
        """Return what gas costs at present."""
        raise NotImplementedError

    async def estimate(self, call: Call, sender: Address) -> int:
        """Return how much gas a transaction would use.

        Raises:
            ChainRefusedError: it would be reverted; with the contract's error and its arguments.
            NoEtherError: the sender cannot pay for it.
        """
        raise NotImplementedError

    async def call(self, call: Call, sender: Address | None = None) -> bytes:
        """Return what a contract answers, without a transaction.

        Raises:
            ChainRefusedError: it reverts.
        """
        raise NotImplementedError

    async def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """Return what became of a transaction; None while it is in no block."""
        raise NotImplementedError

    async def send_raw(self, raw: bytes, sender: Address) -> Sent:
        """Give a signed transaction to the node; sending it again is harmless.

        Raises:
            NoEtherError: the sender cannot pay for it.
            ChainRefusedError: the node refuses it for another reason.
        """
        raise NotImplementedError
