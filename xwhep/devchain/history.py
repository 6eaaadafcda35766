"""The chain as it is remembered: its blocks from the first to the last, each ready to be shown; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from eth.abc import BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI

from xwhep.devchain.documents import (
    Document,
    base_fee_wei,
    header_document,
    receipt_document,
    size_bytes,
    text,
    transaction_document,
)
from xwhep.devchain.json_rpc import SERVER_ERROR, RpcError
from xwhep.devchain.reading import LogFilter, Place


@dataclass(frozen=True, slots=True)
class Block:
    """A block with what is in it, each part as its document too."""

    header: BlockHeaderAPI
    signed: Sequence[SignedTransactionAPI]
    document: Document  #: without the transactions
    transactions: list[Document]
    receipts: list[Document]

    @property
    def number(self) -> int:
        """How many blocks were before it."""
        return int(self.header.block_number)

    @property
    def logs(self) -> Iterator[Document]:
        """The logs, in the order of the block."""
        return (log for receipt in self.receipts for log in receipt["logs"])

    def shown(self, *, full: bool) -> Document:
        """Return the block as a document, with its transactions or with their hashes alone."""
        hashes = [transaction["hash"] for transaction in self.transactions]
        return self.document | {"transactions": self.transactions if full else hashes}


def remembered(
    header: BlockHeaderAPI, signed: Sequence[SignedTransactionAPI] = (), receipts: Sequence[ReceiptAPI] = ()
) -> Block:
    """Return a block that was sealed."""
    document = header_document(header) | {"size": hex(size_bytes(header, signed))}
    where = {"blockHash": document["hash"], "blockNumber": document["number"]}
    transactions = [
        transaction_document(one, base_fee_wei(header)) | where | {"transactionIndex": hex(index)}
        for index, one in enumerate(signed)
    ]
    block = Block(header, signed, document, transactions, [])
    logs = 0
    used = pairwise([0, *(receipt.gas_used for receipt in receipts)])  # a receipt's is cumulative
    for transaction, receipt, (before, after) in zip(transactions, receipts, used, strict=True):
        block.receipts.append(receipt_document(transaction, receipt, after - before, logs))
        logs += len(receipt.logs)
    return block


@dataclass(slots=True)
class History:
    """The blocks of the chain; those that a reorganisation takes away are forgotten."""

    blocks: list[Block]
    _numbers: dict[bytes, int] = field(default_factory=dict)  #: by the block's hash
    _places: dict[bytes, tuple[int, int]] = field(default_factory=dict)  #: by hash: block and place of a transaction

    def __post_init__(self) -> None:
        for block in self.blocks:
            self._note(block)

    @property
    def head(self) -> Block:
        """The last block."""
        return self.blocks[-1]

    def append(self, block: Block) -> None:
        """Put a block on top."""
        self.blocks.append(block)
        self._note(block)

    def rewind(self, depth: int) -> list[Block]:
        """Take away the last blocks and return them, the lowest first; the first block of all stays.

        Raises:
            ValueError: there are not so many.
        """
        if not 0 < depth < len(self.blocks):
            raise ValueError(f"the chain has {len(self.blocks) - 1} blocks to take away, not {depth}")
        lost = self.blocks[-depth:]
        del self.blocks[-depth:]
        for block in lost:
            del self._numbers[block.header.hash]
            for transaction in block.signed:
                del self._places[transaction.hash]
        return lost

    def at(self, place: Place) -> Block | None:
        """Return a block by number, tag or hash; None if there is none.

        The block before the last counts as safe, the one before that as final: slots and epochs of one block each.
        """
        top = self.head.number
        match place:
            case bytes():
                number = self._numbers.get(place)
            case str():
                number = {"earliest": 0, "safe": max(0, top - 1), "finalized": max(0, top - 2)}.get(place, top)
            case _:
                number = place
        return self.blocks[number] if number is not None and number <= top else None

    def transaction(self, transaction_hash: bytes) -> tuple[Block, int] | None:
        """Return where a transaction is; None if it is in no block."""
        place = self._places.get(transaction_hash)
        return None if place is None else (self.blocks[place[0]], place[1])

    def logs(self, wanted: LogFilter) -> list[Document]:
        """Return the logs that a filter names, in the order of the chain.

        Raises:
            RpcError: the one block that it names is not there, or the range ends before it begins.
        """
        return [log for block in self._named(wanted) for log in block.logs if wanted.matches(log)]

    def _named(self, wanted: LogFilter) -> list[Block]:
        if wanted.block_hash is not None:
            block = self.at(wanted.block_hash)
            if block is None:
                raise RpcError(SERVER_ERROR, "unknown block")
            return [block]
        first, last = self._number(wanted.first), self._number(wanted.last)
        if last < first:
            raise RpcError(SERVER_ERROR, "invalid block range params")
        return self.blocks[first : last + 1]

    def _number(self, place: Place) -> int:
        block = self.at(place)
        return place if isinstance(place, int) else block.number if block else 0

    def _note(self, block: Block) -> None:
        self._numbers[block.header.hash] = block.number
        self._places |= {one.hash: (block.number, index) for index, one in enumerate(block.signed)}


def unknown(place: Place) -> RpcError:
    """Return what is said where a block is needed that is not there."""
    return RpcError(SERVER_ERROR, f"unknown block {text(place) if isinstance(place, bytes) else place}")
