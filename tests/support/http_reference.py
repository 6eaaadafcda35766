"""The reference page of the HTTP interface, made from the route table and the messages."""

from __future__ import annotations

import enum
import inspect
import itertools
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from annotated_types import Ge, Le, Lt, MaxLen, MinLen
from pydantic import AwareDatetime, BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from dispatcher.routes.door import CONTENT, MAX_BODY_BYTES, MAX_DEPTH, MAX_STRANGERS_BODY_BYTES, Route
from dispatcher.routes.table import ROUTES
from dispatcher.usecases import jobs
from tests.support.documented import comments, errors_of, first_line
from tests.support.kinds import KINDS
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import FalseResultError
from xwhep.protocol import attempts, base, enrolment
from xwhep.protocol.apps import RegisterApp
from xwhep.protocol.attempts import MAX_FINISH_BYTES, Report, Work
from xwhep.protocol.base import Details, Page
from xwhep.protocol.batches import SubmitBatch
from xwhep.vanity import messages as vanity
from xwhep.vanity import target_fields
from xwhep.vanity.errors import KeyUsedError, ShareClaimedError
from xwhep.vanity.messages import SearchingHost, SearchView, ShareReply

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
`bad-request`, `invalid-field`, `too-large`, `busy` and `internal`, one that writes `overloaded`, and one that demands a
certificate `no-certificate`, `unknown-identity`, `identity-expired`, `revoked` and `forbidden`; one with an id in its
path `not-found`. A path without a route gives `no-such-route` or `method-not-allowed`. A refusal with the field
`Retry-After` is about this moment: send the request again after so many seconds, and not at once with all others.

A poll, a lease, a report, and a batch carry messages of the kind of app, or of batch, that they are about;
[Kinds](#kinds) lists those that are built in, and a dispatcher may run fewer, or others of its operator. Where a kind
says something inside a message that all kinds share, the type is Details."""

KINDS_OF_APP = """\
The kinds of app. A poll names each that the host takes, with what the host says of itself for it.

| kind | in a poll | work of a lease | report | details of the reply to a report | details of a host |
|---|---|---|---|---|---|"""

KINDS_OF_BATCH = """\
The kinds of batch.

| kind | request | details of a batch |
|---|---|---|"""

_TYPES = (base, attempts, enrolment, vanity, target_fields)
#: roots of messages, each with the messages of all built-in kinds that it stands for
_ONE_OF: dict[type[BaseModel], list[type[BaseModel]]] = {
    SubmitBatch: [source.request for source in KINDS.sources.values()],
    Report: [kind.report for kind in KINDS if kind.report is not None],
    Work: [kind.work for kind in KINDS],
}
#: what built-in kinds say as details: those of apps in the reply to a report and of a host, those of batches of a batch
_APP_DETAILS: dict[str, tuple[type[BaseModel], type[BaseModel]]] = {"vanity": (ShareReply, SearchingHost)}
_BATCH_DETAILS: dict[str, type[BaseModel]] = {"search": SearchView}
#: the bounded texts and moments, by name
_ALIASES = {name: value for module in _TYPES for name, value in vars(module).items() if get_origin(value) is Annotated}
_NAMED: dict[str, Any] = {"Details": Details, **_ALIASES}
_PLAIN: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    UUID: "UUID",
    bytes: "base64",
    AwareDatetime: "RFC 3339",
    type(None): "null",
}


#: errors that kinds return to a use case, which raises them, by what the route takes
_RETURNED: dict[Any, tuple[type[XwhepError], ...]] = {
    SubmitBatch: (KeyUsedError,),
    Report: (FalseResultError, ShareClaimedError),
}


def http() -> str:
    """Return the page on all routes and messages."""
    parts = [HTTP, "## Routes"]
    parts += [_route(route) for route in ROUTES]
    parts += ["## Kinds", _kinds_of_app(), _kinds_of_batch()]
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
    """Return what a handler, the use cases that it calls and the kinds that these ask say they raise."""
    yield from (error for function in _called(route) for error in errors_of(function) if error is not XwhepError)
    yield from _RETURNED.get(route.takes, ())


def _called(route: Route) -> Iterator[Callable[..., object]]:
    yield route.handler
    module = sys.modules[route.handler.__module__]
    for name, function in re.findall(r"\b(\w+)\.(\w+)\b", inspect.getsource(route.handler)):
        used = getattr(getattr(module, name, None), function, None)
        if inspect.isfunction(used) and used.__module__.startswith("dispatcher."):
            yield used
    if route.takes is RegisterApp:
        yield from (kind.check_apps for kind in KINDS)
    if route.takes is SubmitBatch:
        yield from (source.begin for source in KINDS.sources.values())
        yield jobs.submit


def _content(shape: Any) -> str:
    if shape is None:
        return "nothing"
    return "the content itself, `application/octet-stream`" if shape is CONTENT else _type(shape)


def _kinds_of_app() -> str:
    rows = []
    for kind in sorted(KINDS, key=lambda kind: kind.name):
        messages = (kind.ability, kind.work, kind.report, *_APP_DETAILS.get(kind.name, (None, None)))
        rows.append(f"| {kind.name} | {' | '.join(_link(message) for message in messages)} |")
    return "\n".join([KINDS_OF_APP, *rows])


def _kinds_of_batch() -> str:
    sources = sorted(KINDS.sources.values(), key=lambda source: source.name)
    rows = [
        f"| {source.name} | {_link(source.request)} | {_link(_BATCH_DETAILS.get(source.name))} |" for source in sources
    ]
    return "\n".join([KINDS_OF_BATCH, *rows])


def _link(message: type[BaseModel] | None) -> str:
    if message is None:
        return "none"
    return _type(message) if message.model_fields else "an empty object"


def _messages() -> list[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    waiting: list[Any] = [shape for route in ROUTES for shape in (route.takes, route.gives)]
    waiting += [kind.ability for kind in KINDS if kind.ability.model_fields]
    waiting += [*itertools.chain(*_APP_DETAILS.values()), *_BATCH_DETAILS.values()]
    while waiting:
        shape = waiting.pop()
        if not (isinstance(shape, type) and issubclass(shape, BaseModel)):
            waiting += get_args(shape)
        elif shape.__pydantic_generic_metadata__["origin"] is Page:
            waiting += shape.__pydantic_generic_metadata__["args"]
        elif shape in _ONE_OF:
            waiting += _ONE_OF[shape]
        elif shape not in found:
            found.add(shape)
            waiting += [hint for hint in _hints(shape).values() if hint is not None]
    return sorted(found, key=_name)


def _hints(model: type[BaseModel]) -> dict[str, Any]:
    """Return the types of a message's fields; of a generic one as they are in this message."""
    origin = model.__pydantic_generic_metadata__["origin"] or model
    hints = get_type_hints(origin, include_extras=True)
    own = {name: info.annotation for name, info in model.model_fields.items()}
    return hints | {name: own[name] for name, info in origin.model_fields.items() if info.annotation != own[name]}


def _name(model: type[BaseModel]) -> str:
    return (model.__pydantic_generic_metadata__["origin"] or model).__name__


def _message(model: type[BaseModel]) -> str:
    hints = _hints(model)
    meanings: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        if parent.__module__.startswith(("xwhep", "dispatcher")) and "[" not in parent.__name__:
            meanings |= comments(inspect.getsource(parent))
    rows = [
        f"| `{name}` | {_type(hints[name])} | {_default(info)} | {meanings.get(name, '')} |"
        for name, info in model.model_fields.items()
    ]
    head = [
        f"### {_name(model)}",
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
    for name, alias in _NAMED.items():
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
    if hint in _ONE_OF:
        return " or ".join(_type(message) for message in _ONE_OF[hint])
    return f"[{_name(hint)}](#{_name(hint).lower()})" if issubclass(hint, BaseModel) else _PLAIN[hint]


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
    rows = [f"| Details | object | {meanings['Details']} |"]
    for name, alias in sorted(_ALIASES.items()):
        written, *metadata = get_args(alias)
        rows.append(f"| {name} | {_type(written)}{_bounds(metadata)} | {meanings.get(name, '')} |")
    return "\n".join(["| type | written as | meaning |", "|---|---|---|", *rows])
