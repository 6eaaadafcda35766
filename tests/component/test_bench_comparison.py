"""The comparison of `make bench-dispatcher`: what stands beside the dispatcher does the same work."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import Session, select

from tests.bench.dispatcher_grid import a_loaded_grid
from tests.bench.lives import Lane
from tests.bench.naive_tables import DATABASE, NaiveJob, NaiveOutput
from tests.bench.versus_naive import NAIVE_LIFE, a_naive_grid
from tests.bench.versus_queues import MODES, Found, Run, run_ours
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


async def test_no_op_jobs_go_through_a_worker_process(tmp_path: Path) -> None:
    async with a_loaded_grid(tmp_path, hosts=1) as grid:
        runs = [await run_ours(grid, mode, 20) for mode in MODES]

    assert [run.jobs for run in runs] == [20, 20]
    assert all(0 < run.client_s < run.all_s for run in runs)


def test_a_rival_that_was_not_measured_has_no_ratio() -> None:
    found = Found({"xwhep-one": [Run(10, 1, 0, 0)], "celery-one": [Run(5, 1, 0, 0)]})

    assert found.ratio("xwhep-one", "celery-one") == 2
    assert found.ratio("xwhep-one", "procrastinate-one") is None
