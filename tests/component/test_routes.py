"""Who may call what: the whole route table against every role, and against nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dispatcher.routes.table import ROUTES
from tests.support.grid import a_grid
from tests.support.raw import raw_client
from xwhep.rights import ADMINISTRATORS, EVERY_MEMBER, HOSTS, OWNERS, Role

PUBLIC = {("GET", "/v1/health"), ("GET", "/v1/ca"), ("POST", "/v1/join"), ("POST", "/v1/renew")}
UID = "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d"
PARTS = {"uid": UID, "job": UID, "number": "1", "digest": "0" * 64, "name": "stdout"}
#: what says that the door was passed: the handler itself was reached, and had its own opinion
INSIDE = {200, 201, 204, 400, 404, 409, 422}


def path_of(route_path: str) -> str:
    return re.sub(r"\{(\w+)(:[^}]*)?\}", lambda match: PARTS[match[1]], route_path)


def test_only_four_routes_are_public() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.roles is None} == PUBLIC


def test_every_other_route_names_roles_that_make_sense() -> None:
    for route in ROUTES:
        assert route.roles is None or route.roles in {OWNERS, HOSTS, ADMINISTRATORS, EVERY_MEMBER}
        assert route.path.startswith("/v1/")


async def test_nobody_gets_in_without_a_certificate(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, raw_client(grid) as nobody:
        for route in ROUTES:
            answer = await nobody.ask(route.method, path_of(route.path))
            if route.roles is None:
                assert answer.status in {200, 400}, route
            else:
                assert answer.outcome == (401, "no-certificate"), route
                assert "join with a token first" in answer.body["detail"]


async def test_every_role_gets_in_where_the_table_says_so_and_nowhere_else(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        for role in Role:
            async with raw_client(grid, await grid.member(role, role.value)) as member:
                for route in ROUTES:
                    answer = await member.ask(route.method, path_of(route.path))
                    if route.roles is None or role in route.roles:
                        assert answer.status in INSIDE, (role, route, answer)
                    else:
                        assert answer.outcome == (403, "forbidden"), (role, route)
                        assert answer.body["detail"].startswith(f"a {role} may not {route.method} /v1/")


async def test_what_is_no_route_is_said_to_be_none(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, raw_client(grid) as nobody:
        answers = [
            (await nobody.ask(method, path)).outcome
            for method, path in [("GET", "/"), ("GET", "/v1/secrets"), ("GET", "/v1/../etc"), ("PUT", "/v1/jobs")]
        ]

    assert answers == [(404, "no-such-route")] * 3 + [(405, "method-not-allowed")]


async def test_an_error_is_a_problem_document(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, raw_client(grid) as nobody, nobody.session.get("/v1/whoami") as response:
        body = await response.json(content_type=None)

    assert response.headers["Content-Type"].startswith("application/problem+json")
    assert body == {
        "type": "urn:xwhep:error:no-certificate",
        "status": 401,
        "code": "no-certificate",
        "detail": "this request needs a certificate of this grid; join with a token first",
    }


async def test_what_nobody_foresaw_is_logged_and_its_text_stays_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_grid(tmp_path) as grid, raw_client(grid) as nobody:
        grid.services.authority = None  # type: ignore[assignment] # a fault of ours, made on purpose
        answer = await nobody.ask("GET", "/v1/ca")

    assert answer.outcome == (500, "internal")
    assert "NoneType" not in answer.body["detail"]
    assert "GET /v1/ca failed" in caplog.text
