"""A node of its own chain: blocks on py-evm, a pool of waiting transactions, and what each method answers.

It does one thing at a time and belongs to one thread. Of all here only the making of blocks reads a clock.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, Final

from eth.abc import SignedTransactionAPI
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from xwhep.devchain import reading
from xwhep.devchain.backend import FUND_WEI
from xwhep.devchain.documents import Document, text, transaction_document
from xwhep.devchain.evm import GAS_LIMIT, Builder, Evm
from xwhep.devchain.fees import TIP_WEI, fee_history
from xwhep.devchain.history import Block, History, remembered, unknown
from xwhep.devchain.json_rpc import INVALID_PARAMS, METHOD_NOT_FOUND, RpcError
from xwhep.devchain.pool import Account, Pool
from xwhep.world import REAL, World

#: how long a block's transactions may run: others wait for the next block, and who asks something need not wait long
WORK_S: Final = 0.5


class LocalNode:
    """The chain and its pool."""

    def __init__(self, fund: Sequence[bytes], world: World = REAL) -> None:
        self._world = world
        self._evm = Evm(fund, FUND_WEI, self._clock_s())
        self._pool = Pool()
        self._history = History([remembered(self._evm.genesis)])
        self._ahead_s = 0  #: how far the chain's clock is before ours
        self._methods: dict[str, Callable[..., Any]] = {
            "eth_accounts": tuple,  # it has none
            "eth_blockNumber": lambda: hex(self._history.head.number),
            "eth_call": self._call,
            "eth_chainId": lambda: hex(self._evm.chain_id),
            "eth_estimateGas": self._estimate,
            "eth_feeHistory": self._fee_history,
            "eth_gasPrice": lambda: hex(self._next_base_fee_wei() + TIP_WEI),
            "eth_getBalance": self._balance,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getBlockByNumber": self._block,
            "eth_getCode": self._code,
            "eth_getLogs": lambda wanted: self._history.logs(reading.at(0, reading.log_filter, wanted)),
            "eth_getStorageAt": self._storage,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionCount": self._nonce,
            "eth_getTransactionReceipt": self._receipt,
            "eth_maxPriorityFeePerGas": lambda: hex(TIP_WEI),
            "eth_sendRawTransaction": self._send,
            "eth_syncing": lambda: False,
            "net_version": lambda: str(self._evm.chain_id),
            "web3_clientVersion": lambda: f"py-evm/v{metadata.version('py-evm')}",
        }

    def answer(self, method: str, params: list[Any]) -> Any:
        """Return a method's result, as JSON has it.

        Raises:
            RpcError: the chain refuses.
        """
        if method not in self._methods:
            raise RpcError(METHOD_NOT_FOUND, f"the method {method} is not available")
        function = self._methods[method]
        try:
            inspect.signature(function).bind(*params)
        except TypeError as error:
            raise RpcError(INVALID_PARAMS, f"{method} takes other parameters: {error}") from error
        return function(*params)

    def mine(self, transactions: Sequence[SignedTransactionAPI] | None = None) -> None:
        """Put a block on top: of what waits, or of these very transactions.

        Raises:
            ValidationError: one of `transactions` is not valid there.
        """
        parent = self._history.head.header
        now = self._clock_s() + self._ahead_s
        builder = self._evm.builder(parent, max(parent.timestamp + 1, now), self._world.token_bytes(32))
        if transactions is None:
            self._fill(builder)
        for transaction in transactions or ():
            builder.add(transaction)
        self._history.append(remembered(*builder.seal()))
        self._pool.forget_mined(self._mined_nonce)

    def advance(self, seconds: int) -> None:
        """Set the chain's clock forward, and make a block to show it."""
        self._ahead_s += seconds
        self.mine()

    def reorganise(self, depth: int, *, again: bool, instead: Sequence[bytes]) -> None:
        """Replace the last blocks by as many others.

        The transactions of the lost blocks come `again`, each in the block at its old height, or are gone. Those of
        `instead` come before them in the first new block.

        Raises:
            ValueError: there are not so many blocks.
            ValidationError: a transaction is not valid any more.
        """
        lost = self._history.rewind(depth)
        first: list[SignedTransactionAPI] = [self._evm.decode(raw) for raw in instead]
        for block in lost:
            self.mine([*first, *(block.signed if again else ())])
            first = []

    def _clock_s(self) -> int:
        return int(self._world.now().timestamp())

    def _fill(self, builder: Builder) -> None:
        until = self._world.monotonic() + WORK_S
        for transaction in self._pool.ready(builder.nonce, builder.base_fee_wei):
            if not builder.fits(transaction) or self._world.monotonic() > until:
                return
            try:
                builder.add(transaction)
            except ValidationError:  # its sender has spent the ether meanwhile
                self._pool.drop(transaction)

    # --- what a block, a transaction or an account is ---

    def _block(self, place: Any, full: Any = False) -> Document | None:  # noqa: FBT002 - a parameter of JSON-RPC
        where = reading.at(0, reading.place, place)
        block = self._history.at(where)
        if block is None:
            return None
        if where == "pending":  # nothing is in it before its time: a block is put together when it is made
            later = {"number": hex(block.number + 1), "parentHash": block.document["hash"], "hash": None, "nonce": None}
            return block.document | later | {"baseFeePerGas": hex(self._next_base_fee_wei()), "transactions": []}
        return block.shown(full=bool(full))

    def _block_by_hash(self, block_hash: Any, full: Any = False) -> Document | None:  # noqa: FBT002 - as above
        block = self._history.at(reading.at(0, _hash, block_hash))
        return block.shown(full=bool(full)) if block else None

    def _transaction(self, transaction_hash: Any) -> Document | None:
        wanted = reading.at(0, _hash, transaction_hash)
        if found := self._history.transaction(wanted):
            return found[0].transactions[found[1]]
        waiting = self._pool.get(wanted)
        return None if waiting is None else transaction_document(waiting, None)

    def _receipt(self, transaction_hash: Any) -> Document | None:
        found = self._history.transaction(reading.at(0, _hash, transaction_hash))
        return found[0].receipts[found[1]] if found else None

    def _balance(self, account: Any, place: Any = "latest") -> str:
        address = Address(reading.at(0, reading.address, account))
        return hex(self._evm.state(self._existing(place).header).get_balance(address))

    def _nonce(self, account: Any, place: Any = "latest") -> str:
        address = reading.at(0, reading.address, account)
        nonce = self._evm.state(self._existing(place).header).get_nonce(Address(address))
        return hex(self._pool.next_nonce(address, nonce) if place == "pending" else nonce)

    def _code(self, account: Any, place: Any = "latest") -> str:
        address = Address(reading.at(0, reading.address, account))
        return text(self._evm.state(self._existing(place).header).get_code(address))

    def _storage(self, account: Any, slot: Any, place: Any = "latest") -> str:
        address, index = Address(reading.at(0, reading.address, account)), reading.at(1, _slot, slot)
        return text(self._evm.state(self._existing(place, 2).header).get_storage(address, index).to_bytes(32, "big"))

    # --- what a transaction does ---

    def _call(self, message: Any, place: Any = "latest") -> str:
        wanted = reading.at(0, reading.message, message)
        return text(self._evm.call(self._existing(place).header, wanted))

    def _estimate(self, message: Any, place: Any = "latest") -> str:
        wanted = reading.at(0, reading.message, message)
        return hex(self._evm.estimate(self._existing(place).header, wanted))

    def _send(self, raw: Any) -> str:
        transaction = self._evm.decode(reading.at(0, reading.octets, raw))
        state = self._evm.state(self._history.head.header)
        account = Account(state.get_nonce(transaction.sender), state.get_balance(transaction.sender))
        self._pool.add(transaction, account, self._evm.needed_gas(transaction), GAS_LIMIT)
        return text(transaction.hash)

    def _fee_history(self, blocks: Any, newest: Any, percentiles: Any = None) -> Document:
        last = self._existing(newest, 1)
        return fee_history(self._history, last, self._evm.next_base_fee_wei(last.header), blocks, percentiles)

    def _next_base_fee_wei(self) -> int:
        return self._evm.next_base_fee_wei(self._history.head.header)

    def _mined_nonce(self, sender: bytes) -> int:
        return self._evm.state(self._history.head.header).get_nonce(Address(sender))

    def _existing(self, place: Any, index: int = 1) -> Block:
        where = reading.at(index, reading.place, place)
        block = self._history.at(where)
        if block is None:
            raise unknown(where)
        return block


def _hash(value: Any) -> bytes:
    return reading.octets(value, 32)


def _slot(value: Any) -> int:
    """Return a place in storage, which is written as a quantity or as 32 bytes."""
    is_padded = isinstance(value, str) and len(value) == 66
    return int.from_bytes(reading.octets(value, 32), "big") if is_padded else reading.quantity(value)
