"""Parameters of Ethereum's methods, from JSON to values; strict, as geth is. Source: EIP-1474, EIP-1898."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from xwhep.devchain.json_rpc import INVALID_PARAMS, RpcError, shown

TAGS: Final = frozenset({"latest", "pending", "earliest", "safe", "finalized"})
MAX_QUANTITY: Final = 2**256 - 1
#: how many addresses, or topics at one place, a filter may name
MAX_CHOICES: Final = 1000

_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,63})", re.IGNORECASE)
_BYTES: Final = re.compile(r"0x(?:[0-9a-f]{2})*", re.IGNORECASE)

T = TypeVar("T")
Place: TypeAlias = int | str | bytes  #: a block's number, one of `TAGS`, or a block's hash


def quantity(value: Any) -> int:
    """Return a whole number that is not negative.

    Raises:
        RpcError: it is not written as hexadecimal digits after 0x, without leading zeros, or is over 256 bits.
    """
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise _wrong(value, "a quantity, as in 0x1a")
    return int(value, 16)


def octets(value: Any, length: int | None = None) -> bytes:
    """Return bytes, `length` of them if it is given.

    Raises:
        RpcError: it is not written as pairs of hexadecimal digits after 0x, or has another length.
    """
    if not isinstance(value, str) or not _BYTES.fullmatch(value) or length not in {None, len(value) // 2 - 1}:
        raise _wrong(value, "bytes as hexadecimal digits after 0x" if length is None else f"{length} bytes")
    return bytes.fromhex(value[2:])


def address(value: Any) -> bytes:
    """Return an address."""
    return octets(value, 20)


def place(value: Any) -> Place:
    """Return where on the chain: number, tag or, in the form of EIP-1898, hash."""
    if isinstance(value, dict) and len(value) == 1:
        if "blockHash" in value:
            return octets(value["blockHash"], 32)
        value = value.get("blockNumber")
    return value if isinstance(value, str) and value in TAGS else quantity(value)


@dataclass(frozen=True, slots=True)
class Message:
    """What `eth_call` and `eth_estimateGas` try."""

    sender: bytes
    to: bytes  #: empty for a contract to be made
    data: bytes
    value: int
    gas: int | None


def message(value: Any) -> Message:
    """Return what is to be tried; fields that change nothing there (fees, nonce, access list) are left aside."""
    fields = _object(value)
    data = fields.get("input", fields.get("data", "0x"))
    if fields.get("data", data) != data:
        raise RpcError(INVALID_PARAMS, 'both "data" and "input" are set and not equal')
    return Message(
        sender=address(fields.get("from", "0x" + "00" * 20)),
        to=b"" if fields.get("to") in {None, "", "0x"} else address(fields["to"]),
        data=octets(data),
        value=quantity(fields.get("value", "0x0")),
        gas=quantity(fields["gas"]) if fields.get("gas") is not None else None,
    )


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs `eth_getLogs` asks for."""

    first: Place
    last: Place
    block_hash: bytes | None  #: one block, in place of the range
    addresses: frozenset[str] | None  #: as documents have them; None for any
    topics: tuple[frozenset[str] | None, ...]

    def matches(self, log: dict[str, Any]) -> bool:
        """Tell whether a log, as a document, is wanted."""
        if self.addresses is not None and log["address"] not in self.addresses:
            return False
        if len(self.topics) > len(log["topics"]):
            return False
        pairs = zip(self.topics, log["topics"], strict=False)  # topics after the last wanted one may be any
        return all(wanted is None or topic in wanted for wanted, topic in pairs)


def log_filter(value: Any) -> LogFilter:
    """Return a filter."""
    fields = {name: part for name, part in _object(value).items() if part is not None}
    if "blockHash" in fields and {"fromBlock", "toBlock"} & fields.keys():
        raise RpcError(INVALID_PARAMS, "cannot specify both blockHash and fromBlock/toBlock, choose one or the other")
    topics = fields.get("topics", [])
    if not isinstance(topics, list) or len(topics) > 4:
        raise _wrong(topics, "a list of at most four topics")
    return LogFilter(
        first=place(fields.get("fromBlock", "latest")),
        last=place(fields.get("toBlock", "latest")),
        block_hash=octets(fields["blockHash"], 32) if "blockHash" in fields else None,
        addresses=_choice(fields.get("address"), 20),
        topics=tuple(_choice(topic, 32) for topic in topics),
    )


def _choice(value: Any, length: int) -> frozenset[str] | None:
    """Return texts of which one is wanted, as documents have them; None for any."""
    if value is None or value == []:
        return None
    values = value if isinstance(value, list) else [value]
    if len(values) > MAX_CHOICES:
        raise RpcError(INVALID_PARAMS, f"a filter names at most {MAX_CHOICES} at one place")
    return frozenset("0x" + octets(one, length).hex() for one in values)


def at(index: int, read: Callable[[Any], T], value: Any) -> T:
    """Return a parameter; what is wrong with it is told with its place in the list."""
    try:
        return read(value)
    except RpcError as error:
        raise RpcError(error.code, f"invalid argument {index}: {error.message}") from error


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, "an object")
    return value


def _wrong(value: Any, expected: str) -> RpcError:
    return RpcError(INVALID_PARAMS, f"{shown(value)} is not {expected}")
