"""Transactions that wait for a block; what is refused, and how, is geth's way (core/txpool). No clock here."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from eth.abc import SignedTransactionAPI

from xwhep.devchain.json_rpc import SERVER_ERROR, RpcError

#: how many wait at most
MAX_WAITING: Final = 10_000
#: by how many percent both fees of a replacement must be higher
PRICE_BUMP: Final = 10


@dataclass(frozen=True, slots=True)
class Account:
    """What a sender has, after the last block."""

    nonce: int
    balance_wei: int


@dataclass(slots=True)
class Pool:
    """The waiting transactions: for each sender one for each nonce."""

    _waiting: dict[bytes, dict[int, SignedTransactionAPI]] = field(default_factory=dict)
    _by_hash: dict[bytes, SignedTransactionAPI] = field(default_factory=dict)

    def add(self, transaction: SignedTransactionAPI, account: Account, needed_gas: int, gas_limit: int) -> None:
        """Take a transaction whose signature was checked.

        Raises:
            RpcError: it is there already, can never be in a block, or does not pay enough to take another's place.
        """
        if transaction.hash in self._by_hash:
            raise RpcError(SERVER_ERROR, "already known")
        check_valid(transaction, account, needed_gas, gas_limit)
        nonces = self._waiting.setdefault(transaction.sender, {})
        old = nonces.get(transaction.nonce)
        if old is not None and not _outbids(transaction, old):
            raise RpcError(SERVER_ERROR, "replacement transaction underpriced")
        if old is None and len(self._by_hash) >= MAX_WAITING:
            raise RpcError(SERVER_ERROR, "txpool is full")
        if old is not None:
            del self._by_hash[old.hash]
        nonces[transaction.nonce] = self._by_hash[transaction.hash] = transaction

    def get(self, transaction_hash: bytes) -> SignedTransactionAPI | None:
        """Return a transaction that waits; None if it does not."""
        return self._by_hash.get(transaction_hash)

    def next_nonce(self, sender: bytes, mined: int) -> int:
        """Return the first nonce from `mined` on for which no transaction waits."""
        nonces = self._waiting.get(sender, {})
        return next(nonce for nonce in count(mined) if nonce not in nonces)

    def ready(self, nonce_of: Callable[[bytes], int], base_fee_wei: int) -> Iterator[SignedTransactionAPI]:
        """Yield what can go into a block, the highest tip first, a sender's in the order of their nonces.

        `nonce_of` says what a sender's next nonce is at the moment: the next of a sender comes only when the one before
        was put into the block.
        """
        arrival = {transaction_hash: index for index, transaction_hash in enumerate(self._by_hash)}

        def rank(transaction: SignedTransactionAPI) -> tuple[int, int, SignedTransactionAPI]:
            over = int(transaction.max_fee_per_gas) - base_fee_wei
            return -min(over, int(transaction.max_priority_fee_per_gas)), arrival[transaction.hash], transaction

        def next_of(sender: bytes) -> list[SignedTransactionAPI]:
            one = self._waiting.get(sender, {}).get(nonce_of(sender))
            return [one] if one is not None and int(one.max_fee_per_gas) >= base_fee_wei else []

        heap = [rank(one) for sender in self._waiting for one in next_of(sender)]
        heapq.heapify(heap)
        while heap:
            *_, transaction = heapq.heappop(heap)
            yield transaction
            if nonce_of(transaction.sender) > transaction.nonce:
                for one in next_of(transaction.sender):
                    heapq.heappush(heap, rank(one))

    def drop(self, transaction: SignedTransactionAPI) -> None:
        """Forget a transaction."""
        del self._by_hash[transaction.hash]
        nonces = self._waiting[transaction.sender]
        del nonces[transaction.nonce]
        if not nonces:
            del self._waiting[transaction.sender]

    def forget_mined(self, nonce_of: Callable[[bytes], int]) -> None:
        """Forget what can never be in a block, since others with these nonces are, or the very same."""
        mined = {sender: nonce_of(sender) for sender in self._waiting}
        for transaction in [one for one in self._by_hash.values() if one.nonce < mined[one.sender]]:
            self.drop(transaction)


def check_valid(transaction: SignedTransactionAPI, account: Account, needed_gas: int, gas_limit: int) -> None:
    """Check that a transaction can be in some block from now on.

    Raises:
        RpcError: it cannot.
    """
    cost_wei = transaction.value + transaction.gas * int(transaction.max_fee_per_gas)
    if transaction.gas > gas_limit:
        raise RpcError(SERVER_ERROR, "exceeds block gas limit")
    if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
        raise RpcError(SERVER_ERROR, "max priority fee per gas higher than max fee per gas")
    if transaction.gas < needed_gas:
        raise RpcError(SERVER_ERROR, f"intrinsic gas too low: gas {transaction.gas}, minimum needed {needed_gas}")
    if transaction.nonce < account.nonce:
        told = f"next nonce {account.nonce}, tx nonce {transaction.nonce}"
        raise RpcError(SERVER_ERROR, f"nonce too low: {told}")
    if cost_wei > account.balance_wei:
        told = f"balance {account.balance_wei}, tx cost {cost_wei}, overshot {cost_wei - account.balance_wei}"
        raise RpcError(SERVER_ERROR, f"insufficient funds for gas * price + value: {told}")


def _outbids(new: SignedTransactionAPI, old: SignedTransactionAPI) -> bool:
    pairs = [
        (new.max_fee_per_gas, old.max_fee_per_gas),
        (new.max_priority_fee_per_gas, old.max_priority_fee_per_gas),
    ]
    return all(int(more) > int(less) and int(more) * 100 >= int(less) * (100 + PRICE_BUMP) for more, less in pairs)
