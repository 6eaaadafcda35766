"""Hypothesis strategies for the messages of the interface, read off their types: any message that may be sent."""

from __future__ import annotations

import types
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from annotated_types import Ge, Le, Lt, MaxLen, MinLen
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from tests.support.kinds import WORK
from xwhep.protocol import apps, attempts, base, batches, data, enrolment, jobs, members, native
from xwhep.protocol.base import Page
from xwhep.vanity import messages as vanity

MODULES = (base, apps, attempts, batches, data, enrolment, jobs, members, native, vanity)
#: messages that others are made of: each is looked at with the parts that it has in this program
GENERIC: dict[type[BaseModel], type[BaseModel]] = {
    Page: Page[jobs.JobSummary],
    attempts.Lease: attempts.Lease[WORK],
    attempts.LeaseReply: attempts.LeaseReply[WORK],
    attempts.ExchangedReport: attempts.ExchangedReport[vanity.ReportShare],
    attempts.Exchange: attempts.Exchange[vanity.ReportShare],
    attempts.ExchangeReply: attempts.ExchangeReply[WORK],
}
FUTURE = "from_the_future"  #: a field that nobody knows

_PATHS = st.from_regex(r"[a-zA-Z0-9_-]{1,12}(/[a-zé ]{1,4}[a-z0-9]){0,3}", fullmatch=True).filter(
    lambda path: not _is_refused(path)
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
_MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - as asked
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXTS, inner, max_size=2),
    max_leaves=4,
)
_KNOWN: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (base.RelativePath, _PATHS),
    (base.Argument, _TEXTS),
    (base.Moment, _MOMENTS),
    (JsonValue, _JSON),
]


def _is_refused(path: str) -> bool:
    try:
        base.check_relative_path(path)
    except ValueError:
        return True
    return False


def all_of(root: type[BaseModel]) -> list[type[BaseModel]]:
    """Return every message of one kind that the modules define, and a page of one."""
    found = [value for module in MODULES for value in vars(module).values() if _is_message(value, root)]
    return sorted({GENERIC.get(model, model) for model in found}, key=name_of)


def _is_message(value: object, root: type[BaseModel]) -> bool:
    return isinstance(value, type) and issubclass(value, root) and value is not root


def name_of(model: type[BaseModel]) -> str:
    """Return the name of a message, without the unions that it may be made of."""
    return model.__name__.partition("[Annotated")[0]


@cache
def messages(model: type[BaseModel]) -> st.SearchStrategy[BaseModel]:
    """Return any message of a class, made from JSON-like values as its constructor takes them."""
    hints = get_type_hints(model, include_extras=True)
    if model.__pydantic_generic_metadata__["args"]:  # its hints speak of any part, its fields of the real one
        hints |= {name: info.rebuild_annotation() for name, info in model.model_fields.items()}
    fields = {name: _field(info, hints[name]) for name, info in model.model_fields.items()}
    if model is jobs.SubmitJob:
        fields["inputs"] = st.lists(messages(jobs.Input), max_size=3).map(_with_own_paths)
    return st.fixed_dictionaries(fields).map(lambda values: model(**values))


def _with_own_paths(inputs: list[Any]) -> list[Any]:
    return [item.model_copy(update={"path": f"{number}-{item.path}"}) for number, item in enumerate(inputs)]


def _field(info: FieldInfo, hint: Any) -> st.SearchStrategy[Any]:
    patterns = [pattern for part in info.metadata if (pattern := getattr(part, "pattern", None)) is not None]
    return st.from_regex(_ascii(patterns[0]), fullmatch=True) if hint is str and patterns else of(hint)


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Return the values of a type that a message's field has."""
    for known, strategy in _KNOWN:
        if hint == known:
            return strategy
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None:
        return _plain(hint)
    if origin is Annotated:
        return _bounded(arguments[0], arguments[1:])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in {types.UnionType, Union}:
        return st.one_of([of(argument) for argument in arguments])
    return _collection(origin, [of(argument) for argument in arguments])


def _collection(origin: Any, parts: list[st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    if origin is tuple:
        return st.tuples(*parts)
    if origin is dict:
        return st.dictionaries(*parts, max_size=3)
    if origin is frozenset:
        return st.frozensets(parts[0], max_size=3)
    assert origin is list
    return st.lists(parts[0], max_size=3)


def _plain(hint: Any) -> st.SearchStrategy[Any]:
    if hint is type(None):
        return st.none()
    if issubclass(hint, BaseModel):
        return messages(hint)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    return {
        bool: st.booleans(),
        bytes: st.binary(max_size=40),
        str: _TEXTS,
        int: st.integers(-(2**62), 2**62),
        float: st.floats(allow_nan=False, allow_infinity=False),
        UUID: st.uuids(),
    }[hint]


def _bounded(hint: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    constraints = [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
    low: Any = next((part.ge for part in constraints if isinstance(part, Ge)), None)
    highs: list[Any] = [part.le for part in constraints if isinstance(part, Le)]
    highs += [part.lt - 1 for part in constraints if isinstance(part, Lt) and isinstance(part.lt, int)]
    high = highs[0] if highs else None
    shortest = next((part.min_length for part in constraints if isinstance(part, MinLen)), 0)
    texts = [part for part in constraints if isinstance(part, StringConstraints)]
    if hint is int:
        return st.integers(low, high)
    if hint is float:
        return st.floats(low, high)
    if texts and texts[0].pattern is not None:
        return st.from_regex(_ascii(str(texts[0].pattern)), fullmatch=True)
    if hint is str:
        longest = [part.max_length for part in (*texts, *constraints) if isinstance(part, StringConstraints | MaxLen)]
        return st.text(
            st.characters(exclude_categories=["Cs"]),
            min_size=shortest,
            max_size=min([most for most in longest if most] + [40]),
        )
    if get_origin(hint) is list:
        return st.lists(of(get_args(hint)[0]), min_size=shortest, max_size=3)
    return of(hint)


def _ascii(pattern: str) -> str:
    """Return a pattern without its anchors, which mean more to Python than to pydantic's own engine."""
    return pattern.removeprefix("^").removesuffix("$")


def as_tree(message: BaseModel) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a message as JSON's values, and all objects in it that stand for messages or field groups."""
    nodes: list[dict[str, Any]] = []

    def visit(value: Any) -> Any:
        if isinstance(value, BaseModel):
            node = {name: visit(getattr(value, name)) for name in type(value).model_fields}
            nodes.append(node)
            return node
        if isinstance(value, list):
            return [visit(item) for item in value]
        return to_jsonable_python(value, bytes_mode="base64")

    return visit(message), nodes
