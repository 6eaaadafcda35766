"""JSON-RPC 2.0: bodies to requests, results and errors to answers; pure.

Sources: the JSON-RPC 2.0 specification (sections 4 to 6); for the codes below -32000, EIP-1474 and what geth answers.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias

from xwhep.nesting import is_nested_deeper

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
SERVER_ERROR: Final = -32000  #: geth's for nearly everything that a chain refuses
REVERTED: Final = 3  #: geth's for a call that a contract reverts; `data` is what the contract says

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_BATCH: Final = 1000
MAX_DEPTH: Final = 32
#: characters of a client's own text that an error repeats
SHOWN: Final = 64

Id: TypeAlias = str | int | None


class RpcError(Exception):
    """What a request is answered with in place of a result."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


@dataclass(frozen=True, slots=True)
class Request:
    """A call of a method."""

    id: Id
    method: str
    params: list[Any]
    is_notification: bool = False  #: nobody waits for the answer


@dataclass(frozen=True, slots=True)
class Fault:
    """What stands where a request should, and why it is none."""

    id: Id
    error: RpcError


@dataclass(frozen=True, slots=True)
class Body:
    """The requests of one body."""

    entries: list[Request | Fault]
    is_batch: bool


def parse(body: bytes) -> Body:
    """Return what a body asks for.

    Raises:
        RpcError: it is no JSON, nested too deeply, an empty batch or one with too many requests.
    """
    if is_nested_deeper(body, MAX_DEPTH):
        raise RpcError(PARSE_ERROR, f"the body is nested deeper than {MAX_DEPTH} levels")
    value = _json(body)
    if not isinstance(value, list):
        return Body([_entry(value)], is_batch=False)
    if not 1 <= len(value) <= MAX_BATCH:
        raise RpcError(INVALID_REQUEST, f"a batch has 1 to {MAX_BATCH} requests, not {len(value)}")
    return Body([_entry(entry) for entry in value], is_batch=True)


def result(request: Request, value: Any) -> dict[str, Any]:
    """Return the answer to a request that succeeded."""
    return {"jsonrpc": "2.0", "id": request.id, "result": value}


def failure(identifier: Id, error: RpcError) -> dict[str, Any]:
    """Return the answer to a request that did not succeed; the id is null where none could be read."""
    told = {"code": error.code, "message": error.message}
    return {"jsonrpc": "2.0", "id": identifier, "error": told if error.data is None else told | {"data": error.data}}


def shown(text: object) -> str:
    """Return a client's own text so that it can stand in a message: short, ASCII, nothing that a terminal obeys."""
    written = ascii(text)
    return written if len(written) <= SHOWN else written[:SHOWN] + "..."


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except ValueError as error:  # bytes that are not UTF-8 are a ValueError too
        raise RpcError(PARSE_ERROR, "the body is not JSON") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value


def _entry(value: Any) -> Request | Fault:
    if not isinstance(value, dict):
        return Fault(None, RpcError(INVALID_REQUEST, "a request is an object"))
    identifier = value.get("id")
    if not _is_id(identifier):
        return Fault(None, RpcError(INVALID_REQUEST, "an id is a string, a whole number or null"))
    method, params = value.get("method"), value.get("params", [])
    if value.get("jsonrpc") != "2.0" or not isinstance(method, str):
        return Fault(identifier, RpcError(INVALID_REQUEST, 'a request has "jsonrpc": "2.0" and a method'))
    if not isinstance(params, list):
        return Fault(identifier, RpcError(INVALID_PARAMS, "parameters are given by position, in a list"))
    return Request(identifier, method, params, is_notification="id" not in value)


def _is_id(value: Any) -> bool:
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))
