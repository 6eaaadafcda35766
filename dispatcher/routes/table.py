"""All routes of the interface."""

from __future__ import annotations

from aiohttp import web

from dispatcher.routes import catalogue, jobs, joining, members, work
from dispatcher.routes.door import MAX_BODY_BYTES, Route, guarded, render_errors
from dispatcher.services import SERVICES, Services

ROUTES: tuple[Route, ...] = (*joining.TABLE, *members.TABLE, *catalogue.TABLE, *jobs.TABLE, *work.TABLE)


def application(services: Services) -> web.Application:
    """Return the interface as an aiohttp application."""
    app = web.Application(middlewares=[render_errors], client_max_size=MAX_BODY_BYTES)
    app[SERVICES] = services
    for route in ROUTES:
        app.router.add_route(route.method, route.path, guarded(route))
    return app
