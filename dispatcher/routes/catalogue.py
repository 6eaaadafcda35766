"""Routes about apps and data."""

from __future__ import annotations

from aiohttp import web

from dispatcher.routes import content
from dispatcher.routes.door import CONTENT, Call, Route, render, serve
from dispatcher.usecases import catalogue
from xwhep.errors.requests import NotFoundError
from xwhep.ids import parse_uid
from xwhep.lifecycle import DataStatus
from xwhep.protocol.apps import AppView, RegisterApp
from xwhep.protocol.base import Page
from xwhep.protocol.data import DataView, RegisterData
from xwhep.rights import OWNERS

TABLE: list[Route] = []


@serve(TABLE, "POST", "/v1/apps", OWNERS, takes=RegisterApp, gives=AppView)
async def register_app(call: Call) -> web.Response:
    """Register a version of an app."""
    message: RegisterApp = await call.body(RegisterApp)
    services = call.services
    app = await services.database.run(catalogue.register_app, services.kinds, call.caller, message, now=services.now())
    return render(app, status=201)


@serve(TABLE, "GET", "/v1/apps", OWNERS, gives=Page[AppView])
async def list_apps(call: Call) -> web.Response:
    """Return the apps that the caller may use."""
    read = call.services.database.read
    return render(await read(catalogue.list_apps, call.caller, call.query("name"), call.query("after")))


@serve(TABLE, "GET", "/v1/apps/{uid}", OWNERS, gives=AppView)
async def show_app(call: Call) -> web.Response:
    """Return an app."""
    return render(await call.services.database.read(catalogue.show_app, call.caller, parse_uid(call.part("uid"))))


@serve(TABLE, "POST", "/v1/data", OWNERS, takes=RegisterData, gives=DataView)
async def register_data(call: Call) -> web.Response:
    """Announce a data."""
    message: RegisterData = await call.body(RegisterData)
    data = await call.services.database.run(catalogue.register_data, call.caller, message, now=call.services.now())
    return render(data, status=201)


@serve(TABLE, "GET", "/v1/data", OWNERS, gives=Page[DataView])
async def list_data(call: Call) -> web.Response:
    """Return the caller's data."""
    return render(await call.services.database.read(catalogue.list_data, call.caller, call.query("after")))


@serve(TABLE, "GET", "/v1/data/{uid}", OWNERS, gives=DataView)
async def show_data(call: Call) -> web.Response:
    """Return a data."""
    return render(await call.services.database.read(catalogue.show_data, call.caller, parse_uid(call.part("uid"))))


@serve(TABLE, "PUT", "/v1/data/{uid}/content", OWNERS, takes=CONTENT, gives=DataView)
async def store_content(call: Call) -> web.Response:
    """Take the content of an announced data."""
    uid, services = parse_uid(call.part("uid")), call.services
    data = await services.database.read(catalogue.show_data, call.caller, uid)
    await content.receive(call, data.digest, data.size_bytes)
    return render(await services.database.run(catalogue.content_arrived, call.caller, uid, now=services.now()))


@serve(TABLE, "GET", "/v1/data/{uid}/content", OWNERS, gives=CONTENT)
async def send_content(call: Call) -> web.StreamResponse:
    """Return the content of a data."""
    data = await call.services.database.read(catalogue.show_data, call.caller, parse_uid(call.part("uid")))
    if data.status is not DataStatus.AVAILABLE:
        raise NotFoundError("content of data", data.uid)
    return await content.send(call, data.digest)
