"""What comes from the chain and goes to it, as plain values. This module knows no node and no library but a checksum.

Addresses are "0x..." with the checksum of EIP-55, hashes 32 bytes, amounts integers of the smallest unit (wei, or 10^-9
RLC), times whole seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Final, TypeAlias

from xwhep.errors.requests import InvalidFieldError

Address: TypeAlias = str  #: with the checksum of EIP-55

#: the address that stands for nobody
NOBODY: Final[Address] = "0x" + "0" * 40
#: the decimals of RLC, of the token's contract
RLC_DECIMALS: Final = 9
RLC: Final = 10**RLC_DECIMALS
ETHER: Final = 10**18
#: chains where nothing is worth anything: anvil's, that of private networks, py-evm's tester. The token's contract
#: knows the same
DEVELOPMENT_CHAINS: Final = frozenset({31337, 1337, 131277322940537})
#: what ids, prices and times must fit: an integer column of a database
MAX_INTEGER: Final = 2**63 - 1
#: how long parameters and results are at most, bytes; the hub's limits
MAX_PARAMS: Final = 4096
MAX_RESULT: Final = 1024
#: a deadline lies so far ahead, seconds; the hub's limits
MIN_DEADLINE_S: Final = 60
MAX_DEADLINE_S: Final = 30 * 86400


class TaskStatus(StrEnum):
    """How a Task stands; in the order of the contract's numbers."""

    NONE = "none"  #: there is no such Task
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    REFUNDED = "refunded"

    @property
    def number(self) -> int:
        """The contract's number."""
        return list(TaskStatus).index(self)

    @property
    def is_final(self) -> bool:
        """Whether it never changes again."""
        return self in {TaskStatus.DONE, TaskStatus.FAILED, TaskStatus.REFUNDED}

    @classmethod
    def of(cls, number: int) -> TaskStatus:
        """Return the status with this number of the contract.

        Raises:
            ValueError: there is none.
        """
        statuses = list(cls)
        if not 0 <= number < len(statuses):
            raise ValueError(f"no status has the number {number}")
        return statuses[number]


class Sent(Enum):
    """What a node says to a signed transaction; a lack of ether is an error instead."""

    ACCEPTED = auto()
    ALREADY_KNOWN = auto()  #: a success: it has this very transaction
    NONCE_TOO_LOW = auto()  #: a transaction with this nonce is in a block: this one, or another
    UNDERPRICED = auto()  #: another with this nonce waits, and this one does not pay enough more; or it pays too little


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header, as far as somebody follows the chain."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event stands; only the block's hash says on which branch of the chain."""

    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    log_index: int  #: within the block


@dataclass(frozen=True, slots=True)
class Log:
    """An event as the chain has it, not yet decoded."""

    position: Position
    address: Address
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class SubmittedTask:
    """The hub's event TaskSubmitted."""

    position: Position
    id: int
    commitment: bytes
    requester: Address
    app: int
    params: bytes
    price: int
    deadline: int
    callback: Address
    callback_gas: int


@dataclass(frozen=True, slots=True)
class SettledTask:
    """The hub's event TaskSettled: a Task is done, failed or refunded."""

    position: Position
    id: int
    requester: Address
    status: TaskStatus
    result: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class TaskState:
    """What the hub stores of a Task."""

    commitment: bytes
    requester: Address
    deadline: int
    status: TaskStatus
    callback: Address
    callback_gas: int
    app: int
    result_hash: bytes


@dataclass(frozen=True, slots=True)
class AppTerms:
    """What the hub stores of an app; but for `open` it never changes."""

    provider: Address
    price: int
    verifier: Address | None
    open: bool


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction asks of a contract, or what an `eth_call` asks; to None for a contract to be made."""

    to: Address | None
    data: bytes
    value: int = 0


@dataclass(frozen=True, slots=True)
class Fees:
    """What gas costs at present, in wei. Source: EIP-1559."""

    base_wei: int  #: of the next block, burnt
    tip_wei: int  #: what a block's maker is glad to get


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction that is in a block."""

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    gas_price_wei: int  #: what each gas cost
    contract: Address | None  #: the contract that it made
    logs: tuple[Log, ...]


def parse_address(text: str, field: str = "address") -> Address:
    """Return the address that a person or a node wrote, with its checksum.

    Letters of one case carry no checksum; mixed ones must carry the right one. Source: EIP-55.

    Raises:
        InvalidFieldError: it is no address, or its checksum is wrong.
    """
    from eth_utils.address import is_checksum_formatted_address, to_checksum_address  # slow to load

    if not re.fullmatch(r"0[xX][0-9a-fA-F]{40}", text):
        raise InvalidFieldError(field, "an address is written as 0x and 40 hexadecimal digits")
    known = str(to_checksum_address(text))
    if is_checksum_formatted_address(text) and text != known:
        raise InvalidFieldError(field, "its upper and lower case letters do not check: a digit is wrong")
    return known


def rlc_text(amount: int) -> str:
    """Return an amount of RLC for people, as in `0.1 RLC`."""
    return _decimal(amount, RLC_DECIMALS) + " RLC"


def ether_text(amount_wei: int) -> str:
    """Return an amount of ether for people, with up to nine decimals and what is less cut off."""
    return _decimal(amount_wei // 10**9, 9) + " ETH"


def _decimal(amount: int, decimals: int) -> str:
    whole, part = divmod(amount, 10**decimals)
    return f"{whole:,}.{part:0{decimals}d}".rstrip("0").rstrip(".")
