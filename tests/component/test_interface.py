"""Clients and dispatcher mean the same interface: routes, messages, replies."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from pydantic import BaseModel

from dispatcher.routes.door import CONTENT, Route
from dispatcher.routes.table import ROUTES
from tests.support.kinds import KINDS
from tests.support.messages import of
from tests.support.older_host import OlderHost
from xwhep.client.owner import OwnerClient
from xwhep.protocol.attempts import Exchange, Report, Work
from xwhep.protocol.base import Page
from xwhep.protocol.batches import SubmitBatch
from xwhep.vanity.messages import ReportShare
from xwhep.world import REAL

UID = UUID("0197a000-0000-7000-8000-000000000001")
CLIENTS = (OwnerClient, OlderHost)
#: what a client is made with beside its connection
MADE_WITH: dict[type, tuple[Any, ...]] = {OwnerClient: (), OlderHost: (Work,)}
METHODS = [
    pytest.param(client, name, id=f"{client.__name__}.{name}")
    for client in CLIENTS
    for name, _ in inspect.getmembers(client, inspect.isfunction)
    if not name.startswith("_")
]


#: what a route reads as a message of the kind that it is about, and the root of all of them
OF_KINDS: dict[str, type[BaseModel]] = {
    "services.kinds.submit_batch": SubmitBatch,
    "services.kinds.report": Report,
    "services.kinds.exchange": Exchange[Report],
}


class Asked(Exception):  # noqa: N818 - what ends a call before anything is sent
    """What a client asked of its connection."""


class Recorder:
    """Stands where the connection is, and tells what it is asked."""

    world = REAL

    async def call(self, method: str, path: str, reply: Any, body: Any = None, **_: Any) -> Any:
        raise Asked(method, path, None if body is None else type(body), reply)

    async def upload(self, path: str, *_: Any) -> None:
        raise Asked("PUT", path, CONTENT, None)

    async def download(self, path: str, *_: Any, **__: Any) -> None:
        raise Asked("GET", path, None, CONTENT)


async def asked_by(client: type, name: str) -> tuple[str, str, Any, Any]:
    """Return what a client's method asks: HTTP method, path, body and reply."""
    method = getattr(client(Recorder(), *MADE_WITH[client]), name)
    arguments = [_any(hint) for hint in _needed(method)]
    answer = method(*arguments)
    with pytest.raises(Asked) as caught:
        await (anext(answer) if inspect.isasyncgen(answer) else answer)
    return caught.value.args


def _needed(method: Any) -> list[Any]:
    parameters = inspect.signature(method, eval_str=True).parameters.values()
    return [parameter.annotation for parameter in parameters if parameter.default is parameter.empty]


def _any(hint: Any) -> Any:
    known = {Path: Path("x"), UUID: UID, str: "0" * 64, int: 1, Exchange[Any]: Exchange[Report]()}
    return known.get(hint) or of(hint).example()


def route_of(method: str, path: str) -> Route:
    def fits(route: Route) -> bool:
        pattern = re.sub(r"\{\w+:([^}]+)\}", r"\1", route.path)
        return route.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) is not None

    (route,) = (route for route in ROUTES if fits(route))
    return route


def shapes(shape: Any) -> set[Any]:
    """Return a message, or the messages of a union."""
    if shape is None or isinstance(shape, type):
        return {shape}
    return {part for argument in get_args(shape) for part in shapes(argument) if isinstance(part, type)}


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
@pytest.mark.parametrize(("client", "name"), METHODS)
async def test_a_client_asks_what_the_dispatcher_answers(client: type, name: str) -> None:
    method, path, body, reply = await asked_by(client, name)

    route = route_of(method, path)

    assert body in shapes(route.takes)
    assert reply is route.gives or reply is None, "an upload's reply is not read"


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
async def test_every_route_of_members_has_a_client() -> None:
    asked = [await asked_by(*parameter.values) for parameter in METHODS]  # type: ignore[arg-type] # a class and a name
    served = {(route.method, route.path) for route in ROUTES if route.roles is not None}
    used = {(route.method, route.path) for method, path, *_ in asked for route in [route_of(method, path)]}

    assert served - used == {("GET", "/v1/hosts/{uid}")}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_reads_what_it_says_it_takes(route: Route) -> None:
    source = inspect.getsource(route.handler)
    read = re.findall(r"call\.body\(([\w.]+)(?:\(\))?[,)]", source)

    if route.takes is CONTENT:
        assert "content.receive(call" in source
    else:
        named = [OF_KINDS.get(name) or getattr(inspect.getmodule(route.handler), name) for name in read]
        assert named == ([] if route.takes is None else [route.takes])


def test_messages_of_kinds_are_of_the_root_that_their_route_names() -> None:
    batches, reports = shapes(KINDS.submit_batch()), shapes(KINDS.report())

    assert {message.__name__ for message in batches} == {"SubmitBag", "SubmitSearch"}
    assert all(issubclass(message, SubmitBatch) for message in batches)
    assert reports == {ReportShare}
    assert issubclass(ReportShare, Report)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_gives_a_message_content_or_nothing(route: Route) -> None:
    assert route.gives in {None, CONTENT} or issubclass(route.gives, BaseModel)
    assert (route.gives is CONTENT) == ("content.send(call" in inspect.getsource(route.handler))
    if isinstance(route.gives, type) and issubclass(route.gives, Page):
        assert route.method == "GET"
