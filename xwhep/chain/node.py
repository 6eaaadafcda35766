"""One JSON-RPC node of a chain, and the values that it serves.

Every method raises `NodeUnavailableError` for what a later try may cure: no connection, a timeout, an answer that is
rubbish, a block that the node does not know.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, TypeVar

from xwhep.chain.artifacts import refusal
from xwhep.chain.replies import BlockReply, ReceiptReply, logs, quantity, unformatted
from xwhep.chain.transport import RefusalError, Wire, open_wire
from xwhep.chain.values import Address, Block, Call, Fees, Log, Receipt, Sent
from xwhep.errors.chain import ChainRefusedError, NoEtherError

ValueT = TypeVar("ValueT")

_TIMEOUT_S: Final = 20.0
_GWEI: Final = 10**9
#: no transaction of ours takes more gas, or tips more: a node that asks for it lies
_MAX_GAS: Final = 30_000_000
_MAX_TIP_WEI: Final = 500 * _GWEI
_NO_ETHER: Final = re.compile(r"insufficient (funds|balance)|enough balance|can't afford|cannot afford", re.IGNORECASE)
_REVERTED: Final = re.compile(r"revert", re.IGNORECASE)
_UNKNOWN_METHOD: Final = -32601
#: what nodes say to a transaction that they do not take: geth, anvil, py-evm
_SENT: Final = (
    (re.compile(r"already known|already imported|known transaction", re.IGNORECASE), Sent.ALREADY_KNOWN),
    (re.compile(r"nonce too low|nonce is too low|invalid nonce", re.IGNORECASE), Sent.NONCE_TOO_LOW),
    (re.compile(r"underpriced|fee too low|less than block base fee", re.IGNORECASE), Sent.UNDERPRICED),
)
#: py-evm names both numbers, and a nonce too high reads alike
_PY_EVM_NONCE: Final = re.compile(r"nonce: expected (\d{1,20}), but got (\d{1,20})", re.IGNORECASE)


class Node:
    """A node, open."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.url = wire.url  #: without credentials, path and query: fit to be shown

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str, *, timeout_s: float = _TIMEOUT_S) -> AsyncIterator[Node]:
        """Yield a node; nothing is asked yet.

        Raises:
            InvalidFieldError: this is no URL of a node.
        """
        async with open_wire(url, timeout_s) as wire:
            yield cls(wire)

    async def chain_id(self) -> int:
        """Return the chain's id. Source: EIP-155."""
        return await self._ask(quantity, "eth_chainId")

    async def genesis_hash(self) -> bytes:
        """Return the hash of block 0."""
        return (await self._block(0)).hash

    async def head(self) -> int:
        """Return the number of the newest block."""
        return await self._ask(quantity, "eth_blockNumber")

    async def finalized(self) -> int:
        """Return the number of the newest finalized block; 0 where the chain has none yet."""
        block = await self._ask(_optional(BlockReply), "eth_getBlockByNumber", "finalized", False)  # noqa: FBT003 - the interface's
        return 0 if block is None else block.number

    async def block(self, number: int) -> Block | None:
        """Return the block with this number; None when there is none yet."""
        found = await self._ask(_optional(BlockReply), "eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 - the interface's
        if found is not None and found.number != number:
            raise self._wire.useless(f"asked for block {number} it gives another")
        return None if found is None else found.value()

    async def _block(self, number: int) -> Block:
        found = await self.block(number)
        if found is None:
            raise self._wire.useless(f"it has no block {number}")
        return found

    async def logs(
        self, address: Address, topics: Sequence[bytes], first: int, last: int, *, about: bytes | None = None
    ) -> list[Log]:
        """Return a contract's events of these kinds in blocks `first` to `last`, both included, in chain order.

        With `about`, only those whose second topic this is. What the node adds unasked is left out: events of others,
        of other kinds or blocks, or taken back.
        """
        kinds = ["0x" + topic.hex() for topic in topics]
        wanted = {
            "address": address,
            "topics": [kinds] if about is None else [kinds, "0x" + about.hex()],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        found = [reply.value() for reply in await self._ask(logs, "eth_getLogs", wanted) if not reply.removed]
        return sorted(
            (
                log
                for log in found
                if log.address == address
                and log.topics[:1]
                and log.topics[0] in topics
                and about in {None, *log.topics[1:2]}
                and first <= log.position.block_number <= last
            ),
            key=lambda log: (log.position.block_number, log.position.log_index),
        )

    async def balance(self, address: Address) -> int:
        """Return an account's ether, in wei."""
        return await self._ask(quantity, "eth_getBalance", address, "latest")

    async def next_nonce(self, address: Address, *, pending: bool = False) -> int:
        """Return how many of an account's transactions are in blocks, or with `pending` known to the node at all."""
        return await self._ask(quantity, "eth_getTransactionCount", address, "pending" if pending else "latest")

    async def code(self, address: Address) -> bytes:
        """Return a contract's code; empty where there is none."""
        return await self._ask(unformatted, "eth_getCode", address, "latest")

    async def fees(self) -> Fees:
        """Return what gas costs at present."""
        newest = await self._ask(BlockReply.model_validate, "eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - the interface's
        try:
            tip = await self._asked(quantity, "eth_maxPriorityFeePerGas")
        except RefusalError as error:
            if error.code != _UNKNOWN_METHOD:
                raise self._wire.useless(f"it refuses ({error})") from error
            tip = _GWEI
        if tip > _MAX_TIP_WEI:
            raise self._wire.useless(f"it asks for a tip of {tip} wei for each gas, which nobody pays")
        return Fees(base_wei=newest.baseFeePerGas * 9 // 8, tip_wei=tip)  # it rises by an eighth a block at most

    async def estimate(self, call: Call, sender: Address) -> int:
        """Return how much gas a transaction would use.

        Raises:
            ChainRefusedError: it would be reverted; with the contract's error and its arguments.
            NoEtherError: the sender cannot pay for it.
        """
        try:
            gas = await self._asked(quantity, "eth_estimateGas", _transaction(call, sender))
        except RefusalError as error:
            raise self._refused(error, sender) from error
        if gas > _MAX_GAS:
            raise self._wire.useless(f"it says that a transaction takes {gas} gas, and none of ours does")
        return gas

    async def call(self, call: Call, sender: Address | None = None) -> bytes:
        """Return what a contract answers, without a transaction.

        Raises:
            ChainRefusedError: it reverts.
        """
        try:
            return await self._asked(unformatted, "eth_call", _transaction(call, sender), "latest")
        except RefusalError as error:
            raise self._refused(error, sender) from error

    async def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """Return what became of a transaction; None while it is in no block."""
        wanted = "0x" + transaction_hash.hex()
        found = await self._ask(_optional(ReceiptReply), "eth_getTransactionReceipt", wanted)
        if found is not None and found.transactionHash != transaction_hash:
            raise self._wire.useless("asked for one transaction it tells of another")
        return None if found is None else found.value()

    async def send_raw(self, raw: bytes) -> Sent:
        """Give a signed transaction to the node; sending it again is harmless.

        Raises:
            NoEtherError: the sender cannot pay for it.
            ChainRefusedError: the node ran it, and it is reverted.
        """
        try:
            await self._asked(unformatted, "eth_sendRawTransaction", "0x" + raw.hex())
        except RefusalError as error:
            known = _sent(error.message)
            if known is None:
                raise self._refused(error, _sender(raw)) from error
            return known
        return Sent.ACCEPTED

    def _refused(self, error: RefusalError, sender: Address | None) -> Exception:
        """Return the error for what a node says to a call or a transaction."""
        data = error.data.get("data") if isinstance(error.data, dict) else error.data
        if _NO_ETHER.search(error.message) and not isinstance(data, str):
            return NoEtherError(sender or "the sender")
        with contextlib.suppress(ValueError):
            return refusal(unformatted(data))
        if _REVERTED.search(error.message):
            return ChainRefusedError(error.message)
        return self._wire.useless(f"it refuses ({error.message})")

    async def _ask(self, parse: Callable[[Any], ValueT], method: str, *params: Any) -> ValueT:
        """Return the parsed result of a request that no sound node refuses for good."""
        try:
            return await self._asked(parse, method, *params)
        except RefusalError as error:
            raise self._wire.useless(f"it refuses {method} ({error.message})") from error

    async def _asked(self, parse: Callable[[Any], ValueT], method: str, *params: Any) -> ValueT:
        result = await self._wire.ask(method, *params)
        try:
            return parse(result)
        except ValueError as error:
            raise self._wire.useless(f"its answer to {method} cannot be read") from error


def _optional(model: type[BlockReply | ReceiptReply]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else model.model_validate(value)


def _transaction(call: Call, sender: Address | None) -> dict[str, str]:
    fields = {"from": sender, "to": call.to, "data": "0x" + call.data.hex(), "value": hex(call.value)}
    return {name: value for name, value in fields.items() if value is not None}


def _sent(message: str) -> Sent | None:
    """Return what a node's words about a transaction mean; None when they mean another refusal."""
    if numbers := _PY_EVM_NONCE.search(message):
        return Sent.NONCE_TOO_LOW if int(numbers[2]) < int(numbers[1]) else None
    return next((sent for words, sent in _SENT if words.search(message)), None)


def _sender(raw: bytes) -> Address:
    import eth_account  # slow to load

    return str(eth_account.Account.recover_transaction(raw))
