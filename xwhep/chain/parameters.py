"""The contracts' orders, parameters and results as values, and back: the ABI's encoding, bounded and strict.

What comes from the chain is hostile. Bytes are accepted only if they are the very encoding of the value that they
decode to, so that one value has one encoding: no second pointer to the same bytes, no dirty padding, nothing behind
the end.
Source: Solidity documentation, "Contract ABI Specification", and its strict mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from xwhep.chain.values import MAX_PARAMS, MAX_RESULT
from xwhep.errors.jobs import FalseResultError
from xwhep.errors.keys import PublicKeyError
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.base import check_utf8_without_nul
from xwhep.secp256k1 import N, Point, is_on_curve

#: the form of addresses that begin with 1, of compressed keys
P2PKH_COMPRESSED: Final = 0
#: the longest pattern that the contract takes, letters
MAX_PATTERN: Final = 20
#: the longest text that the wordcount contract takes, bytes
MAX_TEXT: Final = 2048

_VANITY_ORDER: Final = ("string", "uint256", "uint256")
_VANITY_PARAMETERS: Final = ("uint8", "string", "uint256", "uint256")
_VANITY_RESULT: Final = ("uint256", "uint8", "bool", "uint256", "uint256")
_NATIVE_PARAMETERS: Final = ("string[]", "bytes")


@dataclass(frozen=True, slots=True)
class VanityParameters:
    """What a search is asked for on chain: a pattern, not yet parsed, and the requester's public key A = (x, y).

    Raises:
        InvalidFieldError: the form is unknown, or the pattern is no ASCII text of 2 to 20 letters.
        PublicKeyError: (x, y) is no point of the curve, or x is not below the group's order, where no proof on chain
            could ever finish the Task.
    """

    form: int
    pattern: str
    x: int
    y: int

    def __post_init__(self) -> None:
        if self.form != P2PKH_COMPRESSED:
            raise InvalidFieldError("form", f"{self.form} is not the form of addresses that are searched for, 0")
        if not (self.pattern.isascii() and 2 <= len(self.pattern) <= MAX_PATTERN):
            raise InvalidFieldError("pattern", f"2 to {MAX_PATTERN} letters of ASCII are expected")
        check_public_key(self.x, self.y)

    @property
    def public_key(self) -> Point:
        """The point A."""
        return Point(self.x, self.y)


@dataclass(frozen=True, slots=True)
class NativeParameters:
    """What a native app is asked for on chain.

    Raises:
        InvalidFieldError: an argument that no process can be given.
    """

    argv: tuple[str, ...]  #: the arguments, without the program's name
    stdin: bytes

    def __post_init__(self) -> None:
        for position, argument in enumerate(self.argv):
            try:
                check_utf8_without_nul(argument)
            except ValueError as error:
                raise InvalidFieldError(f"argv.{position}", "it is no text that a process can be given") from error


@dataclass(frozen=True, slots=True)
class VanityResult:
    """What a search found, as the contract passes it on: the hit, and A + sG, which a proof on chain needs.

    The types bound what the ABI can carry; whether the numbers are true is for `split_key.check` to say.
    """

    s: int
    e: int
    negative: bool
    x: int
    y: int


def check_public_key(x: int, y: int) -> Point:
    """Return the point, if a Task may be asked for with it.

    Raises:
        PublicKeyError: it is not on the curve, or x is not below the group's order.
    """
    if not is_on_curve(x, y):
        raise PublicKeyError("it is not on the curve secp256k1")
    if x >= N:
        raise PublicKeyError("its x is not below the order of secp256k1, and no contract can check it; make another")
    return Point(x, y)


def encode_vanity_order(pattern: str, x: int, y: int) -> bytes:
    """Return what VanityTask takes."""
    return _encode(_VANITY_ORDER, (pattern, x, y), "order", MAX_PARAMS)


def decode_vanity_order(data: bytes) -> tuple[str, int, int]:
    """Return pattern, x and y of what VanityTask takes.

    Raises:
        InvalidFieldError: it is no such thing.
    """
    pattern, x, y = _decode(_VANITY_ORDER, data, "order", MAX_PARAMS)
    return pattern, x, y


def encode_vanity_parameters(parameters: VanityParameters) -> bytes:
    """Return the hub's parameters of a search."""
    values = (parameters.form, parameters.pattern, parameters.x, parameters.y)
    return _encode(_VANITY_PARAMETERS, values, "params", MAX_PARAMS)


def decode_vanity_parameters(data: bytes) -> VanityParameters:
    """Return what the hub's parameters ask for.

    Raises:
        InvalidFieldError: they are no parameters of a search.
        PublicKeyError: they name no public key that a search can be asked for with.
    """
    return VanityParameters(*_decode(_VANITY_PARAMETERS, data, "params", MAX_PARAMS))


def encode_vanity_result(result: VanityResult) -> bytes:
    """Return the result of a search for the hub."""
    values = (result.s, result.e, result.negative, result.x, result.y)
    return _encode(_VANITY_RESULT, values, "result", MAX_RESULT)


def decode_vanity_result(data: bytes) -> VanityResult:
    """Return what a search found.

    Raises:
        FalseResultError: the bytes are no result of a search.
    """
    try:
        return VanityResult(*_decode(_VANITY_RESULT, data, "result", MAX_RESULT))
    except InvalidFieldError as error:
        raise FalseResultError(error.text) from error


def encode_native_parameters(parameters: NativeParameters) -> bytes:
    """Return the hub's parameters of a native app.

    Raises:
        InvalidFieldError: they are longer than the hub takes.
    """
    return _encode(_NATIVE_PARAMETERS, (parameters.argv, parameters.stdin), "params", MAX_PARAMS)


def decode_native_parameters(data: bytes) -> NativeParameters:
    """Return what the hub's parameters ask of a native app.

    Raises:
        InvalidFieldError: they are no such thing.
    """
    argv, stdin = _decode(_NATIVE_PARAMETERS, data, "params", MAX_PARAMS)
    return NativeParameters(tuple(argv), stdin)


def encode_payment(order: bytes, deadline: int) -> bytes:
    """Return what goes with a payment by `approveAndCall`: the order, and the deadline in seconds since 1970."""
    return _encode(("bytes", "uint64"), (order, deadline), "order", 2 * MAX_PARAMS)


def _encode(types: Sequence[str], values: Sequence[Any], field: str, limit_bytes: int) -> bytes:
    """Return the encoding of our own values.

    Raises:
        InvalidFieldError: it is longer than the limit, or a value does not fit its type.
    """
    from eth_abi.abi import encode  # slow to load
    from eth_abi.exceptions import EncodingError

    try:
        data = bytes(encode(types, values))
    except (EncodingError, UnicodeEncodeError) as error:
        raise InvalidFieldError(field, "a value does not fit its type in the contract") from error
    if len(data) > limit_bytes:
        raise InvalidFieldError(field, f"encoded it takes {len(data)} bytes, and at most {limit_bytes} are taken")
    return data


def _decode(types: Sequence[str], data: bytes, field: str, limit_bytes: int) -> tuple[Any, ...]:
    """Return the values that foreign bytes encode.

    Raises:
        InvalidFieldError: too long, or not the encoding of anything.
    """
    from eth_abi.abi import decode, encode  # slow to load
    from eth_abi.exceptions import DecodingError, EncodingError

    if len(data) > limit_bytes:
        raise InvalidFieldError(field, f"it has {len(data)} bytes, and at most {limit_bytes} are taken")
    try:
        values = tuple(decode(types, data))
        canonical = bytes(encode(types, values))
    except (DecodingError, EncodingError, ValueError, OverflowError) as error:
        raise InvalidFieldError(field, f"these bytes are no ({', '.join(types)}) of a contract") from error
    if canonical != data:
        raise InvalidFieldError(field, f"these bytes are not the one encoding of a ({', '.join(types)})")
    return values
