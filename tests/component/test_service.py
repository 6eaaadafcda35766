"""What a bridge does on the grid: the way of its service account through the client library, with a real worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatcher.services import utc_now
from tests.support.content import register, submit
from tests.support.grid import a_grid
from tests.support.person import Person
from xwhep.bitcoin.split_key import keygen
from xwhep.client.owner import OwnerClient
from xwhep.enrolment import join
from xwhep.errors import NotFoundError
from xwhep.ids import new_uid
from xwhep.members import Kind as MemberKind
from xwhep.model.batches import SubmitSearch
from xwhep.rights import Role

REQUESTER = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"


async def test_the_command_line_shows_who_asked_on_the_chain(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        identity = await join(
            grid.url, await grid.token(Role.SERVICE), MemberKind.SERVICE, "oracle", tmp_path / "home" / "user"
        )
        search = SubmitSearch(
            uid=new_uid(utc_now()), name="s", requester=REQUESTER, pattern="1L", public_key=keygen()[1].hex()
        )
        async with grid.connect(identity) as connection:
            await OwnerClient(connection).submit_batch(search)
        person = Person(tmp_path / "home")
        shown = await person.does("batches", "show", search.uid)
        listed = await person.gets("batches", "list")

    assert f"requester  {REQUESTER}" in shown.output
    assert [batch["requester"] for batch in listed] == [REQUESTER]


async def test_a_service_submits_to_an_app_of_somebody_else_and_a_user_does_not(tmp_path: Path) -> None:
    async with (
        a_grid(tmp_path) as grid,
        grid.owner("alice") as alice,
        grid.owner("eve") as eve,
        grid.owner("oracle", Role.SERVICE) as oracle,
    ):
        app = await register(alice, tmp_path)
        (job,) = await submit(oracle, app)
        submitted = await oracle.job(job.uid)
        found = [known.uid async for known in oracle.apps(app.name)]
        with pytest.raises(NotFoundError):
            await submit(eve, app)
        with pytest.raises(NotFoundError):
            await alice.job(job.uid)
        unknown = [known.uid async for known in eve.apps(app.name)]

    assert submitted.app_uid == app.uid
    assert found == [app.uid]
    assert unknown == []


async def test_a_service_reaches_no_job_data_or_batch_of_somebody_else(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.owner("oracle", Role.SERVICE) as oracle:
        (job,) = await submit(alice, await register(alice, tmp_path))
        (data,) = [data async for data in alice.datas()]
        search = SubmitSearch(uid=new_uid(utc_now()), name="s", pattern="1L", public_key=keygen()[1].hex())
        await alice.submit_batch(search)
        for refused in (
            oracle.job(job.uid),
            oracle.cancel_job(job.uid),
            oracle.data(data.uid),
            oracle.batch(search.uid),
            oracle.cancel_batch(search.uid),
        ):
            with pytest.raises(NotFoundError):
                await refused
