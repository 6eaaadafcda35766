"""The contracts as they were compiled: their ABI and bytecode, and calls, answers, events and errors in their terms.

The files in `xwhep/chain/abi/` are made from the sources by one script; nobody needs a compiler to use them.
Source: Solidity documentation, "Contract ABI Specification" (selectors, topics, errors, panics).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

from xwhep.chain.values import Log, parse_address
from xwhep.errors.chain import ChainRefusedError

#: every contract that comes with this package
CONTRACTS: Final = ("RLC", "TaskHub", "Task", "VanityTask", "WordcountTask")
#: the longest answer, event or error that is decoded, bytes: parameters, a result, and what stands around them
_MAX_DATA: Final = 16 * 1024
_MAX_ARGUMENT: Final = 200  #: characters of an error's argument that are shown
#: the errors that the language itself has
_BUILT_IN: Final[Sequence[Mapping[str, Any]]] = (
    {"type": "error", "name": "Error", "inputs": [{"name": "", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
)
_PANICS: Final = {
    0x01: "an assertion failed",
    0x11: "a number overflows",
    0x12: "a division by zero",
    0x21: "a number that is no value of its enumeration",
    0x32: "an index out of range",
}

Entry = Mapping[str, Any]


class Artifact:
    """A compiled contract."""

    def __init__(self, name: str) -> None:
        content = json.loads(resources.files("xwhep.chain").joinpath("abi", f"{name}.json").read_text(encoding="ascii"))
        self.name = name
        self.abi: Sequence[Entry] = content["abi"]
        self._bytecode: str = content["bytecode"]

    def deployment(self, *arguments: Any) -> bytes:
        """Return the data of the transaction that makes the contract."""
        inputs = [field for entry in self.abi if entry["type"] == "constructor" for field in entry["inputs"]]
        return bytes.fromhex(self._bytecode.removeprefix("0x")) + _encode(_types(inputs), arguments)

    def call(self, function: str, *arguments: Any) -> bytes:
        """Return the data of a call; of functions with one name, the one with so many parameters."""
        entry = self._function(function, len(arguments))
        return _selector(entry) + _encode(_types(entry["inputs"]), arguments)

    def answer(self, function: str, data: bytes) -> tuple[Any, ...]:
        """Return what a function of one name answered.

        Raises:
            ValueError: the bytes are no such answer.
        """
        return _decode(_types(self._function(function)["outputs"]), data)

    def topic(self, event: str) -> bytes:
        """Return the first topic of an event, which says what it is."""
        return next(topic for topic, entry in self._events.items() if entry["name"] == event)

    def event(self, log: Log) -> tuple[str, dict[str, Any]]:
        """Return the name of an event and its values by their names.

        Raises:
            ValueError: it is no event of this contract.
        """
        entry = self._events.get(log.topics[0]) if log.topics else None
        if entry is None:
            raise ValueError("no event of this contract begins with this topic")
        indexed = [field for field in entry["inputs"] if field["indexed"]]
        plain = [field for field in entry["inputs"] if not field["indexed"]]
        if len(indexed) != len(log.topics) - 1:
            raise ValueError("another number of topics")
        values = zip(
            [field["name"] for field in (*indexed, *plain)],
            (*_decode(_types(indexed), b"".join(log.topics[1:])), *_decode(_types(plain), log.data)),
            strict=True,
        )
        return entry["name"], dict(values)

    @cached_property
    def _events(self) -> dict[bytes, Entry]:
        from eth_utils.abi import event_abi_to_log_topic  # slow to load

        events = [entry for entry in self.abi if entry["type"] == "event"]
        return {event_abi_to_log_topic(entry): entry for entry in events}  # type: ignore[arg-type] # JSON as it is

    def _function(self, name: str, parameters: int | None = None) -> Entry:
        return next(
            entry
            for entry in self.abi
            if entry["type"] == "function" and entry["name"] == name and parameters in {None, len(entry["inputs"])}
        )


@cache
def artifact(name: str) -> Artifact:
    """Return a compiled contract, one of `CONTRACTS`."""
    return Artifact(name)


def refusal(data: bytes) -> ChainRefusedError:
    """Return the error for what a reverted call left: a contract's own error, a text, or nothing that is known."""
    entry = _errors().get(data[:4])
    if entry is None:
        return ChainRefusedError(f"an error that no contract here has, {data[:4].hex()}" if data else "")
    try:
        values = _decode(_types(entry["inputs"]), data[4:])
    except ValueError:
        return ChainRefusedError(entry["name"])
    if entry["name"] == "Error":
        return ChainRefusedError(_shown(values[0]))
    if entry["name"] == "Panic":
        return ChainRefusedError(_PANICS.get(values[0], f"panic {values[0]:#x}"))
    pairs = zip(entry["inputs"], values, strict=True)
    told = (
        f"{field['name']} {parse_address(value) if field['type'] == 'address' else _shown(value)}"
        for field, value in pairs
    )
    return ChainRefusedError(entry["name"], ", ".join(told))


@cache
def _errors() -> dict[bytes, Entry]:
    def entries() -> Iterator[Entry]:
        yield from _BUILT_IN
        for name in CONTRACTS:
            yield from (entry for entry in artifact(name).abi if entry["type"] == "error")

    return {_selector(entry): entry for entry in entries()}


def _shown(value: object) -> str:
    text = "0x" + value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= _MAX_ARGUMENT else text[:_MAX_ARGUMENT] + "..."


def _selector(entry: Entry) -> bytes:
    """Return the four bytes that name a function or an error."""
    from eth_utils.abi import function_signature_to_4byte_selector  # slow to load

    signature = f"{entry['name']}({','.join(_types(entry['inputs']))})"
    return bytes(function_signature_to_4byte_selector(signature))


def _types(fields: Sequence[Entry]) -> list[str]:
    """Return the types of an ABI's fields, those of a struct in parentheses."""
    return [
        field["type"].replace("tuple", f"({','.join(_types(field['components']))})", 1)
        if field["type"].startswith("tuple")
        else field["type"]
        for field in fields
    ]


def _encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    from eth_abi.abi import encode  # slow to load

    return bytes(encode(types, values))


def _decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Return what foreign bytes encode; addresses come without checksum.

    Raises:
        ValueError: nothing of these types.
    """
    from eth_abi.abi import decode  # slow to load
    from eth_abi.exceptions import DecodingError

    if len(data) > _MAX_DATA:
        raise ValueError(f"more than {_MAX_DATA} bytes")
    try:
        return tuple(decode(types, data))
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"these bytes are no ({', '.join(types)})") from error
