"""What a bridge does on the grid: the way of its service account through the client library, with a real worker."""

from __future__ import annotations

from pathlib import Path

from dispatcher.services import utc_now
from tests.support.grid import a_grid
from tests.support.person import Person
from xwhep.bitcoin.split_key import keygen
from xwhep.client.owner import OwnerClient
from xwhep.enrolment import join
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
