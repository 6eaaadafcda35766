"""What a node answers, parsed to our values. A reply is bounded, and what is not of its shape is a ValueError.

Source: the Ethereum JSON-RPC specification, github.com/ethereum/execution-apis (quantities, data, blocks, receipts).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from xwhep.chain.values import MAX_INTEGER, Address, Block, Log, Position, Receipt, parse_address
from xwhep.errors.requests import InvalidFieldError

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")


def quantity(value: object) -> int:
    """Return a number of at most 256 bits.

    Raises:
        ValueError: it is not written as one.
    """
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ValueError("no quantity")
    return int(value, 16)


def unformatted(value: object) -> bytes:
    """Return bytes.

    Raises:
        ValueError: they are not written as such.
    """
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError("no bytes")
    return bytes.fromhex(value[2:])


def _hash(value: bytes) -> bytes:
    if len(value) != 32:
        raise ValueError("no hash")
    return value


def _address(value: object) -> Address:
    try:
        return parse_address(str(value).lower())
    except InvalidFieldError as error:
        raise ValueError("no address") from error


Quantity = Annotated[int, BeforeValidator(quantity)]
Small = Annotated[Quantity, Field(le=MAX_INTEGER)]  #: a number that fits a database
Unformatted = Annotated[bytes, BeforeValidator(unformatted)]
Hash = Annotated[Unformatted, AfterValidator(_hash)]
Where = Annotated[str, BeforeValidator(_address)]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class BlockReply(_Reply):
    """A block without its transactions."""

    number: Small
    hash: Hash
    parentHash: Hash  # noqa: N815 - the interface's name
    timestamp: Small
    baseFeePerGas: Quantity = 0  # noqa: N815 - the interface's name

    def value(self) -> Block:
        """Return our value."""
        return Block(self.number, self.hash, self.parentHash, self.timestamp)


class LogReply(_Reply):
    """An event."""

    address: Where
    topics: Annotated[tuple[Hash, ...], Field(max_length=4)]
    data: Unformatted
    blockNumber: Small  # noqa: N815 - the interface's name
    blockHash: Hash  # noqa: N815 - the interface's name
    transactionHash: Hash  # noqa: N815 - the interface's name
    logIndex: Small  # noqa: N815 - the interface's name
    removed: bool = False  #: by a reorganisation

    def value(self) -> Log:
        """Return our value."""
        position = Position(self.blockNumber, self.blockHash, self.transactionHash, self.logIndex)
        return Log(position, self.address, self.topics, self.data)


class ReceiptReply(_Reply):
    """What became of a transaction."""

    transactionHash: Hash  # noqa: N815 - the interface's name
    blockNumber: Small  # noqa: N815 - the interface's name
    blockHash: Hash  # noqa: N815 - the interface's name
    status: Annotated[Quantity, Field(le=1)]
    gasUsed: Small  # noqa: N815 - the interface's name
    effectiveGasPrice: Quantity = 0  # noqa: N815 - the interface's name
    contractAddress: Where | None = None  # noqa: N815 - the interface's name
    logs: tuple[LogReply, ...] = ()

    def value(self) -> Receipt:
        """Return our value."""
        return Receipt(
            transaction_hash=self.transactionHash,
            block_number=self.blockNumber,
            block_hash=self.blockHash,
            succeeded=self.status == 1,
            gas_used=self.gasUsed,
            gas_price_wei=self.effectiveGasPrice,
            contract=self.contractAddress,
            logs=tuple(log.value() for log in self.logs),
        )


_LOGS: Final = TypeAdapter(list[LogReply])


def logs(value: Any) -> list[LogReply]:
    """Return events.

    Raises:
        ValueError: these are none.
    """
    return _LOGS.validate_python(value)
