"""What the clients of owners make of lists and of names, over real TLS."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import web

from dispatcher import authority
from dispatcher.authority import Authority
from tests.support.tls import GRID, listener_context, listening, real_now
from xwhep.client.connection import Connection
from xwhep.client.owner import OwnerClient
from xwhep.pki.contexts import anonymous_context
from xwhep.protocol.base import Page
from xwhep.protocol.jobs import Output
from xwhep.protocol.members import GroupView

UID = UUID("0197a000-0000-7000-8000-000000000001")
GROUPS = [GroupView(uid=UID, name=f"group-{number}", created_at=real_now()) for number in range(5)]


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority.create(GRID, real_now())


@contextlib.asynccontextmanager
async def owner_of(ca: Authority, folder: Path, app: web.Application) -> AsyncIterator[OwnerClient]:
    async with (
        listening(app, listener_context(ca, folder / "server")) as url,
        Connection(url, anonymous_context(ca.cas)) as connection,
    ):
        yield OwnerClient(connection)


@pytest.mark.parametrize(
    "cuts",
    [[(0, 5, None)], [(0, 2, "a&b=c"), (2, 2, "empty"), (2, 5, None)], [(0, 0, None)]],
    ids=["one", "some", "none"],
)
async def test_a_list_is_followed_to_its_end(
    ca: Authority, tmp_path: Path, cuts: list[tuple[int, int, str | None]]
) -> None:
    cursors: list[str | None] = []

    async def page(request: web.Request) -> web.Response:
        start, end, following = cuts[len(cursors)]
        cursors.append(request.query.get("after"))
        return web.Response(text=Page[GroupView](items=GROUPS[start:end], next=following).model_dump_json())

    app = web.Application()
    app.router.add_get("/v1/groups", page)
    async with owner_of(ca, tmp_path, app) as owner:
        found = [group async for group in owner.groups()]

    assert found == GROUPS[: cuts[-1][1]]
    assert cursors == [None, *(following for _, _, following in cuts[:-1])]


async def test_filters_go_with_every_part_of_a_list(ca: Authority, tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []

    async def page(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        return web.json_response({"items": [], "next": "more" if len(asked) == 1 else None})

    app = web.Application()
    app.router.add_get("/v1/jobs", page)
    async with owner_of(ca, tmp_path, app) as owner:
        assert [job async for job in owner.jobs(status="running", batch_uid=UID)] == []

    narrowed = {"status": "running", "batch_uid": str(UID)}
    assert asked == [narrowed, narrowed | {"after": "more"}]


@pytest.mark.parametrize(
    "name", ["stdout", "out/a b.txt", "out/100%", "out/%2e%2e", "out/a+b#c&d;e=f", "out/é\u2028ü", "-"]
)
async def test_an_output_of_any_name_is_asked_for_by_that_name(ca: Authority, tmp_path: Path, name: str) -> None:
    content = b"hello"

    async def output(request: web.Request) -> web.Response:
        assert request.match_info["name"] == name
        return web.Response(body=content)

    app = web.Application()
    app.router.add_get(f"/v1/jobs/{UID}/outputs/{{name:.+}}", output)
    wanted = Output(name=name, digest=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    async with owner_of(ca, tmp_path, app) as owner:
        await owner.fetch_output(UID, wanted, tmp_path / "fetched")

    assert (tmp_path / "fetched").read_bytes() == content
