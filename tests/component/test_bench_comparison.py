"""The comparison of `make bench-dispatcher`: what stands beside the dispatcher does the same work."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import Session, select

from tests.bench.dispatcher_grid import a_loaded_grid
from tests.bench.lives import Lane
from tests.bench.naive_tables import DATABASE, NaiveJob, NaiveOutput
from tests.bench.versus_naive import NAIVE_LIFE, a_naive_grid
from xwhep.lifecycle import Status
from xwhep.sql.sqlite import open_engine


async def test_the_straightforward_dispatcher_serves_a_whole_life(tmp_path: Path) -> None:
    naive_folder = tmp_path / "naive"
    naive_folder.mkdir()

    async with (
        a_loaded_grid(tmp_path, hosts=1) as real,
        a_naive_grid(naive_folder, tmp_path / "dispatcher", real) as naive,
    ):
        lane = await Lane.open(naive, 0)
        await NAIVE_LIFE(lane)
        lane.close()

    engine = open_engine(naive_folder / DATABASE)
    with Session(engine) as session:
        assert [job.status for job in session.exec(select(NaiveJob))] == [Status.COMPLETED]
        assert [output.name for output in session.exec(select(NaiveOutput))] == ["stdout"]
    engine.dispose()
