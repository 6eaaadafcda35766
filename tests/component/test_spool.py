"""What the worker must not lose, on a real disk."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.leases import native_lease, vanity_lease
from worker.agent.events import Kept, Ref, ref_of
from worker.config import WorkerSettings
from worker.runs.registry import load
from worker.runs.vanity import Checkpoint
from worker.spool import INTERRUPTED, KEEP, Spool
from xwhep.protocol.attempts import FinishAttempt, Outcome
from xwhep.protocol.jobs import Output
from xwhep.vanity.messages import ReportShare

LEASE = vanity_lease(1)
REF = ref_of(LEASE)
SHARE = ReportShare(s="00" * 31 + "2a", e=1, sign=-1)
END = FinishAttempt(outcome=Outcome.FINISHED, amount=5)
EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def a_spool(folder: Path, *kinds: str) -> Spool:
    """Return the spool of a worker that knows these kinds, by default all that are built in."""
    return Spool(folder, load(WorkerSettings(kinds=frozenset(kinds or ("native", "vanity")))))


def now() -> datetime:
    return datetime.now(UTC)


def restart(folder: Path, *kinds: str) -> tuple[Spool, tuple[Kept, ...]]:
    spool = a_spool(folder, *kinds)
    return spool, spool.recover(now())


def test_a_result_survives_a_restart_with_its_reports_and_outputs(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    workplace = spool.open(LEASE)
    (workplace.run / "stdout").write_bytes(b"")
    end = END.model_copy(update={"outputs": [Output(name="stdout", digest=EMPTY_DIGEST, size_bytes=0)]})
    spool.add_report(REF, 0, SHARE)
    spool.add_report(REF, 1, SHARE)
    spool.forget_report(REF, 0)
    size_bytes = spool.end(REF, end)

    spool, (kept,) = restart(tmp_path)

    assert (kept.ref, kept.reports, kept.size_bytes) == (REF, (1,), size_bytes)
    assert spool.end_of(REF) == end
    assert spool.report(REF, 1) == SHARE
    assert spool.output(REF, "stdout").read_bytes() == b""


def test_a_report_that_is_acknowledged_while_a_run_ends_costs_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = a_spool(tmp_path)
    spool.open(LEASE)
    spool.add_report(REF, 0, SHARE)
    listed = Path.rglob

    def listed_and_then_forgotten(folder: Path, pattern: str) -> list[Path]:
        paths = list(listed(folder, pattern))
        spool.forget_report(REF, 0)
        return paths

    monkeypatch.setattr(Path, "rglob", listed_and_then_forgotten)

    assert spool.end(REF, END) > 0
    assert spool.end_of(REF) == END


def test_a_result_that_an_earlier_version_of_the_worker_kept_is_delivered(tmp_path: Path) -> None:
    """It may have fields that are gone."""
    spool = a_spool(tmp_path)
    spool.open(native_lease(1, EMPTY_DIGEST))
    spool.end(REF, FinishAttempt(outcome=Outcome.FINISHED, exit_status=0))
    file = tmp_path / f"{REF.job_uid}-1" / "end.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "keys_tried": 0, "keys_per_s": 0.0}))

    spool, (kept,) = restart(tmp_path)

    assert kept.ref == REF
    assert spool.end_of(REF) == FinishAttempt(outcome=Outcome.FINISHED, exit_status=0)


def test_an_interrupted_job_is_given_back(tmp_path: Path) -> None:
    lease = native_lease(1, EMPTY_DIGEST)
    a_spool(tmp_path).open(lease)

    spool, (kept,) = restart(tmp_path)

    assert kept.lease is None
    assert spool.end_of(ref_of(lease)) == INTERRUPTED
    assert restart(tmp_path)[1] == (kept,)


def test_an_interrupted_search_can_go_on_from_its_checkpoint_and_its_reports_are_kept(tmp_path: Path) -> None:
    lease = vanity_lease(1, steps=9)
    spool = a_spool(tmp_path)
    spool.open(lease)
    spool.add_report(REF, 0, SHARE)
    spool.save(REF, Checkpoint(next_step=3))
    spool.save(REF, Checkpoint(next_step=5))

    for _ in range(2):
        spool, (kept,) = restart(tmp_path)
        assert kept == Kept(REF, (0,), 0, lease, Checkpoint(next_step=5))
        spool.open(lease)


def test_a_search_that_was_interrupted_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    a_spool(tmp_path).open(LEASE)

    assert restart(tmp_path)[1] == (Kept(REF, (), 0, LEASE, None),)


def test_a_search_whose_end_is_known_does_not_go_on(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    spool.open(LEASE)
    spool.save(REF, Checkpoint(next_step=1))
    spool.end(REF, END)

    (kept,) = restart(tmp_path)[1]

    assert kept.lease is None


@pytest.mark.parametrize("content", [b'{"next_step": -1}', b'{"next_ste', b"\xff"])
def test_a_search_whose_checkpoint_cannot_be_read_is_dropped(tmp_path: Path, content: bytes) -> None:
    a_spool(tmp_path).open(LEASE)
    (tmp_path / f"{REF.job_uid}-1" / "checkpoint.json").write_bytes(content)

    assert restart(tmp_path)[1] == ()
    assert list(tmp_path.iterdir()) == []


def test_a_kind_that_is_not_loaded_any_more_gives_its_attempt_back_and_its_reports_are_kept(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    spool.open(LEASE)
    spool.add_report(REF, 0, SHARE)
    spool.save(REF, Checkpoint(next_step=1))

    spool, (kept,) = restart(tmp_path, "native")

    assert (kept.lease, kept.reports) == (None, (0,))
    assert spool.end_of(REF) == INTERRUPTED
    assert json.loads(spool.report(REF, 0).model_dump_json()) == json.loads(SHARE.model_dump_json())


def test_what_was_acknowledged_is_gone(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    spool.open(LEASE)
    spool.end(REF, END)
    spool.forget(REF)
    spool.forget(REF)

    assert restart(tmp_path)[1] == ()
    assert list(tmp_path.iterdir()) == []


def test_a_removal_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    leftover = tmp_path / f".gone-{REF.job_uid}-1"
    leftover.mkdir()
    (leftover / "lease.json").write_text("{}")

    assert restart(tmp_path)[1] == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["lease.json", "end.json", "report-000000.json"])
def test_what_cannot_be_read_is_dropped_and_the_rest_is_kept(tmp_path: Path, name: str) -> None:
    spool = a_spool(tmp_path)
    other = ref_of(vanity_lease(2))
    for lease in (LEASE, vanity_lease(2)):
        spool.open(lease)
        spool.add_report(ref_of(lease), 0, SHARE)
        spool.end(ref_of(lease), END)
    (tmp_path / f"{REF.job_uid}-1" / name).write_bytes(b'{"half')

    assert [kept.ref for kept in restart(tmp_path)[1]] == [other]


def test_a_stranger_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").write_text("mine")

    assert restart(tmp_path)[1] == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "notes.txt"]


def test_what_nobody_takes_is_kept_for_thirty_days_and_no_longer(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    spool.open(LEASE)
    spool.end(REF, END)

    assert len(spool.recover(now() + KEEP - timedelta(hours=1))) == 1
    assert spool.recover(now() + KEEP + timedelta(hours=1)) == ()
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_result_comes_first(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    refs = [Ref(lease.job_uid, lease.attempt) for lease in map(vanity_lease, (3, 1, 2))]
    for age, number in enumerate((3, 1, 2)):
        spool.open(vanity_lease(number))
        spool.end(refs[age], END)
        os.utime(tmp_path / f"{refs[age].job_uid}-1", (age, age))

    assert [kept.ref for kept in restart(tmp_path)[1]] == refs


def test_nobody_else_reads_what_is_kept(tmp_path: Path) -> None:
    spool = a_spool(tmp_path / "attempts")
    spool.open(LEASE)
    spool.end(REF, END)

    if os.name != "nt":
        assert (tmp_path / "attempts").stat().st_mode & 0o077 == 0
        assert (tmp_path / "attempts" / f"{REF.job_uid}-1" / "end.json").stat().st_mode & 0o077 == 0
