"""The reference page of the HTTP interface, made from the route table and the messages."""

from __future__ import annotations

import enum
import inspect
import re
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from annotated_types import Ge, Le, Lt, MaxLen, MinLen
from pydantic import AwareDatetime, BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from dispatcher.routes.door import CONTENT, MAX_BODY_BYTES, MAX_DEPTH, MAX_STRANGERS_BODY_BYTES, Route
from dispatcher.routes.table import ROUTES
from tests.support.documented import comments, errors_of, first_line
from xwhep.errors.base import XwhepError
from xwhep.protocol import attempts, base, enrolment
from xwhep.protocol.attempts import MAX_FINISH_BYTES
from xwhep.protocol.base import Page

HTTP = f"""\
# HTTP interface

All paths begin with `/v1`, whose routes and messages only ever grow. The dispatcher speaks TLS 1.3 and asks for a
certificate of its own grid; a route for anybody needs none. Requests and replies are JSON, content is sent as it is;
nothing is compressed. A request has at most {MAX_BODY_BYTES // 1024} KiB, nested at most {MAX_DEPTH} deep; one that
ends an attempt has at most {MAX_FINISH_BYTES // 1024} KiB, and a caller without a certificate may send
{MAX_STRANGERS_BODY_BYTES // 1024} KiB. It is refused if it has a field that nobody knows; ignore the fields of a reply
that you do not know. Moments are RFC 3339 in UTC. Ids are UUIDs of 36 characters and made by the client (version 7, or
4): a request sent again with the same id is the same request.

A list comes in parts: `items`, and `next`, the value of the query parameter `after` that brings the part that follows;
null at the end.

A refusal is a problem document (RFC 9457); [Errors](errors.md) explains the codes. Every route may answer
`bad-request`, `invalid-field`, `too-large`, `busy` and `internal`, and one that demands a certificate `no-certificate`,
`unknown-identity`, `identity-expired`, `revoked` and `forbidden`; one with an id in its path `not-found`. A path
without a route gives `no-such-route` or `method-not-allowed`."""

_TYPES = (base, attempts, enrolment)
#: the bounded texts and moments, by name
_ALIASES = {name: value for module in _TYPES for name, value in vars(module).items() if get_origin(value) is Annotated}
_PLAIN: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    UUID: "UUID",
    AwareDatetime: "RFC 3339",
    type(None): "null",
}


def http() -> str:
    """Return the page on all routes and messages."""
    parts = [HTTP, "## Routes"]
    parts += [_route(route) for route in ROUTES]
    parts += ["## Messages"]
    parts += [_message(model) for model in _messages()]
    parts += ["## Types", _aliases()]
    return "\n\n".join(parts) + "\n"


def _route(route: Route) -> str:
    roles = "anybody" if route.roles is None else ", ".join(sorted(route.roles))
    lines = [f"### {route.method} {re.sub(r':[^}]*', '', route.path)}", "", first_line(route.handler), ""]
    lines += [f"* who: {roles}", f"* takes: {_content(route.takes)}", f"* gives: {_content(route.gives)}"]
    codes = sorted({error.code for error in _refusals(route)})
    if codes:
        lines += [f"* refuses, among others, with: {', '.join(f'`{code}`' for code in codes)}"]
    return "\n".join(lines)


def _refusals(route: Route) -> Iterator[type[XwhepError]]:
    """Return what a handler and the use cases that it calls say they raise."""
    yield from errors_of(route.handler)
    module = sys.modules[route.handler.__module__]
    for name, function in re.findall(r"\b(\w+)\.(\w+)\b", inspect.getsource(route.handler)):
        used = getattr(getattr(module, name, None), function, None)
        if inspect.isfunction(used) and used.__module__.startswith("dispatcher."):
            yield from errors_of(used)


def _content(shape: Any) -> str:
    if shape is None:
        return "nothing"
    return "the content itself, `application/octet-stream`" if shape is CONTENT else _type(shape)


def _messages() -> list[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    waiting = [shape for route in ROUTES for shape in (route.takes, route.gives)]
    while waiting:
        shape = waiting.pop()
        if not (isinstance(shape, type) and issubclass(shape, BaseModel)):
            waiting += get_args(shape)
        elif shape.__pydantic_generic_metadata__["origin"] is Page:
            waiting += shape.__pydantic_generic_metadata__["args"]
        elif shape not in found:
            found.add(shape)
            waiting += [hint for hint in get_type_hints(shape).values() if hint is not None]
    return sorted(found, key=lambda model: model.__name__)


def _message(model: type[BaseModel]) -> str:
    hints = get_type_hints(model, include_extras=True)
    meanings: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        if parent.__module__.startswith(("xwhep", "dispatcher")):
            meanings |= comments(inspect.getsource(parent))
    rows = [
        f"| `{name}` | {_type(hints[name])} | {_default(info)} | {meanings.get(name, '')} |"
        for name, info in model.model_fields.items()
    ]
    head = [
        f"### {model.__name__}",
        "",
        first_line(model),
        "",
        "| field | type | if left out | meaning |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "refused"
    default = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, BaseModel):
        return f"that of {type(default).__name__}"
    if isinstance(default, enum.Enum | str):
        return f'`"{default}"`'
    return "`null`" if default is None else f"`{default}`"


def _type(hint: Any) -> str:
    for name, alias in _ALIASES.items():
        if hint == alias:
            return name
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None:
        return _named(hint)
    if origin is Annotated:
        return _type(arguments[0]) + _bounds(arguments[1:])
    if origin in {types.UnionType, Union}:
        return " or ".join(_type(argument) for argument in arguments)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' if isinstance(value, str) else f"`{value}`" for value in arguments)
    inner = [_type(argument) for argument in arguments]
    forms = {list: "list of {}", frozenset: "set of {}", dict: "map of {} to {}", tuple: "pair of {} and {}"}
    return forms[origin].format(*inner)


def _named(hint: type) -> str:
    if issubclass(hint, enum.Enum):
        return " or ".join(f'`"{member.value}"`' for member in hint)
    if issubclass(hint, BaseModel) and hint.__pydantic_generic_metadata__["origin"] is Page:
        return f"a part of a list of {_type(hint.__pydantic_generic_metadata__['args'][0])}"
    return f"[{hint.__name__}](#{hint.__name__.lower()})" if issubclass(hint, BaseModel) else _PLAIN[hint]


def _bounds(metadata: Iterable[Any]) -> str:
    parts = [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
    words = [word for part in parts for word in _words(part)]
    return f" ({', '.join(words)})" if words else ""


def _words(part: Any) -> list[str]:
    if isinstance(part, StringConstraints):
        return [f"at most {part.max_length} characters"] if part.max_length else [f"`{part.pattern}`"]
    forms = {Ge: "at least {0.ge}", Le: "at most {0.le}", Lt: "less than {0.lt}"}
    forms |= {MinLen: "at least {0.min_length} long", MaxLen: "at most {0.max_length} long"}
    return [forms[type(part)].format(part)] if type(part) in forms else []


def _aliases() -> str:
    meanings: dict[str, str] = {}
    for module in _TYPES:
        meanings |= comments(inspect.getsource(module))
    rows = []
    for name, alias in sorted(_ALIASES.items()):
        written, *metadata = get_args(alias)
        rows.append(f"| {name} | {_type(written)}{_bounds(metadata)} | {meanings.get(name, '')} |")
    return "\n".join(["| type | written as | meaning |", "|---|---|---|", *rows])
