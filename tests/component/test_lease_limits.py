"""How long heartbeats can keep a job on one host, against the real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.scheduling.leases import DELIVERY
from dispatcher.usecases import leasing
from dispatcher.usecases.leasing import Heard
from tests.support.desk import Desk
from tests.support.kinds import KINDS
from xwhep.protocol.apps import Limits
from xwhep.protocol.attempts import AttemptProgress
from xwhep.rights import Role

BEAT_S = 30


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "grid.sqlite")
    desk.submit()
    yield desk
    desk.database.close()


def test_a_host_that_only_sends_heartbeats_loses_the_job_to_another(desk: Desk) -> None:
    idler, other = desk.member("idler", Role.HOST), desk.member("other", Role.HOST)
    lease = desk.lease(idler)
    assert lease is not None
    report = AttemptProgress(job_uid=lease.job_uid, attempt=lease.attempt)

    def beat() -> None:
        desk.pass_time(BEAT_S)
        desk.database.run_now(leasing.prolong, [Heard(idler.uid, desk.now, report)], {})
        desk.database.run_now(leasing.expire, KINDS, now=desk.now)

    beat()
    kept = desk.lease(other)
    desk.pass_time(Limits().wall_s + DELIVERY.total_seconds() - 2 * BEAT_S)
    desk.database.run_now(leasing.prolong_all, now=desk.now)
    beat()
    still_kept = desk.lease(other)
    for _ in range(3):
        beat()
    taken = desk.lease(other)

    assert kept is still_kept is None
    assert taken is not None
    assert (taken.job_uid, taken.attempt) == (lease.job_uid, 2)
